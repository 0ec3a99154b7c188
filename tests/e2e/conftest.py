"""What the tests of nodes and faults share."""

import dataclasses

import pytest

from rumpf.cluster import ClusterSpec
from rumpf.testing import Kubectl
from tests.e2e.inside import Pods


@pytest.fixture
def pods(kubectl: Kubectl, namespace: str, busybox: str) -> Pods:
    """Pods in the test's own namespace."""
    assert kubectl.namespace == namespace
    return Pods(kubectl, busybox)


@pytest.fixture(scope="session")
def cluster_spec(cluster_spec: ClusterSpec) -> ClusterSpec:
    """With an audit log: what an operator asks for is compared to what it may."""
    return dataclasses.replace(cluster_spec, audit=True)
