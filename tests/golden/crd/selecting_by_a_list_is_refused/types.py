"""Objects are selected by texts, whole numbers and booleans."""

from rumpf import Model, Resource


class Spec(Model):
    zones: list[str] = []


class Farm(Resource, group="golden.rumpf.dev", version="v1", plural="farms", selectable=[".spec.zones"]):
    spec: Spec


subject = Farm
