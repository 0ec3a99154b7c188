"""Manifests as text: YAML that every parser reads alike, and that changes only where they do."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from rumpf.objects import Manifest

_UNFOLDED = 1 << 20
_OTHER_LINE_ENDS = frozenset("\r\x85\u2028\u2029")
# YAML 1.1 and 1.2, and the parsers in Go and Python, do not agree on which of these are strings.
_DISPUTED = re.compile(
    r"""
    | (?i: y | n | yes | no | on | off | true | false | null | ~ | = | << )
    | [-+]? ( \d[\d_]* (\.[\d_]*)? | \.\d[\d_]* ) ([eE][-+]?\d+)?
    | [-+]? 0[xXoObB][\da-fA-F_]+
    | [-+]? \d[\d_]* (:\d\d?)+ (\.\d*)?
    | [-+]? \. (?i: inf | nan )
    | \d{4}-\d\d?-\d\d? .*
    """,
    re.VERBOSE,
)


class _Plain(yaml.SafeDumper):
    """Writes each value where it stands: no anchors, no folded lines, texts of several lines as blocks."""

    def ignore_aliases(self, data: object) -> bool:
        """Never refer to another place."""
        return True


def _text(_: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    if _DISPUTED.fullmatch(value) or not _OTHER_LINE_ENDS.isdisjoint(value):
        style: str | None = '"'
    else:
        style = "|" if "\n" in value else None
    return yaml.ScalarNode("tag:yaml.org,2002:str", value, style=style)


_Plain.add_representer(str, _text)


def to_yaml(manifests: Iterable[Mapping[str, Any]], heading: str = "") -> str:
    """Return manifests as one YAML file, each a document, keys sorted; `heading` stands above as comment."""
    documents = [
        yaml.dump(
            dict(manifest), Dumper=_Plain, allow_unicode=True, default_flow_style=False, width=_UNFOLDED
        )
        for manifest in manifests
    ]
    comment = "".join(f"# {line}\n" for line in heading.splitlines())
    return comment + "---\n".join(documents)


def from_yaml(text: str) -> tuple[Manifest, ...]:
    """Return the manifests in a YAML file; documents without content are none."""
    return tuple(document for document in yaml.safe_load_all(text) if document)
