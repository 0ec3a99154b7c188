"""docs/configwatcher.md says what types and code say: fields, defaults, reasons, metrics, manifests."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from operators.configwatcher.operator import operator
from operators.configwatcher.sample import CONFIG_WATCHER
from operators.configwatcher.spec import RESTART, RESUME, ConfigWatcher, ConfigWatcherSpec
from rumpf.manifests import crd_for
from tests.e2e.pages import blocks

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/configwatcher.md").read_text()
Schema = Mapping[str, Any]
_SCHEMA: Schema = crd_for(ConfigWatcher)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\|(?P<name>[^|]+)\|(?P<second>[^|]*)\|", re.MULTILINE)
_REASON = re.compile(r"([A-Z][a-z]+)+")


def section(heading: str) -> str:
    """Return what stands below a heading, as far as the next one of its depth or less."""
    _, found = re.split(rf"^#+ {re.escape(heading)}$", PAGE, maxsplit=1, flags=re.MULTILINE)
    depth = len(re.findall(rf"^(#+) {re.escape(heading)}$", PAGE, flags=re.MULTILINE)[0])
    return re.split(rf"^#{{1,{depth}}} ", found, maxsplit=1, flags=re.MULTILINE)[0]


def rows(heading: str) -> dict[str, str]:
    """Return the second column of the tables in a section, by each name in the first."""
    found: dict[str, str] = {}
    for row in _ROW.finditer(_FENCED.sub("", section(heading))):
        for name in re.findall(r"`([^`]+)`", row["name"]):
            found[name] = row["second"].strip()
    return found


def fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema, bool]]:
    """Yield all fields below a schema: their paths, their schemas, whether they must be there."""
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        yield f"{path}{name}", field, name in required
        items = field.get("items", {})
        yield from fields(items, f"{path}{name}[].") if items else fields(field, f"{path}{name}.")


def test_every_field_is_told_of_and_no_other() -> None:
    assert sorted(rows("Spec")) == sorted(path for path, _, _ in fields(_SCHEMA["spec"]))


def test_every_default_is_what_the_schema_says() -> None:
    told = rows("Spec")
    for path, schema, required in fields(_SCHEMA["spec"]):
        if required:
            assert told[path] == "required", path
        elif "default" in schema:
            default = schema["default"]
            shown = str(default).lower() if isinstance(default, bool) else default
            assert told[path] == f"`{shown}`", path
        else:
            assert told[path] in {"", "all"}, path


def test_every_field_of_the_status_is_told_of() -> None:
    told = set(re.findall(r"`(\w+)`", section("Status")))
    generic = {"conditions"}
    names = {
        path.replace("[]", "").rpartition(".")[2]
        for path, _, _ in fields(_SCHEMA["status"])
        if path.partition("[")[0] not in generic
    }
    assert names - told == set()
    top = set(_SCHEMA["status"]["properties"])
    assert {name for name in rows("Status") if name in top} == top


def constants(path: str, called: set[str]) -> set[str]:
    """Return the reasons that some functions are called with in a module, or that it returns."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / "operators/configwatcher" / path).read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in called:
            found |= {str(each.value) for each in node.args[:1] if isinstance(each, ast.Constant)}
    return found


def returned(path: str) -> set[str]:
    """Return the reasons of the conditions that a module makes."""
    tuples = [
        node
        for node in ast.walk(ast.parse((ROOT / "operators/configwatcher" / path).read_text()))
        if isinstance(node, ast.Tuple) and len(node.elts) == 3
    ]
    texts = {part.value for node in tuples for part in node.elts[1:2] if isinstance(part, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and _REASON.fullmatch(text)}


def test_every_reason_of_a_condition_is_told_of() -> None:
    waited = constants("gates.py", {"Gate"}) | constants("operator.py", {"Gate"})
    assert {"Debounce", "Window", "Turn", "NotGranted"} <= waited
    assert set(rows("What a change waits for")) == waited
    given = returned("telling.py") | waited | constants("windows.py", {"Refused"})
    assert {"Watching", "NoneStays", "Halted", "InvalidSpec"} <= given
    told = set(re.findall(r"`(\w+)`", section("Conditions")))
    assert given - told == set()
    assert told - given == {"Ready", "Progressing", "Degraded", "Disruptive"}


def test_every_event_is_told_of() -> None:
    given = constants("operator.py", {"event"}) | constants("restarting.py", {"event"})
    given |= constants("windows.py", {"Refused"})
    assert {"Restarting", "ConfigChanged", "Blocked"} <= given
    assert given == set(re.findall(r"`([A-Z]\w+)`", section("Events")))


def test_metrics_grants_settings_and_annotations_are_told_of() -> None:
    told = {re.split(r"[{]", name)[0]: name for name in rows("Metrics")}
    assert set(told) == {metric.name for metric in operator.metrics}
    for metric in operator.metrics:
        assert set(metric.labels) == set(re.findall(r"[{,](\w+)", told[metric.name]))
    grants = {each.name: "given" if each.default else "withheld" for each in operator.grants}
    assert {name: said for name, said in rows("Installing").items() if name in grants} == grants
    for setting in operator.settings:
        assert f"`{setting.name}` ({setting.default})" in section("Installing")
    for annotation in (RESTART, RESUME):
        assert f"`{annotation}`" in section("By hand")


def test_the_page_and_the_readmes_begin_with_the_watcher_of_the_sample() -> None:
    for page in (PAGE, (ROOT / "README.md").read_text(), (ROOT / "README.ko.md").read_text()):
        shown = [yaml.safe_load(each.text) for each in blocks(page) if each.language == "yaml"]
        watchers = [each for each in shown if each.get("kind") == "ConfigWatcher"]
        assert watchers[0] == CONFIG_WATCHER


@pytest.mark.parametrize(
    "block", [each for each in blocks(PAGE) if each.language == "yaml"], ids=lambda each: each.line
)
def test_every_manifest_of_the_page_is_one(block: Any) -> None:  # noqa: ANN401
    manifest = yaml.safe_load(block.text)
    spec = manifest["spec"]
    if "kind" in manifest:
        assert ConfigWatcher.model_validate(manifest).spec == ConfigWatcherSpec.model_validate(spec)
    known = {path.replace("[]", "") for path, _, _ in fields(_SCHEMA["spec"])}
    assert {path for path in _paths(spec) if "matchLabels." not in path} <= known
    ConfigWatcherSpec.model_validate(spec)


def _paths(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{path}{key}"
            yield from _paths(inner, f"{path}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, path)
