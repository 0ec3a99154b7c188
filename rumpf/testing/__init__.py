"""Tests against a real Kubernetes: the pytest plugin's fixtures, as types to annotate with."""

from rumpf.testing.faults import Faults
from rumpf.testing.kubectl import Kubectl
from rumpf.testing.logs import Logs
from rumpf.testing.operators import OperatorProcess, Operators
from rumpf.testing.running import Backend, RunningCluster

__all__ = ["Backend", "Faults", "Kubectl", "Logs", "OperatorProcess", "Operators", "RunningCluster"]
