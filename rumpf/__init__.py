"""Rumpf: Kubernetes operators in Python, and a real Kubernetes that starts in seconds to prove them.

Importing it asks nothing of a cluster, and starts nothing.
"""

from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from rumpf.conditions import Condition, Status
    from rumpf.kinds import Kind
    from rumpf.measures import Counter, Histogram
    from rumpf.model import Model
    from rumpf.objects import (
        ConfigMap,
        DaemonSet,
        Deployment,
        Job,
        Manifest,
        PersistentVolumeClaim,
        Pod,
        Reference,
        ReplicaSet,
        Secret,
        Service,
        StatefulSet,
        View,
    )
    from rumpf.operator import Operator, Reconciler, Resources, Setting, Watch, reconciler
    from rumpf.resource import AGE, Column, Resource, Scale
    from rumpf.rights import Grant, Rule
    from rumpf.schema.markers import (
        Atomic,
        Cel,
        EmbeddedResource,
        Immutable,
        Inexact,
        ListMap,
        ListSet,
        Named,
        Nullable,
        PreserveUnknown,
    )
    from rumpf.world import NotOurs, Refused, Waiting, World, child_name

_HOME = {
    "rumpf.conditions": ("Condition", "Status"),
    "rumpf.kinds": ("Kind",),
    "rumpf.measures": ("Counter", "Histogram"),
    "rumpf.model": ("Model",),
    "rumpf.objects": (
        "ConfigMap",
        "DaemonSet",
        "Deployment",
        "Job",
        "Manifest",
        "PersistentVolumeClaim",
        "Pod",
        "Reference",
        "ReplicaSet",
        "Secret",
        "Service",
        "StatefulSet",
        "View",
    ),
    "rumpf.operator": ("Operator", "Reconciler", "Resources", "Setting", "Watch", "reconciler"),
    "rumpf.resource": ("AGE", "Column", "Resource", "Scale"),
    "rumpf.rights": ("Grant", "Rule"),
    "rumpf.schema.markers": (
        "Atomic",
        "Cel",
        "EmbeddedResource",
        "Immutable",
        "Inexact",
        "ListMap",
        "ListSet",
        "Named",
        "Nullable",
        "PreserveUnknown",
    ),
    "rumpf.world": ("NotOurs", "Refused", "Waiting", "World", "child_name"),
}
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AGE",
    "Atomic",
    "Cel",
    "Column",
    "Condition",
    "ConfigMap",
    "Counter",
    "DaemonSet",
    "Deployment",
    "EmbeddedResource",
    "Grant",
    "Histogram",
    "Immutable",
    "Inexact",
    "Job",
    "Kind",
    "ListMap",
    "ListSet",
    "Manifest",
    "Model",
    "Named",
    "NotOurs",
    "Nullable",
    "Operator",
    "PersistentVolumeClaim",
    "Pod",
    "PreserveUnknown",
    "Reconciler",
    "Reference",
    "Refused",
    "ReplicaSet",
    "Resource",
    "Resources",
    "Rule",
    "Scale",
    "Secret",
    "Service",
    "Setting",
    "StatefulSet",
    "Status",
    "View",
    "Waiting",
    "Watch",
    "World",
    "child_name",
    "reconciler",
]


def __getattr__(name: str) -> object:
    # Lazily: `rumpf cluster` needs no pydantic, and its start is what people wait for.
    if name in _WHERE:
        import importlib

        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
