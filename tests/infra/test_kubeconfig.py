"""A person's kubeconfig becomes one text, which means what kubectl would have read."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.clusters.kubeconfig import merged, usual
from rumpf.errors import UsageError


def config(name: str, **user: object) -> dict[str, Any]:
    cluster = {"server": f"https://{name}.example", "certificate-authority": "ca.crt"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [{"name": name, "user": {"client-key": "keys/me.key", **user}}],
    }


def write(folder: Path, name: str, **user: object) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(yaml.safe_dump(config(name, **user)))
    return path


def test_files_that_it_names_are_found_from_anywhere(tmp_path: Path) -> None:
    path = write(tmp_path / "one", "a", exec={"command": "./bin/login", "args": ["x"]})

    found = json.loads(merged([path]).text)

    assert found["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "one" / "ca.crt")
    assert found["users"][0]["user"]["client-key"] == str(tmp_path / "one" / "keys" / "me.key")
    assert found["users"][0]["user"]["exec"] == {
        "command": str(tmp_path / "one" / "bin/login"),
        "args": ["x"],
    }


def test_a_program_that_is_on_path_stays_as_it_is(tmp_path: Path) -> None:
    found = json.loads(merged([write(tmp_path, "a", exec={"command": "gke-gcloud-auth-plugin"})]).text)

    assert found["users"][0]["user"]["exec"]["command"] == "gke-gcloud-auth-plugin"


def test_of_several_files_the_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = write(tmp_path / "one", "a"), write(tmp_path / "two", "b")
    other = write(tmp_path / "three", "a", username="other")
    places = [one, tmp_path / "missing", two, other]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, places)))

    found = usual()

    assert found is not None
    assert found.current == "a"
    read = json.loads(found.text)
    assert [each["name"] for each in read["clusters"]] == ["a", "b"]
    assert "username" not in read["users"][0]["user"]


def test_without_the_variable_it_is_that_of_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert usual() is None

    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(yaml.safe_dump(config("home")))

    found = usual()
    assert found is not None
    assert found.current == "home"


def test_of_one_context_only_its_own_cluster_and_user_are_left(tmp_path: Path) -> None:
    both = merged([write(tmp_path, "a"), write(tmp_path, "b", username="one")])

    found = json.loads(both.only("a").text)

    assert found["current-context"] == "a"
    for what in ("clusters", "contexts", "users"):
        assert [each["name"] for each in found[what]] == ["a"]
    assert both.only("a") == merged([write(tmp_path, "a"), write(tmp_path, "b", username="another")]).only(
        "a"
    )


def test_a_context_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no context b") as raised:
        merged([write(tmp_path, "a")]).only("b")

    assert raised.value.where == "rumpf:context"
    assert "there is a" in raised.value.remedy


@pytest.mark.parametrize(("content", "what"), [("[]", "no kubeconfig"), ("{", "no YAML")])
def test_what_is_none_is_refused_with_the_key(tmp_path: Path, content: str, what: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)

    with pytest.raises(UsageError, match=what) as raised:
        merged([path])

    assert raised.value.where == f"rumpf:kubeconfig: {path}"
