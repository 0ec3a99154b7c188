"""Code in Python, which an API server cannot run."""

from typing import Annotated

from pydantic import AfterValidator

from rumpf import Model


class Subject(Model):
    names: list[Annotated[str, AfterValidator(str.lower)]] = []


subject = Subject
