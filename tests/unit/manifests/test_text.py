"""YAML that every parser reads alike."""

import pytest
import yaml

from rumpf.manifests import from_yaml, to_yaml
from tests.unit.manifests.texts import TEXTS


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_every_text_is_read_as_it_was(text: str) -> None:
    written = to_yaml([{"value": text, text or "empty": 1}])
    assert from_yaml(written) == ({"value": text, text or "empty": 1},)


@pytest.mark.parametrize(
    "text", ["y", "No", "1e3", "0o7", "0x1F", "1:30", "1.37", "8080", ".inf", "~", "2001-01-01", ""]
)
def test_what_some_parser_takes_for_no_text_is_quoted(text: str) -> None:
    assert to_yaml([{"value": text}]) == f'value: "{text}"\n'


@pytest.mark.parametrize("text", ["256Mi", "50m", "v1", "10.0.0.1", "1.2.3", "no-such", "a/b:1.37", "안녕"])
def test_what_every_parser_takes_for_text_is_not(text: str) -> None:
    assert to_yaml([{"value": text}]) == f"value: {text}\n"


def test_a_text_of_several_lines_is_a_block_and_a_long_one_stays_on_its_line() -> None:
    assert to_yaml([{"value": "one\ntwo\n"}]) == "value: |\n  one\n  two\n"
    long = "word " * 100 + "end"
    assert to_yaml([{"value": long}]) == f"value: {long}\n"


def test_keys_are_sorted_and_what_occurs_twice_is_written_twice() -> None:
    labels = {"b": "1", "a": "2"}
    text = to_yaml([{"one": labels, "kind": "X", "other": labels}])
    assert text == 'kind: X\none:\n  a: "2"\n  b: "1"\nother:\n  a: "2"\n  b: "1"\n'


def test_each_manifest_is_a_document_below_the_heading() -> None:
    text = to_yaml([{"kind": "A"}, {"kind": "B"}], "one\ntwo")
    assert text == "# one\n# two\nkind: A\n---\nkind: B\n"
    assert list(yaml.safe_load_all(text)) == [{"kind": "A"}, {"kind": "B"}]


def test_a_file_without_documents_has_no_manifests() -> None:
    assert from_yaml("# nothing\n---\n") == ()
