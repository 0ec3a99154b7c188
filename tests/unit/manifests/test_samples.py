"""Samples are what people copy: one that would not work never leaves the declaration."""

from typing import Any

import pytest

from rumpf.errors import DeclarationError
from rumpf.manifests import files_of, from_yaml, render
from tests.unit.manifests.declared import declared

Sample = dict[str, Any]
NOTE: Sample = {
    "apiVersion": "notes.example.com/v1",
    "kind": "Note",
    "metadata": {"name": "first"},
    "spec": {"text": "hi", "labels": {"any": "thing"}},
}


def beside(kind: str, name: str) -> Sample:
    """Return a sample of another kind than the operator's own."""
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


def test_samples_of_one_kind_are_one_file_in_their_order() -> None:
    other = NOTE | {"metadata": {"name": "another"}}
    files = files_of(declared(samples=[NOTE, other]))
    assert sorted(files) == ["crd.yaml", "example-note.yaml", "operator-deploy.yaml"]
    assert from_yaml(files["example-note.yaml"]) == (NOTE, other)


def test_what_a_sample_needs_beside_it_is_in_its_file_in_the_order_that_was_given() -> None:
    samples = [beside("ConfigMap", "paper"), beside("Service", "post"), NOTE, beside("Secret", "ink")]
    rendered = render(declared(samples=samples))
    assert list(rendered.samples) == samples
    assert rendered.own_samples == (NOTE,)
    files = files_of(declared(samples=samples))
    assert sorted(files) == ["crd.yaml", "example-note.yaml", "operator-deploy.yaml"]
    assert list(from_yaml(files["example-note.yaml"])) == samples


def test_what_is_beside_a_sample_is_no_concern_of_the_types() -> None:
    odd = beside("Oddity", "any") | {"apiVersion": "odd.example.com/v7", "spec": {"any": ["thing"]}}
    assert render(declared(samples=[odd, NOTE])).samples == (odd, NOTE)


@pytest.mark.parametrize("lost", ["apiVersion", "kind", "metadata"])
def test_what_is_no_object_is_no_sample(lost: str) -> None:
    broken = beside("ConfigMap", "paper")
    del broken[lost]
    with pytest.raises(DeclarationError, match="it is no object"):
        render(declared(samples=[NOTE, broken]))


def test_samples_show_something_of_what_the_operator_does() -> None:
    with pytest.raises(DeclarationError, match="none of its samples is of a kind that it reconciles"):
        render(declared(samples=[beside("ConfigMap", "paper")]))


def test_every_file_says_in_its_first_line_where_it_comes_from() -> None:
    for text in files_of(declared(samples=[NOTE])).values():
        assert text.splitlines()[0] == (
            "# Made by `rumpf render --write note` from operators/note/operator.py: edit that, not this."
        )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"kind": "Nota"}, "sample Nota first: it is of no kind that the operator reconciles"),
        ({"apiVersion": "notes.example.com/v2"}, "it is of no kind"),
        ({"spec": {}}, "spec.text: Field required"),
        ({"spec": {"text": 1}}, "spec.text: Input should be a valid string"),
        ({"spec": {"text": "hi", "txet": "oh"}}, "spec.txet: no such field"),
        ({"status": {"phase": "Done"}}, "status.phase: no such field"),
    ],
    ids=str,
)
def test_a_sample_that_the_api_server_would_refuse_or_cut_is_refused(
    change: dict[str, Any], what: str
) -> None:
    with pytest.raises(DeclarationError) as refusal:
        render(declared(samples=[NOTE | change]))
    assert what in str(refusal.value)
    assert "Operator('note')" in str(refusal.value)
