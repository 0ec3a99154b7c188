"""Names, columns, scale, selectable fields, rules of the whole, a status that is absent until written."""

from typing import Annotated

from pydantic import Field

from rumpf import AGE, Cel, Column, Model, Resource, Scale, Status
from rumpf.resource import ObjectMeta
from rumpf.schema.markers import Named
from rumpf.types import IntOrString


class FarmSpec(Model):
    replicas: Annotated[int, Field(ge=0)] = 1
    zone_name: Annotated[str, Field(max_length=63)] = "a"
    ports: Annotated[list[IntOrString], Field(max_length=8)] = []
    labels: dict[str, str] = {}


class FarmStatus(Status):
    replicas: int = 0
    selector: str | None = None


class Farm(
    Resource,
    group="golden.rumpf.dev",
    version="v1beta1",
    plural="farms",
    singular="farm",
    short_names=["fm"],
    categories=["all", "golden"],
    namespaced=False,
    columns=[
        Column("Replicas", ".spec.replicas", type="integer", description="How many there are to be."),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Since", '.status.conditions[?(@.type=="Ready")].lastTransitionTime', type="date", priority=1),
        Column("First port", ".spec.ports[0]", priority=1),
        Column("Team", r".metadata.labels.example\.org/team"),
        AGE,
    ],
    scale=Scale(selector=".status.selector"),
    selectable=[".spec.zoneName", ".spec.replicas"],
    cel=[
        Cel(
            "self.spec.replicas == 0 || self.metadata.name != 'none'",
            "none has no replicas",
            field_path=".spec",
        ),
    ],
    deprecated="use something else",
):
    """A farm of something."""

    metadata: Annotated[ObjectMeta, Named(max_length=10, pattern="^[a-z]+$")] = ObjectMeta()
    spec: FarmSpec = FarmSpec()
    status: FarmStatus | None = None


subject = Farm
