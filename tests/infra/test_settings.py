"""The config: what Pulumi.yaml declares is what the program understands, with the same defaults."""

import re
from typing import Any, get_type_hints

import pytest
import yaml

from infra.inputs import OperatorArgs, ResourceArgs
from infra.settings import (
    GkeValues,
    KindValues,
    OperatorValues,
    PoolValues,
    ResourceValues,
    Section,
    Settings,
    parse,
)
from rumpf.errors import UsageError
from tests.e2e.pages import blocks
from tests.infra.stack import INFRA, ROOT, config_of

DECLARED: dict[str, dict[str, Any]] = yaml.safe_load((INFRA / "Pulumi.yaml").read_text())["config"]
TYPES = {"string": str, "array": list, "object": dict, "boolean": bool}


def test_every_key_is_declared_with_its_type_and_a_description() -> None:
    assert set(DECLARED) == {field.alias or name for name, field in Settings.model_fields.items()}
    for key, declared in DECLARED.items():
        assert isinstance(declared.get("default", ""), TYPES[declared["type"]]), key
        assert len(declared["description"]) > 20


def test_the_defaults_that_are_declared_are_those_of_the_program() -> None:
    given = {key: each["default"] for key, each in DECLARED.items() if each.get("default", "") != ""}

    assert parse({**given, "cluster": "kind"}) == Settings(cluster="kind")


def test_no_cluster_is_taken_that_nobody_named() -> None:
    assert "default" not in DECLARED["cluster"]
    with pytest.raises(UsageError, match="the config does not say it") as raised:
        parse({})

    assert raised.value.where == "rumpf:cluster"
    assert "pulumi config set --path 'rumpf:cluster'" in raised.value.remedy


def test_a_number_is_a_text_where_a_text_is_meant() -> None:
    # `pulumi config set --path` writes it as a number.
    values = {"settings": {"MAX_ROLLOUTS": 50}, "resources": {"cpu": 1}}
    message = parse({"cluster": "kind", "values": {"message": values}}).values["message"]

    assert message.settings == {"MAX_ROLLOUTS": "50"}
    assert message.resources == ResourceValues(cpu="1")


@pytest.mark.parametrize("stack", ["existing", "kind", "gke"])
def test_every_stack_that_comes_with_it_is_understood(stack: str) -> None:
    config = {key.removeprefix("rumpf:"): value for key, value in config_of(stack).items() if "rumpf:" in key}

    assert parse({key: value for key, value in config.items() if value != ""}).cluster == stack


@pytest.mark.parametrize(
    ("section", "args"), [(OperatorValues, OperatorArgs), (ResourceValues, ResourceArgs)]
)
def test_the_config_of_an_operator_is_what_its_component_takes(section: type[Section], args: type) -> None:
    assert set(section.model_fields) == set(get_type_hints(args))


@pytest.mark.parametrize(
    ("values", "where", "remedy"),
    [
        ({"keepDta": True}, "rumpf:keepDta", "keepData"),
        ({"cluster": "minikube"}, "rumpf:cluster", "pulumi config set --path 'rumpf:cluster'"),
        ({"values": {"message": {"replica": 2}}}, "rumpf:values.message.replica", "replicas"),
        (
            {"values": {"message": {"resources": {"cpu": "lots"}}}},
            "rumpf:values.message.resources.cpu",
            "Pulumi.yaml",
        ),
        ({"kind": {"workers": -1}}, "rumpf:kind.workers", "Pulumi.yaml"),
        ({"gke": {"pools": [{"size": 3}]}}, "rumpf:gke.pools[0].size", "machineType"),
    ],
)
def test_a_mistake_is_told_with_its_key_and_what_to_do(
    values: dict[str, Any], where: str, remedy: str
) -> None:
    with pytest.raises(UsageError) as raised:
        parse({"cluster": "kind", **values})

    assert raised.value.where == where
    assert remedy in raised.value.remedy


PAGE = (ROOT / "docs/install/pulumi.md").read_text()


@pytest.mark.parametrize(
    "section", [Settings, OperatorValues, ResourceValues, KindValues, GkeValues, PoolValues]
)
def test_the_page_tells_of_every_key(section: type[Section]) -> None:
    for name, field in section.model_fields.items():
        assert re.search(rf"\b{field.alias or name}[.`]", PAGE), f"{section.__name__}.{name}"


def test_the_config_that_the_page_shows_is_understood() -> None:
    (shown,) = (block.text for block in blocks(PAGE) if block.text.startswith("config:"))
    config = {key.removeprefix("rumpf:"): value for key, value in yaml.safe_load(shown)["config"].items()}

    assert parse(config).values["message"].replicas == 3
