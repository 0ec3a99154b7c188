"""Names of objects, and references to them: how a spec speaks of what is not in it."""

from typing import Annotated

from pydantic import Field

from rumpf.model import Model

IntOrString = int | str
"""A whole number or a text: a port by number or name, `1` or `25%`."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""The number of a port."""

_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=rf"^{_NAME}(\.{_NAME})*$")]
"""The name of most objects: lower-case letters, digits, dashes and dots."""

LabelName = Annotated[str, Field(min_length=1, max_length=63, pattern=rf"^{_NAME}$")]
"""The name of a namespace, Service or container: lower-case letters, digits and dashes."""


class LocalReference(Model):
    """An object in the same namespace, by name."""

    name: ObjectName
    """Its name."""


class ConfigMapKeyRef(Model):
    """One key of a ConfigMap in the same namespace."""

    name: ObjectName
    """The ConfigMap."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
    """The key in it."""
    optional: bool | None = None
    """Whether it may be missing."""


class SecretKeyRef(Model):
    """One key of a Secret in the same namespace: how a spec speaks of a password without holding it."""

    name: ObjectName
    """The Secret."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
    """The key in it."""
    optional: bool | None = None
    """Whether it may be missing."""
