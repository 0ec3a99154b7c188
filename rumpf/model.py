"""The base of every typed part of a resource: Python's names in the code, Kubernetes' names on the wire."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A typed part of an object: `pod_name` here is `podName` there.

    Frozen: a reconcile decides, it does not edit. What it does not know it leaves out, so an object that
    a newer version wrote can still be read. A field's docstring is its description in `kubectl explain`.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )
