"""What specs borrow from Kubernetes, typed once."""

from rumpf import Model
from rumpf.types import (
    Affinity,
    ConfigMapKeyRef,
    IntOrString,
    LabelSelector,
    LocalReference,
    Port,
    ResourceRequirements,
    SecretKeyRef,
    Toleration,
    TopologySpread,
)


class Subject(Model):
    selector: LabelSelector
    resources: ResourceRequirements = ResourceRequirements()
    tolerations: list[Toleration] = []
    affinity: Affinity | None = None
    spread: list[TopologySpread] = []
    pull_secrets: list[LocalReference] = []
    password: SecretKeyRef | None = None
    setting: ConfigMapKeyRef | None = None
    port: Port = 5432
    max_unavailable: IntOrString = 1


subject = Subject
