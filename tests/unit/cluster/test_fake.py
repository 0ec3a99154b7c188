"""Fake nodes: the Node objects, and the stages that move them and their Pods on."""

import json
import re
from typing import Any

import pytest
import yaml

from rumpf.cluster.controlplane import Credentials
from rumpf.cluster.fake import MARK, fake_component, fake_files, fake_nodes
from rumpf.cluster.layout import Layout, Link

LAYOUT = Layout.inside(Link(0))


@pytest.fixture(scope="module")
def stages() -> dict[str, dict[str, Any]]:
    """The stages by name, as kwok reads them."""
    (text,) = [file.text for file in fake_files(Credentials("one", LAYOUT)) if file.path == "kwok.yaml"]
    return {stage["metadata"]["name"]: stage for stage in yaml.safe_load_all(text)}


def test_fake_nodes_differ_in_name_and_nothing_else() -> None:
    nodes = list(fake_nodes(1000))
    assert len({node["metadata"]["name"] for node in nodes}) == 1000
    for node in nodes:
        name = node["metadata"]["name"]
        assert node["metadata"]["labels"]["kubernetes.io/hostname"] == name
    assert len({json.dumps(node).replace(node["metadata"]["name"], "x") for node in nodes}) == 1


def test_every_fake_node_is_one_that_kwok_is_told_to_play() -> None:
    (selector,) = [
        word.partition("=")[2]
        for word in fake_component({"kwok": "kwok"}, LAYOUT).argv
        if word.startswith("--manage-nodes-with-label-selector=")
    ]
    (node,) = fake_nodes(1)
    assert selector == f"{MARK}=true"
    assert node["metadata"]["labels"][MARK] == "true"


def test_no_stage_acts_on_a_pod_that_is_being_deleted_but_the_one_that_deletes_it(
    stages: dict[str, dict[str, Any]],
) -> None:
    for name, stage in stages.items():
        if stage["spec"]["resourceRef"]["kind"] != "Pod":
            continue
        (operator,) = [
            each["operator"]
            for each in stage["spec"]["selector"]["matchExpressions"]
            if each["key"] == ".metadata.deletionTimestamp"
        ]
        assert (
            (operator == "Exists") == (name == "pod-is-deleted") == bool(stage["spec"]["next"].get("delete"))
        )


def test_every_block_of_a_template_is_closed(stages: dict[str, dict[str, Any]]) -> None:
    templates = [
        stage["spec"]["next"]["statusTemplate"]
        for stage in stages.values()
        if "statusTemplate" in stage["spec"]["next"]
    ]
    assert len(templates) == 3
    for template in templates:
        assert template.count("{{") == template.count("}}")
        assert len(re.findall(r"{{ (?:range|if|with) ", template)) == template.count("{{ end }}")


def test_a_fake_cluster_writes_its_credentials_for_its_owner_alone() -> None:
    assert {file.mode for file in fake_files(Credentials("one", LAYOUT))} == {0o600}
