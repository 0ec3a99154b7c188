"""The names and labels of everything that is installed for an operator."""

from collections.abc import Mapping

from rumpf.objects import Manifest
from rumpf.operator import Operator

NAME_LABEL = "app.kubernetes.io/name"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
OPERATOR_LABEL = "rumpf.dev/operator"


def labels_of(operator: Operator) -> dict[str, str]:
    """Return the labels by which all that belongs to an operator can be found again."""
    return {
        NAME_LABEL: operator.full_name,
        MANAGED_BY_LABEL: "rumpf",
        OPERATOR_LABEL: operator.name,
    }


def selector_of(operator: Operator) -> dict[str, str]:
    """Return what tells the operator's Pods from others. It can never change: a Deployment's is immutable."""
    return {NAME_LABEL: operator.full_name}


def metadata_of(
    operator: Operator, *, name: str = "", namespace: str = "", labels: Mapping[str, str] | None = None
) -> Manifest:
    """Return the metadata of one of the operator's objects; it is called like the operator by default."""
    metadata: Manifest = {
        "name": name or operator.full_name,
        "labels": labels_of(operator) | dict(labels or {}),
    }
    return metadata | ({"namespace": namespace} if namespace else {})


def module_of(operator: Operator) -> str:
    """Return the package that the operator's process imports."""
    return f"operators.{operator.name.replace('-', '_')}"
