"""From a Python type to a structural schema that an API server accepts, or an error that says why not."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

Schema = dict[str, Any]
"""A structural OpenAPI v3 schema, as a CRD has it."""


def schema_of(model: "type[BaseModel]") -> Schema:
    """Return the structural schema of a model: all that its types say, and no more.

    Everything that the API server would accept by it can be read by the model. What has no counterpart is
    refused with a `SchemaError` that names the field; nothing is loosened or dropped. Whether CEL rules
    compile, and what they cost, only an API server can tell.
    """
    # Lazily: an operator at work needs the markers in its types, and never a schema.
    from rumpf.schema.structure import model_schema

    return model_schema(model)
