"""The clusters that the program can make, or takes as they are."""
