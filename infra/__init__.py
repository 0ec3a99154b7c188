"""The Pulumi program: a cluster, and the operators of this repository on it."""
