"""Go's regular expressions do not look around."""

from typing import Annotated

from pydantic import ConfigDict, Field

from rumpf import Model


class Subject(Model):
    model_config = ConfigDict(regex_engine="python-re")

    name: Annotated[str, Field(pattern="^(?!kube-).*$")]


subject = Subject
