"""Where Pods may go, and rather go."""

from typing import Annotated, Literal

from pydantic import Field

from rumpf.model import Model
from rumpf.schema.markers import ListSet
from rumpf.types.selectors import LabelSelector


class Toleration(Model):
    """A taint of nodes that a Pod puts up with."""

    key: str | None = None
    """The taint's key; absent with Exists: every taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """Equal (if absent) asks for the value, too."""
    value: str | None = None
    """The taint's value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """What the taint does; absent: all of it."""
    toleration_seconds: int | None = None
    """How long it stays on a node with the taint NoExecute; absent: for ever."""


Weight = Annotated[int, Field(ge=1, le=100)]
"""How much a preference counts."""


class NodeRequirement(Model):
    """What a label, or a field, of a node must be like."""

    key: Annotated[str, Field(min_length=1, max_length=316)]
    """The label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How its value and `values` belong together."""
    values: Annotated[tuple[str, ...], Field(max_length=256)] = ()
    """Values; one whole number for Gt and Lt, none for Exists and DoesNotExist."""


class NodeSelectorTerm(Model):
    """Nodes for which all of this holds."""

    __atomic__ = True

    match_expressions: tuple[NodeRequirement, ...] = ()
    """What their labels must be like."""
    match_fields: tuple[NodeRequirement, ...] = ()
    """What their fields must be like; `metadata.name` is the only one."""


class NodeSelector(Model):
    """Nodes for which any of the terms holds."""

    __atomic__ = True

    node_selector_terms: Annotated[tuple[NodeSelectorTerm, ...], Field(min_length=1)]
    """The terms."""


class PreferredNodes(Model):
    """Nodes that are rather wanted."""

    weight: Weight
    """How much it counts."""
    preference: NodeSelectorTerm
    """The nodes."""


class NodeAffinity(Model):
    """Which nodes a Pod may be on, and rather is."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """It may be only on these."""
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredNodes, ...] = ()
    """It is rather on these."""


class PodAffinityTerm(Model):
    """Pods that are in the same place: on the same node, in the same zone."""

    topology_key: Annotated[str, Field(min_length=1, max_length=316)]
    """The label of nodes that says what a place is: kubernetes.io/hostname."""
    label_selector: LabelSelector | None = None
    """The Pods; absent: none."""
    namespaces: tuple[str, ...] = ()
    """Their namespaces; empty: the Pod's own, if no `namespaceSelector` says otherwise."""
    namespace_selector: LabelSelector | None = None
    """Their namespaces, by labels."""
    match_label_keys: tuple[str, ...] = ()
    """Labels whose values must be the Pod's own."""
    mismatch_label_keys: tuple[str, ...] = ()
    """Labels whose values must not be the Pod's own."""


class PreferredPods(Model):
    """Pods whose place is rather wanted, or not."""

    weight: Weight
    """How much it counts."""
    pod_affinity_term: PodAffinityTerm
    """The Pods, and what a place is."""


class PodAffinity(Model):
    """Pods whose place a Pod must share or not, and rather does or not."""

    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()
    """It must."""
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredPods, ...] = ()
    """It rather does."""


class Affinity(Model):
    """Where a Pod may be, and rather is."""

    node_affinity: NodeAffinity | None = None
    """By nodes."""
    pod_affinity: PodAffinity | None = None
    """Near other Pods."""
    pod_anti_affinity: PodAffinity | None = None
    """Away from other Pods."""


class TopologySpread(Model):
    """How evenly Pods are spread over places."""

    max_skew: Annotated[int, Field(ge=1)]
    """How many more there may be in one place than in another."""
    topology_key: Annotated[str, Field(min_length=1, max_length=316)]
    """The label of nodes that says what a place is: topology.kubernetes.io/zone."""
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    """What if it cannot be."""
    label_selector: LabelSelector | None = None
    """The Pods that count."""
    match_label_keys: Annotated[tuple[str, ...], ListSet()] = ()
    """Labels whose values must be the Pod's own."""
    min_domains: Annotated[int, Field(ge=1)] | None = None
    """How many places there must be at least."""
