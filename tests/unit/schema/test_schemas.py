"""What a type says is in its schema, however it is written."""

import datetime as dt
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import pytest
from pydantic import BaseModel, Field, StrictInt, StrictStr, create_model

from rumpf import Cel, Model
from rumpf.schema import Schema, is_object, schema_of
from rumpf.schema.markers import Immutable
from rumpf.schema.structure import prose

T = TypeVar("T")


def of(annotation: Any) -> Schema:  # noqa: ANN401 - any type at all
    schema = schema_of(create_model("Thing", __base__=Model, field=(annotation, ...)))
    field: Schema = schema["properties"]["field"]
    return field


class Box(Model, Generic[T]):
    content: T


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (StrictInt | StrictStr, {"x-kubernetes-int-or-string": True}),
        (StrictInt, {"type": "integer", "format": "int64"}),
        (Box[int], {"type": "object", "properties": {"content": {"type": "integer", "format": "int64"}}}),
        (dt.datetime, {"type": "string", "format": "date-time"}),
        (Literal[2, 1], {"type": "integer", "enum": [2, 1]}),
        (Annotated[str, "a note of the author's"], {"type": "string"}),
        (Annotated[str, Field(min_length=0)], {"type": "string"}),
        (Annotated[int, Field(gt=1, ge=1)], {"minimum": 1, "exclusiveMinimum": True}),
        (Annotated[int, Field(gt=1, ge=2)], {"minimum": 2}),
        (Annotated[Annotated[str, Field(max_length=9)], Field(max_length=5)], {"maxLength": 5}),
        (Annotated[Annotated[str, Field(max_length=5)], Field(max_length=9)], {"maxLength": 5}),
        (list[Annotated[str, Field(description="one of them")]], {"items": {"description": "one of them"}}),
    ],
    ids=str,
)
def test_a_type_says_the_same_however_it_is_written(annotation: Any, schema: Schema) -> None:  # noqa: ANN401
    assert_within(schema, of(annotation))
    if "exclusiveMinimum" not in schema:
        assert "exclusiveMinimum" not in of(annotation)


def assert_within(part: Schema, whole: Schema) -> None:
    for key, value in part.items():
        if is_object(value):
            assert_within(value, whole[key])
        else:
            assert whole[key] == value


def test_a_model_that_is_only_pydantics_is_written_by_its_own_names() -> None:
    class Plain(BaseModel):
        some_name: str
        other: int = Field(alias="otherName")

    assert list(schema_of(Plain)["properties"]) == ["some_name", "otherName"]


def test_the_rules_of_a_base_are_not_lost_and_not_doubled() -> None:
    first, second = Cel("self.a > 0", "first"), Cel("self.a < 9", "second")

    class Base(Model):
        __cel__: ClassVar[tuple[Cel, ...]] = (first,)
        a: int

    class Derived(Base):
        __cel__ = (first, second)

    assert [each["message"] for each in schema_of(Derived)["x-kubernetes-validations"]] == ["first", "second"]


def test_a_rule_may_speak_of_texts_that_look_like_fields() -> None:
    assert of(Annotated[Box[str], Cel("self.content != 'self.nothing'", "not this")])["type"] == "object"


def test_a_model_of_which_a_rule_asks_has_its_default_written_out() -> None:
    class Inner(Model):
        __cel__ = (Cel("self.a < self.b", "a must be less"),)
        a: int = 1
        b: int = 2

    class Thing(Model):
        ruled: Inner = Inner(b=3)
        plain: Box[int] | None = None

    assert schema_of(Thing)["properties"]["ruled"]["default"] == {"a": 1, "b": 3}


def test_a_guard_speaks_of_a_name_as_cel_writes_it() -> None:
    class Thing(Model):
        first: Annotated[str | None, Immutable()] = Field(default=None, alias="a-b.c/d__e")

    guard = schema_of(Thing)["x-kubernetes-validations"][0]["rule"]
    escaped = "a__dash__b__dot__c__slash__d__underscores__e"
    assert guard == f"!has(oldSelf.{escaped}) || has(self.{escaped})"


@pytest.mark.parametrize(
    ("docstring", "description"),
    [
        (None, None),
        ("", None),
        ("One line.", "One line."),
        ("One\n    sentence.\n\n    Another.\n    ", "One sentence.\n\nAnother."),
        ("A list:\n\n    - one\n    - two", "A list:\n\n- one\n- two"),
        (
            "An example:\n\n        a: 1\n        b: 2\n\n    End.",
            "An example:\n\n    a: 1\n    b: 2\n\nEnd.",
        ),
    ],
)
def test_a_docstring_is_a_description_without_the_line_breaks_of_the_source(
    docstring: str | None, description: str | None
) -> None:
    assert prose(docstring) == description
