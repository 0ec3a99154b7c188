"""What has no counterpart in Kubernetes is refused, at its field, with a remedy."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import re
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import annotated_types
import pydantic
import pytest
from pydantic import ConfigDict, Field, StringConstraints, create_model
from typing_extensions import TypeAliasType, TypedDict

from rumpf import Atomic, Cel, EmbeddedResource, ListMap, ListSet, Model, PreserveUnknown
from rumpf.errors import SchemaError
from rumpf.schema import schema_of
from rumpf.schema.markers import Immutable, Inexact, Named, Nullable

T = TypeVar("T")


class Mixed(enum.Enum):
    TEXT = "a"
    NUMBER = 1


class Nothing(enum.Enum):
    pass


class Pair(NamedTuple):
    one: int
    two: int


class Typed(TypedDict):
    one: int


@dataclasses.dataclass
class Plain:
    one: int


class Item(Model):
    name: str
    labels: dict[str, str] = {}
    note: Annotated[str | None, Nullable()] = None


class Root(pydantic.RootModel[list[str]]):
    pass


class Lower(Model):
    model_config = ConfigDict(str_to_lower=True)
    name: str


class Extra(Model):
    model_config = ConfigDict(json_schema_extra={"x-own": True})
    name: str


class Checked(Model):
    name: str

    @pydantic.model_validator(mode="after")
    def is_right(self) -> "Checked":
        return self


class Written(Model):
    name: str

    @pydantic.field_serializer("name")
    def write(self, name: str) -> str:
        return name.upper()


class Box(Model, Generic[T]):
    content: T


Json = TypeAliasType("Json", "list[Json]")


@pytest.mark.parametrize(
    ("annotation", "what"),
    [
        (decimal.Decimal, "a Decimal becomes a float on the way"),
        (dt.timedelta, "a timedelta is written in ISO 8601"),
        (dt.time, "a time of day has no format"),
        (bytes, "bytes have no one way to be written"),
        (pathlib.Path, "a path is of this machine"),
        (pydantic.SecretBytes, "a secret would stand in the object"),
        (pydantic.HttpUrl, "a URL is read more strictly by Python"),
        (complex, "a complex number has no counterpart"),
        (Pair, "Pair has no counterpart"),
        (Typed, "Typed has no counterpart"),
        (Plain, "Plain has no counterpart"),
        (collections.Counter[str], "Counter has no counterpart"),
        (type[int], "type has no counterpart"),
        (tuple[int, str], "a tuple of so many parts"),
        (tuple[int], "a tuple of so many parts"),
        (list, "list does not say what it holds"),
        (set, "set does not say what it holds"),
        (dict, "nobody knows what is in it"),
        (object, "nobody knows what is in it"),
        (pydantic.JsonValue, "nobody knows what is in it"),
        (list[Any], "nobody knows what is in it"),
        (list[str | None], "None among its items"),
        (dict[str, int | None], "None among its items"),
        (dict[int, str], "the keys of a map are texts"),
        (dict[Literal["a", "b"], str], "the keys of a map are texts"),
        (int | bool, "int | bool is a union"),
        (int | str | bool, "int | str | bool is a union"),
        (Mixed, "its choices are int, str"),
        (Nothing, "its choices are nothing"),
        (Literal["a", 1], "its choices are int, str"),
        (Literal[b"a"], "its choices are bytes"),
        (Root, "Root is a RootModel"),
        (Lower, "Lower.model_config says str_to_lower"),
        (Extra, "Extra.model_config says json_schema_extra"),
        (Checked, "Checked.is_right is a model validator"),
        (Written, "Written.write is a serializer"),
        (Box, "~T is left open"),
        (Json, "list[Json] is written as a text"),
        (set[Item], "a set of objects or lists"),
        (set[tuple[str, ...]], "a set of objects or lists"),
        (Annotated[list[Item], ListSet(), Atomic()], "it is Atomic and ListSet at once"),
        (Annotated[list[str], ListMap("name")], "a ListMap is a list of objects"),
        (Annotated[list[Item], ListMap()], "a ListMap is a list of objects"),
        (Annotated[list[Item], ListMap("labels")], "'labels' is no text or number"),
        (Annotated[list[Item], ListMap("note")], "'note' is no text or number"),
        (Annotated[str, ListSet()], "ListSet says nothing of a string"),
        (Annotated[int, Inexact()], "Inexact says nothing of a integer"),
        (Annotated[int, Atomic()], "Atomic says nothing of a integer"),
        (Annotated[str, PreserveUnknown()], "PreserveUnknown says nothing of a string"),
        (Annotated[dict[str, str], PreserveUnknown()], "it says what it holds, and PreserveUnknown"),
        (Annotated[dict[str, int], EmbeddedResource()], "it says what it holds, and PreserveUnknown"),
        (Annotated[str, Nullable()], "it is Nullable, and Python has no None"),
        (Annotated[str, Named(max_length=3)], "Named is for the metadata"),
        (Annotated[str, annotated_types.Predicate(str.islower)], "is a check in Python"),
        (Annotated[str, pydantic.PlainSerializer(str.upper)], "PlainSerializer is code in Python"),
        (Annotated[str, pydantic.WithJsonSchema({"type": "string"})], "WithJsonSchema is code in Python"),
        (
            Annotated[str, StringConstraints(strip_whitespace=True)],
            "strip_whitespace changes what was written",
        ),
        (Annotated[str, Field(pattern=re.compile("a", re.IGNORECASE))], "asks for what Go's regular"),
        (Annotated[str, StringConstraints(pattern="a"), Field(pattern="b")], "it has two patterns, a and b"),
        (Annotated[int | str, Field(pattern="a")], "a pattern is about the text of int | str"),
        (Annotated[str, Field(json_schema_extra={"minLength": 1})], "json_schema_extra says minLength"),
        (Annotated[str, Field(json_schema_extra={"format": "phone"})], "'phone' is not a format"),
        (Annotated[bool, Field(json_schema_extra={"format": "byte"})], "'byte' is not a format"),
        (Annotated[dt.date, Field(json_schema_extra={"format": "uri"})], "it has a format of its own, date"),
        (Annotated[str, Cel("", "a")], "needs a message in one line"),
        (Annotated[str, Cel("self != ''", "a\nb")], "needs a message in one line"),
        (Annotated[Item, Cel("self.nmae != ''", "a")], "speaks of self.nmae, which is not there"),
        (Annotated[Item, Cel("self.name.nick != ''", "a", field_path=".nick")], "field_path"),
        (Annotated[list[Annotated[str, Immutable()]], Field(max_length=3)], "nothing tells which item"),
        (
            Annotated[dict[str, Annotated[str, Immutable()]], Field(max_length=3)],
            "can be bypassed: remove an item",
        ),
        (dict[str, Annotated[int, Cel("self > 0", "a")]], "it may be of any length"),
    ],
    ids=str,
)
def test_a_type_without_counterpart_is_refused_at_its_field(annotation: Any, what: str) -> None:  # noqa: ANN401
    model = create_model("Thing", __base__=Model, some_field=(annotation, ...))
    with pytest.raises(SchemaError, match=re.escape(what)) as refused:
        schema_of(model)
    assert str(refused.value).startswith("Thing.some_field")
    assert "(.someField" in str(refused.value)
    assert refused.value.remedy


def test_a_field_that_is_not_written_is_refused() -> None:
    class Thing(Model):
        hidden: Annotated[str, Field(exclude=True)] = ""

    with pytest.raises(SchemaError, match=r"Thing\.hidden: it is read and never written"):
        schema_of(Thing)


def test_two_fields_of_one_name_on_the_wire_are_refused() -> None:
    class Thing(Model):
        size: int
        other: int = Field(alias="size")

    with pytest.raises(SchemaError, match=r"another field is called size on the wire"):
        schema_of(Thing)


def test_a_schema_by_a_function_is_refused() -> None:
    class Thing(Model):
        size: int = Field(json_schema_extra=lambda _schema: None)

    with pytest.raises(SchemaError, match="json_schema_extra is a function"):
        schema_of(Thing)


def test_a_default_that_depends_on_other_fields_is_refused() -> None:
    class Thing(Model):
        size: int
        double: int = Field(default_factory=lambda data: data["size"] * 2)

    with pytest.raises(SchemaError, match="its default depends on other fields"):
        schema_of(Thing)


def test_a_rule_that_is_there_twice_is_refused() -> None:
    class Thing(Model):
        __cel__ = (Cel("self.size > 0", "too small"), Cel("self.size > 0", "not big enough"))
        size: int

    with pytest.raises(SchemaError, match=r'the rule "self\.size > 0" is there twice'):
        schema_of(Thing)


def test_a_default_that_is_no_json_is_refused() -> None:
    class Thing(Model):
        content: Annotated[Any, PreserveUnknown()] = object()

    with pytest.raises(SchemaError, match="cannot be written as JSON"):
        schema_of(Thing)


def test_a_type_that_is_not_there_yet_is_refused() -> None:
    class Thing(Model):
        other: "Missing"  # type: ignore[name-defined]  # noqa: F821 - that is the point

    with pytest.raises(SchemaError, match="Thing speaks of Missing, which is not there yet"):
        schema_of(Thing)


def test_a_type_that_goes_round_through_another_is_refused_where_it_does() -> None:
    with pytest.raises(SchemaError, match=r"Parent\.child_of\.parents\[\] \(\.childOf\.parents\[\]\)"):
        schema_of(Parent)


class Parent(Model):
    child_of: "Child"


class Child(Model):
    parents: list[Parent] = []
