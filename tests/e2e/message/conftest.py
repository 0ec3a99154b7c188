"""What the tests of Message share."""

import pytest

from rumpf.testing import Kubectl, Operators
from tests.e2e.message.stage import Messages


@pytest.fixture
def messages(kubectl: Kubectl, operators: Operators, busybox: str) -> Messages:
    """Messages in the test's own namespace; their CRD and the operator's rights are installed."""
    operators.install("message")
    return Messages(kubectl, operators, busybox)
