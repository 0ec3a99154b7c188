"""What a Pod cannot start without."""

from typing import Any

import pytest

from operators.configwatcher.needs import needed
from rumpf import Pod


def variable(**source: object) -> dict[str, Any]:
    return {"containers": [{"name": "a", "env": [{"name": "PLAIN", "value": "x"}, {"valueFrom": source}]}]}


def volume(**source: object) -> dict[str, Any]:
    return {"volumes": [{"name": "configMap", "emptyDir": {}}, {"name": "v", **source}]}


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({}, set()),
        (variable(configMapKeyRef={"name": "c", "key": "k"}), {"ConfigMap c"}),
        (variable(secretKeyRef={"name": "s", "key": "k", "optional": False}), {"Secret s"}),
        (variable(configMapKeyRef={"name": "c", "key": "k", "optional": True}), set()),
        (variable(fieldRef={"fieldPath": "metadata.name"}), set()),
        ({"initContainers": [{"envFrom": [{"configMapRef": {"name": "c"}}]}]}, {"ConfigMap c"}),
        ({"containers": [{"envFrom": [{"secretRef": {"name": "s", "optional": True}}]}]}, set()),
        (volume(configMap={"name": "c"}), {"ConfigMap c"}),
        (volume(secret={"secretName": "s"}), {"Secret s"}),
        (volume(secret={"secretName": "s", "optional": True}), set()),
        (
            volume(projected={"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]}),
            {"ConfigMap c", "Secret s"},
        ),
    ],
    ids=str,
)
def test_what_it_refers_to_and_not_as_optional_it_needs(spec: dict[str, Any], names: set[str]) -> None:
    pod = Pod({"metadata": {"name": "p", "uid": "u"}, "spec": spec})
    assert {str(each) for each in needed(pod)} == names
