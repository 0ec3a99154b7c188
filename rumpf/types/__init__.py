"""Kubernetes' own types, for specs: quantities, durations, selectors, references, and where Pods may go.

Each is typed once, with the fields that Kubernetes has, and reads and writes what Kubernetes does.
"""

from typing import Any

from pydantic import BaseModel

from rumpf.types.amounts import Duration, Quantity
from rumpf.types.containers import ResourceClaim, ResourceRequirements
from rumpf.types.names import (
    ConfigMapKeyRef,
    IntOrString,
    LabelName,
    LocalReference,
    ObjectName,
    Port,
    SecretKeyRef,
)
from rumpf.types.scheduling import (
    Affinity,
    NodeAffinity,
    NodeRequirement,
    NodeSelector,
    NodeSelectorTerm,
    PodAffinity,
    PodAffinityTerm,
    PreferredNodes,
    PreferredPods,
    Toleration,
    TopologySpread,
)
from rumpf.types.selectors import LabelRequirement, LabelSelector

__all__ = [
    "Affinity",
    "ConfigMapKeyRef",
    "Duration",
    "IntOrString",
    "LabelName",
    "LabelRequirement",
    "LabelSelector",
    "LocalReference",
    "NodeAffinity",
    "NodeRequirement",
    "NodeSelector",
    "NodeSelectorTerm",
    "ObjectName",
    "PodAffinity",
    "PodAffinityTerm",
    "Port",
    "PreferredNodes",
    "PreferredPods",
    "Quantity",
    "ResourceClaim",
    "ResourceRequirements",
    "SecretKeyRef",
    "Toleration",
    "TopologySpread",
    "to_wire",
]


def to_wire(model: BaseModel) -> dict[str, Any]:
    """Return a model as it stands in a manifest: wire names, and only what was said in it."""
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
