"""The parts of the benchmark of Message: the cluster, the load, the rivals, the phases, the table."""
