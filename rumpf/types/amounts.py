"""Quantities and durations: texts that are amounts, read and written as Kubernetes does."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from rumpf.errors import DeclarationError
from rumpf.schema import Schema

_AMOUNT = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)"
_UNIT = r"([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,2})"
_QUANTITY = rf"^[-+]?{_AMOUNT}{_UNIT}?$"
_PARTS = re.compile(rf"(?P<number>[-+]?{_AMOUNT})(?P<unit>{_UNIT})?")
_POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}

_DURATION = r"^([0-9]{1,9}(\.[0-9]{1,9})?(ns|us|µs|ms|s|m|h)){1,7}$"
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Quantity(str):
    """An amount of something: `100m`, `1.5`, `2Gi`. It stays written as it was.

    Compared by size with `<` and `>`; `==` asks whether it is written the same: compare `.amount` instead.
    """

    __slots__ = ()

    def __new__(cls, text: str | int) -> Self:
        """Refuse what is no quantity."""
        if _PARTS.fullmatch(str(text)) is None:
            raise DeclarationError(
                f"{text!r} is no quantity", where="Quantity", remedy="write 100m, 1.5 or 2Gi"
            )
        return super().__new__(cls, text)

    @property
    def amount(self) -> Decimal:
        """How much it is, exactly."""
        found = _PARTS.fullmatch(self)
        assert found is not None  # noqa: S101 - made sure when it was made
        number, unit = Decimal(found["number"]), found["unit"] or ""
        if unit in _BINARY:
            return number * Decimal(1024) ** _BINARY[unit]
        if unit in _POWERS:
            return number.scaleb(_POWERS[unit])
        return number.scaleb(int(unit[1:]))

    def __lt__(self, other: str) -> bool:
        return self.amount < Quantity(other).amount

    def __le__(self, other: str) -> bool:
        return self.amount <= Quantity(other).amount

    def __gt__(self, other: str) -> bool:
        return self.amount > Quantity(other).amount

    def __ge__(self, other: str) -> bool:
        return self.amount >= Quantity(other).amount

    @classmethod
    def structural_schema(cls) -> Schema:
        """Return its schema: `cpu: 1` is a number in YAML, and as good as `cpu: "1"`."""
        return {"x-kubernetes-int-or-string": True, "pattern": _QUANTITY}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        written = core_schema.union_schema(
            [core_schema.str_schema(pattern=_QUANTITY), core_schema.int_schema()]
        )
        return core_schema.no_info_after_validator_function(
            cls, written, serialization=core_schema.plain_serializer_function_ser_schema(str.__str__)
        )


class Duration(str):
    """A time span as Go writes it: `90s`, `1h30m`, `500ms`. It stays written as it was.

    In CEL `duration(self)` is one. Compared by length with `<` and `>`; `==` asks
    whether it is written the same.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Refuse what is no duration."""
        if re.fullmatch(_DURATION, text) is None:
            raise DeclarationError(f"{text!r} is no duration", where="Duration", remedy="write 90s or 1h30m")
        return super().__new__(cls, text)

    @property
    def seconds(self) -> float:
        """How long it is."""
        parts = re.findall(r"([0-9.]+)([a-zµ]+)", self)
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)

    @property
    def delta(self) -> timedelta:
        """How long it is, for Python's dates."""
        return timedelta(seconds=self.seconds)

    def __lt__(self, other: str) -> bool:
        return self.seconds < Duration(other).seconds

    def __le__(self, other: str) -> bool:
        return self.seconds <= Duration(other).seconds

    def __gt__(self, other: str) -> bool:
        return self.seconds > Duration(other).seconds

    def __ge__(self, other: str) -> bool:
        return self.seconds >= Duration(other).seconds

    @classmethod
    def structural_schema(cls) -> Schema:
        """Return its schema."""
        return {"type": "string", "pattern": _DURATION}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(pattern=_DURATION),
            serialization=core_schema.plain_serializer_function_ser_schema(str.__str__),
        )
