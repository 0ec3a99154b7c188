"""Rules speak of wire names."""

from rumpf import Cel, Model


class Subject(Model):
    __cel__ = (Cel("self.pod_name != 'pod_name'", "not this one"),)

    pod_name: str


subject = Subject
