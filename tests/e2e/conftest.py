"""What the tests of nodes and faults share."""

import pytest

from rumpf.testing import Kubectl
from tests.e2e.inside import Pods


@pytest.fixture
def pods(kubectl: Kubectl, namespace: str, busybox: str) -> Pods:
    """Pods in the test's own namespace."""
    assert kubectl.namespace == namespace
    return Pods(kubectl, busybox)
