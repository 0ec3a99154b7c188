"""Whether an object is as it should be: every field that is asked for is there, others may be too.

The API server writes some values in its own way (`1000m` becomes `1`, nothing is left of an empty list),
and others add items to lists (a sidecar, a volume). Neither is a difference.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

APPLIED = "rumpf.dev/applied"
"""The annotation of a child that tells what was asked for when it was written: a fingerprint."""

_KEYS = ("name", "key", "ip", "mountPath", "containerPort", "port", "uid", "type", "topologyKey")
_PLAIN = {str, int, bool}
"""What is compared in no time if it is the same: mostly it is, and each look compares a hundred of them."""
_AMOUNTS = {"requests", "limits", "capacity", "hard"}
_AMOUNT = "sizeLimit"
_QUANTITY = re.compile(r"([+-]?[0-9.]+)([eE][+-]?[0-9]+|[numkMGTPE]i?|Ki)?")
_FACTORS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(1000),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("MGTPE", 2)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}


def fingerprint(desired: Mapping[str, Any]) -> str:
    """Return what tells one wish from another."""
    text = orjson.dumps(desired, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def content(found: Mapping[str, Any]) -> str:
    """Return what tells one content of an object from another: all that is not its state."""
    metadata = found["metadata"]
    kept = {key: metadata.get(key) for key in ("labels", "annotations", "ownerReferences", "finalizers")}
    said = {key: value for key, value in found.items() if key not in {"metadata", "status"}}
    return fingerprint({**said, "metadata": kept})


def covers(found: Any, desired: Any, *, amounts: bool = False) -> bool:  # noqa: ANN401 - JSON
    """Tell whether `found` has all that is desired; with `amounts`, strings are compared as quantities."""
    if isinstance(desired, dict):
        return _covers_map(found, desired, amounts=amounts)
    if isinstance(desired, (list, tuple)):
        return _covers_list(found, desired, amounts=amounts)
    if found is None:
        return _is_nothing(desired)
    if amounts:
        return _amount(str(found)) == _amount(str(desired))
    return bool(found == desired) and isinstance(found, bool) == isinstance(desired, bool)


def _covers_map(found: Any, desired: Mapping[str, Any], *, amounts: bool) -> bool:  # noqa: ANN401 - JSON
    if not isinstance(found, dict):
        return found is None and _is_nothing(desired)
    for key, value in desired.items():
        there = found.get(key)
        if value.__class__ in _PLAIN and there.__class__ is value.__class__ and there == value:
            continue
        if not covers(there, value, amounts=amounts or _is_amount(key, value)):
            return False
    return True


def _covers_list(found: Any, desired: Sequence[Any], *, amounts: bool) -> bool:  # noqa: ANN401 - JSON
    if found is None:
        return not desired
    if not isinstance(found, list):
        return False
    key = _key_of(desired)
    if key is None:
        return len(found) == len(desired) and all(
            covers(left, right, amounts=amounts) for left, right in zip(found, desired, strict=True)
        )
    by_key = {item.get(key): item for item in found if isinstance(item, dict)}
    return all(item[key] in by_key and covers(by_key[item[key]], item, amounts=amounts) for item in desired)


def _key_of(items: Sequence[Any]) -> str | None:
    """Tell what the items of a list are told apart by, if by anything."""
    if any(not isinstance(item, dict) for item in items):
        return None
    for key in _KEYS:
        values = {str(item[key]) for item in items if item.get(key) is not None}
        if values and len(values) == len(items):
            return key
    return None


def _is_amount(key: str, value: object) -> bool:
    """Whether these are quantities; text of that name (in a ConfigMap) is not."""
    return key == _AMOUNT or (key in _AMOUNTS and isinstance(value, dict))


def _is_nothing(value: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether the API server may leave it out."""
    if isinstance(value, dict):
        return all(map(_is_nothing, value.values()))
    return (
        value is None or value is False or value in ("", 0) or (isinstance(value, list | tuple) and not value)
    )


def _amount(text: str) -> Decimal | str:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return text
    number, unit = match.groups()
    try:
        if unit and unit[0] in "eE" and len(unit) > 1:
            return Decimal(number + unit)
        return Decimal(number) * _FACTORS.get(unit or "", Decimal(1))
    except ArithmeticError:
        return text
