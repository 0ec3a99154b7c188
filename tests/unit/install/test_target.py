"""Which cluster is meant, where there are several, one, or none."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from rumpf.console import Silent
from rumpf.errors import ApiError
from rumpf.install.target import contexts, target


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a kubeconfig, a cache without clusters."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RUMPF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return tmp_path


def config(*names: str, current: str = "") -> str:
    return json.dumps(
        {
            "current-context": current,
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in names],
            "clusters": [{"name": name, "cluster": {"server": f"http://{name}.test"}} for name in names],
            "users": [{"name": name, "user": {"token": "x"}} for name in names],
        }
    )


def test_the_current_context_is_meant(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "config").write_text(config("one", "two", current="two"))
    monkeypatch.setenv("KUBECONFIG", str(nowhere / "config"))
    assert str(target()) == "two (http://two.test)"
    assert str(target("one")) == "one (http://one.test)"
    assert target().embedded is None


def test_contexts_of_all_files_are_known_and_a_broken_one_hides_none(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nowhere / "first").write_text(config("one"))
    (nowhere / "second").write_text("{")
    (nowhere / "third").write_text(config("three"))
    files = (nowhere / name for name in ("first", "second", "absent", "third"))
    monkeypatch.setenv("KUBECONFIG", ":".join(map(str, files)))
    assert contexts() == ["one", "three"]


def test_without_a_kubeconfig_and_a_cluster_it_says_so() -> None:
    with pytest.raises(ApiError, match="there is no kubeconfig"):
        target(console=Silent())


def test_without_a_kubeconfig_it_names_the_clusters_that_are_up(monkeypatch: pytest.MonkeyPatch) -> None:
    up = [SimpleNamespace(name=name) for name in ("one", "two")]
    monkeypatch.setattr("rumpf.cluster.clusters", lambda: up)
    with pytest.raises(ApiError, match="there is no kubeconfig") as caught:
        target()
    assert "--context rumpf-one, --context rumpf-two; else set KUBECONFIG" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"current-context": "x"}',
        '{"current-context": "x", "contexts": [{"name": "x", "context": {}}]}',
        '{"current-context": "x", "contexts": "none"}',
        config("x", current="x").replace('"server"', '"sever"'),
    ],
)
def test_a_broken_kubeconfig_is_named(nowhere: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (nowhere / "config").write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(nowhere / "config"))
    with pytest.raises(ApiError, match="config: "):
        target()


def test_a_context_that_could_be_of_an_embedded_cluster_but_is_of_none_is_refused(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nowhere / "config").write_text(config("one", current="one"))
    monkeypatch.setenv("KUBECONFIG", str(nowhere / "config"))
    for name in ("rumpf-absent", "rumpf-../..", "other"):
        with pytest.raises(ApiError, match="there is no context"):
            target(name)
