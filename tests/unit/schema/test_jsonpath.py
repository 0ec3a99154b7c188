"""Paths are followed in a schema as kubectl follows them in an object."""

import pytest

from rumpf.schema import Schema
from rumpf.schema.jsonpath import NoSuchPath, find, root

WHOLE: Schema = root(
    {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "ports": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"port": {"type": "integer"}}},
                    },
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        },
    }
)


@pytest.mark.parametrize(
    ("path", "type"),
    [
        (".spec", "object"),
        (".spec.ports[0].port", "integer"),
        (".spec.ports[*].port", "integer"),
        (".spec.ports[-1:].port", "integer"),
        (".spec.ports[?(@.port==80)].port", "integer"),
        (".spec['labels']['a.b/c']", "string"),
        (r".spec.labels.a\.b/c", "string"),
        (".spec.open.any.thing[0]", None),
        (".metadata.creationTimestamp", "string"),
        (r".metadata.annotations.example\.org/team", "string"),
        (".kind", "string"),
    ],
)
def test_a_path_leads_to_what_is_there(path: str, type: str | None) -> None:  # noqa: A002
    assert find(WHOLE, path).get("type") == type


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".spec.port", ".spec has no 'port'; it has ports, labels, open"),
        (".spec.ports.port", ".spec.ports has no 'port'; it has no fields"),
        (".spec[0]", r".spec is no list, so it has no \[0\]"),
        (".spec.ports[?(@.prot==80)].port", "has no 'prot'"),
        (".metadata.owner", ".metadata has no 'owner'"),
        ("spec", "'spec' cannot be read at 'spec'"),
        (".spec.", r"cannot be read at '\.'"),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_ends(path: str, why: str) -> None:
    with pytest.raises(NoSuchPath, match=why):
        find(WHOLE, path)
