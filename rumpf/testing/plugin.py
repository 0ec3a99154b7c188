"""The pytest plugin: clusters, namespaces, kubectl and faults for tests."""
