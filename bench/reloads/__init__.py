"""The parts of the benchmark of ConfigWatcher: the applications, what is seen of them, the scenarios."""
