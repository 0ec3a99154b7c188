"""`rumpf render`: what is printed can be applied, what is written can be committed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rumpf.cli import cli
from rumpf.errors import DeclarationError, UsageError
from rumpf.manifests import from_yaml

Run = Callable[..., Result]
NAMES = ["crd.yaml", "example-note.yaml", "operator-deploy.yaml"]


def rumpf(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it as a shell does."""
    return subprocess.run(
        [sys.executable, "-m", "rumpf", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.usefixtures("project")
def test_it_prints_all_that_is_applied_the_crd_first(run: Run) -> None:
    manifests = from_yaml(run("render", "note").stdout)
    assert [each["kind"] for each in manifests] == [
        "CustomResourceDefinition",
        "Namespace",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRole",
        "Service",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Deployment",
    ]


@pytest.mark.usefixtures("project")
def test_yaml_and_json_say_the_same(run: Run) -> None:
    listed = json.loads(run("render", "note", "--output", "json").stdout)
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
    assert tuple(listed["items"]) == from_yaml(run("render", "note").stdout)


@pytest.mark.usefixtures("project")
def test_what_is_chosen_is_in_it(run: Run) -> None:
    chosen = ["--namespace=tools", "--image=a:1", "--watch=b", "--watch=a", "--replicas=3"]
    manifests = from_yaml(run("render", "note", *chosen).stdout)
    spec = manifests[-1]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert (manifests[-1]["metadata"]["namespace"], spec["replicas"], container["image"]) == (
        "tools",
        3,
        "a:1",
    )
    assert {"name": "WATCH_NAMESPACE", "value": "a,b"} in container["env"]
    assert not {"Namespace", "ClusterRole"} & {each["kind"] for each in manifests}


def test_a_setting_is_chosen_by_key_and_value(run: Run, project: Path) -> None:
    declaration = project / "operators/note/operator.py"
    setting = 'settings=[__import__("rumpf").Setting("NOTE_URL", "", "Where.")], samples=['
    declaration.write_text(declaration.read_text().replace("samples=[", setting))
    manifests = from_yaml(run("render", "note", "--set", "NOTE_URL=http://a/?b=c").stdout)
    (container,) = manifests[-1]["spec"]["template"]["spec"]["containers"]
    assert {"name": "NOTE_URL", "value": "http://a/?b=c"} in container["env"]


@pytest.fixture
def granting(project: Path) -> Path:
    """The project, with a grant that its operator has by default, and one that it has not."""
    declaration = project / "operators/note/operator.py"
    grants = (
        'GRANTS = [Grant("secrets", "Reads them."), Grant("services", "Lists them.", default=True)]\n'
        'RULES = [Rule("", each.name, ("list",), grant=each) for each in GRANTS]\n'
    )
    text = declaration.read_text().replace("operator = Operator(", f"{grants}\noperator = Operator(")
    text = text.replace("samples=[", "grants=GRANTS, rules=RULES, samples=[")
    declaration.write_text(f"{text}".replace("import (", "import (Grant, Rule, ", 1))
    return project


@pytest.mark.usefixtures("granting")
def test_a_grant_is_given_in_namespaces_or_withheld(run: Run) -> None:
    chosen = ["--grant=secrets=b,a", "--grant=secrets=c", "--withhold=services"]
    manifests = from_yaml(run("render", "note", *chosen).stdout)
    roles = [each for each in manifests if each["metadata"]["name"] == "note-operator-secrets"]
    assert {each["metadata"]["namespace"] for each in roles} == {"a", "b", "c"}
    (container,) = manifests[-1]["spec"]["template"]["spec"]["containers"]
    told = {each["name"]: each["value"] for each in container["env"] if "GRANT" in each["name"]}
    assert told == {"RUMPF_GRANT_SECRETS": "a,b,c", "RUMPF_GRANT_SERVICES": ""}


@pytest.mark.usefixtures("granting")
def test_of_several_operators_only_those_that_have_a_grant_are_given_it(run: Run) -> None:
    run("new", "other")
    names = [each["metadata"]["name"] for each in from_yaml(run("render", "--grant=secrets=a").stdout)]
    assert [name for name in names if name.endswith("-secrets")] == ["note-operator-secrets"] * 2
    assert "other-operator" in names


@pytest.mark.usefixtures("granting")
def test_grants_are_completed(run: Run) -> None:
    run("render", "note")  # each run reads the declaration anew

    def completed(*words: str) -> list[str]:
        variables = {
            "_RUMPF_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("rumpf", *words)),
            "COMP_CWORD": str(len(words)),
        }
        result = CliRunner().invoke(cli, prog_name="rumpf", env=variables)
        return [line.partition(",")[2] for line in result.output.splitlines()]

    assert completed("install", "note", "--grant", "sec") == ["secrets"]
    assert completed("run", "note", "--withhold", "se") == ["secrets", "services"]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--set", "NOTE_URL"], "--set: 'NOTE_URL' is no KEY=VALUE"),
        (["--set", "=a"], "--set: '=a' is no KEY=VALUE"),
        (["--set", "A=b"], "settings: note-operator has no setting A"),
        (["--replicas", "0"], "replicas: 0 replicas"),
        (["--grant", "secrets"], "--grant: no operator has a grant secrets"),
        (["--write", "--replicas", "1"], "--write: the committed files are what the declaration says"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_refused(run: Run, arguments: list[str], what: str) -> None:
    with pytest.raises(UsageError) as refusal:
        run("render", "note", *arguments)
    assert str(refusal.value).startswith(what)


@pytest.mark.usefixtures("project")
def test_without_a_name_all_operators_are_rendered(run: Run) -> None:
    run("new", "other")
    everything = from_yaml(run("render").stdout)
    assert [each["metadata"]["name"] for each in everything if each["kind"] == "Deployment"] == [
        "note-operator",
        "other-operator",
    ]
    assert from_yaml(run("render", "note").stdout) == everything[: len(everything) // 2]


def test_what_is_written_is_what_is_printed(run: Run, project: Path) -> None:
    folder = project / "operators/note/k8s"
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    printed = from_yaml(run("render", "note").stdout)
    written = (folder / "crd.yaml").read_text(), (folder / "operator-deploy.yaml").read_text()
    assert printed == tuple(each for text in written for each in from_yaml(text))


def test_writing_mends_what_differs_and_removes_what_nothing_makes_any_more(run: Run, project: Path) -> None:
    folder = project / "operators/note/k8s"
    right = (folder / "operator-deploy.yaml").read_text()
    (folder / "operator-deploy.yaml").write_text("broken")
    (folder / "crd.yaml").unlink()
    (folder / "example-note.yaml").rename(folder / "example-older.yaml")
    (folder / "by-hand.yaml").write_text("kind: ConfigMap\n")
    assert run("render", "--write").stderr.splitlines() == [
        "wrote operators/note/k8s/crd.yaml",
        "wrote operators/note/k8s/operator-deploy.yaml",
        "wrote operators/note/k8s/example-note.yaml",
        "deleted operators/note/k8s/example-older.yaml",
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["by-hand.yaml", *NAMES]
    assert (folder / "operator-deploy.yaml").read_text() == right
    assert run("render", "--write").stderr == "all files are what their source says\n"


def test_a_declaration_that_is_broken_ends_with_7_and_no_traceback(run: Run, project: Path) -> None:
    declaration = project / "operators/note/operator.py"
    declaration.write_text(declaration.read_text() + "\nx = undefined\n")
    lines = len(declaration.read_text().splitlines())
    with pytest.raises(DeclarationError):
        run("render", "note")
    done = rumpf("render", "note", folder=project)
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith(
        f"error: operators/note/operator.py:{lines}: it cannot be imported: NameError: name 'undefined' "
    )


def test_rendering_loads_nothing_that_talks_to_a_cluster(project: Path) -> None:
    program = (
        "import sys; from rumpf.cli import cli;"
        "cli.main(['render', 'note'], standalone_mode=False);"
        "print(sorted({'kopf', 'aiohttp', 'rumpf.runtime', 'rumpf.cluster'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
