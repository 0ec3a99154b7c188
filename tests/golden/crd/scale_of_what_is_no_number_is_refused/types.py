"""An autoscaler needs whole numbers."""

from rumpf import Model, Resource, Scale, Status
from rumpf.types import IntOrString


class Spec(Model):
    replicas: IntOrString


class Farm(Resource, group="golden.rumpf.dev", version="v1", plural="farms", scale=Scale()):
    spec: Spec
    status: Status = Status()


subject = Farm
