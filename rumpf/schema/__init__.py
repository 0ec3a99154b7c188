"""From a Python type to a structural schema that an API server accepts, or an error that says why not."""

from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from pydantic import BaseModel

Schema = dict[str, Any]
"""A structural OpenAPI v3 schema, as a CRD has it."""


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a JSON value is a list."""
    return isinstance(value, list)


def schema_of(model: "type[BaseModel]") -> Schema:
    """Return the structural schema of a model: all that its types say, and no more.

    Everything that the API server would accept by it can be read by the model. What has no counterpart is
    refused with a `SchemaError` that names the field; nothing is loosened or dropped. Whether CEL rules
    compile, and what they cost, only an API server can tell.
    """
    # Lazily: an operator at work needs the markers in its types, and never a schema.
    from rumpf.schema.structure import model_schema

    return model_schema(model)
