"""What a model may not have: code and settings that Python obeys, and of which an API server never hears."""

from pydantic import AliasChoices, AliasPath, BaseModel, RootModel
from pydantic.fields import FieldInfo

from rumpf.schema.place import Place

_DECORATORS = {
    "field_validators": "a field validator",
    "validators": "a field validator",
    "model_validators": "a model validator",
    "root_validators": "a model validator",
    "field_serializers": "a serializer",
    "model_serializers": "a serializer",
    "computed_fields": "a computed field",
}
_OR_LATER = "or check it in the reconcile and raise Refused"
_REMEDIES = {
    "a field validator": f"write bounds, a pattern or a Cel(...) rule; {_OR_LATER}",
    "a model validator": f"write rules, __cel__ = (Cel(...),); {_OR_LATER}",
    "a serializer": "make the field what is to be written, and compute what you read in a property",
    "a computed field": "make it a property for Python, or a field that is written",
}
_SETTINGS = ("str_max_length", "str_min_length", "str_strip_whitespace", "str_to_lower", "str_to_upper")


def check_model(model: type[BaseModel], place: Place) -> None:
    """Refuse validators, serializers, computed fields, and settings that change or check what is read."""
    name = model.__name__
    if issubclass(model, RootModel):
        raise place.refuse(f"{name} is a RootModel", "write the type that is in it, or an alias of it")
    for kind, what in _DECORATORS.items():
        if found := sorted(getattr(model.__pydantic_decorators__, kind)):
            raise place.refuse(
                f"{name}.{found[0]} is {what}, code in Python that an API server cannot run", _REMEDIES[what]
            )
    for setting in _SETTINGS:
        if model.model_config.get(setting):
            raise place.refuse(
                f"{name}.model_config says {setting}, and the cluster does not know",
                "say lengths of each field; refuse by a pattern what is not written as it should be",
            )
    if model.model_config.get("json_schema_extra"):
        raise place.refuse(
            f"{name}.model_config says json_schema_extra, and nothing of it is taken over",
            "use Field(...) and rumpf's markers",
        )
    if model.model_config.get("extra") == "forbid":
        raise place.refuse(
            f"{name} forbids what it does not know, so it could not read an object of a newer version",
            "leave out extra='forbid': the API server prunes unknown fields, and warns of them",
        )


def wire_name(name: str, info: FieldInfo, place: Place) -> str:
    """Return what a field is called on the wire: one name, read and written."""
    reads, writes = info.validation_alias, info.serialization_alias
    if isinstance(reads, AliasChoices | AliasPath) or (reads or name) != (writes or name):
        raise place.field(name, name).refuse(
            "it is read by another name than it is written by", 'give it one name: Field(alias="...")'
        )
    return writes or name


def check_field(info: FieldInfo, place: Place) -> None:
    """Refuse a field that is not both read and written."""
    if info.exclude or info.exclude_if is not None:
        raise place.refuse("it is read and never written", "make it a property or a private attribute")
    if info.discriminator is not None:
        raise place.refuse("a discriminator is for unions", "give each alternative a field of its own")
