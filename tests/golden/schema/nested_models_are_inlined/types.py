"""A model in two places stands in both: structural schemas have no `$ref`."""

from typing import Annotated

from pydantic import Field

from rumpf import Model


class Endpoint(Model):
    """Where something listens."""

    host: Annotated[str, Field(min_length=1)]
    """A name or an address."""
    port: int = 443


class Subject(Model):
    """Two of the same.

    The lines of a docstring are one paragraph; what stands apart is another
    paragraph.
    """

    source: Endpoint
    """Where it comes from."""
    target: Endpoint
    further: list[Endpoint] = []


subject = Subject
