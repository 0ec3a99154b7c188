"""CEL on fields, models and items; rules of a base are kept; everything that is gone through has an end."""

from typing import Annotated

from pydantic import Field

from rumpf import Cel, Model

Name = Annotated[str, Field(max_length=63)]


class Bounded(Model):
    __cel__ = (Cel("self.least <= self.most", "least cannot be more than most", field_path=".least"),)

    least: int = 0
    most: int = 10


class Replicas(Bounded):
    """More rules than its base."""

    __cel__ = (
        Cel(
            "self.most < 100",
            "too many",
            reason="FieldValueInvalid",
            message_expression="self.most > 1000 ? 'far too many' : 'no more than 99'",
        ),
    )


class Subject(Model):
    name: Annotated[Name, Cel("self.startsWith('a')", "must start with a")]
    namespace: Annotated[Name, Cel("self != 'kube-system'", "cannot be kube-system")] = "default"
    replicas: Replicas = Replicas()
    names: Annotated[
        list[Name], Field(max_length=8), Cel("self.all(each, each != '')", "names cannot be empty")
    ] = []
    weights: Annotated[
        dict[str, Annotated[int, Cel("self != 0", "cannot be nothing")]], Field(max_length=8)
    ] = {}

    __cel__ = (
        Cel("self.__namespace__ != self.name", "cannot be called like its namespace"),
        Cel("has(self.names) ? !(self.name in self.names) : true", 'is "self.named" already'),
    )


subject = Subject
