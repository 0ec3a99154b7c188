"""CEL has a budget: the API server reckons with the longest list that there can be."""

from typing import Annotated

from rumpf import Cel, Model


class Subject(Model):
    __cel__ = (Cel("self.tags.all(tag, tag.startsWith('a'))", "must start with a"),)

    tags: Annotated[list[str], Cel("self.size() > 0", "must not be empty")] = ["a"]


subject = Subject
