"""`rumpf install` and `rumpf uninstall`, as far as they come without a cluster."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from rumpf import Grant
from rumpf.cli import cli
from rumpf.cli.choosing import grants_of, grants_of_each, settings_of_each
from rumpf.errors import ApiError, RumpfError, UsageError
from rumpf.operator import Setting
from rumpf.project import load
from tests.unit.install.operators import made


@pytest.fixture(autouse=True)
def _no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    monkeypatch.setenv("RUMPF_CACHE", str(tmp_path / "cache"))


def error_of(*arguments: str) -> RumpfError:
    result = CliRunner().invoke(cli, list(arguments))
    assert isinstance(result.exception, RumpfError), result.output
    return result.exception


@pytest.mark.parametrize("command", [("install", "message"), ("uninstall", "message"), ("status",)])
def test_without_a_kubeconfig_it_says_where_it_looked(command: tuple[str, ...], tmp_path: Path) -> None:
    error = error_of(*command)
    assert isinstance(error, ApiError)
    assert str(error).startswith(f"{tmp_path / 'absent'}: there is no kubeconfig\n  -> set KUBECONFIG")
    assert error.exit_code == 10


def test_an_operator_that_is_not_there_is_refused_with_those_that_are() -> None:
    error = error_of("install", "massage")
    assert isinstance(error, UsageError)
    assert "message" in error.remedy


@pytest.mark.parametrize("name", ["install", "uninstall"])
def test_a_name_must_be_given(name: str) -> None:
    result = CliRunner().invoke(cli, [name])
    assert result.exit_code == 2
    assert "NAME" in result.output


def test_a_setting_that_no_operator_has_is_refused_with_those_that_they_have() -> None:
    error = error_of("install", "message", "--set=TYPO=1")
    assert isinstance(error, UsageError)
    assert "MESSAGE_IMAGE" in error.remedy


@pytest.mark.parametrize("command", ["install", "run", "render"])
def test_what_a_setting_cannot_be_is_refused_before_a_cluster_or_an_image_is_looked_for(command: str) -> None:
    error = error_of(command, "configwatcher", "--set=MAX_ROLLOUTS=abc")
    assert isinstance(error, UsageError)
    assert str(error).startswith("MAX_ROLLOUTS: it cannot be 'abc'")


def test_a_setting_without_a_value_stands_for_its_default() -> None:
    operator = made(settings=[Setting("A", "1", "One.", pattern="[0-9]+")])
    assert settings_of_each([operator], {"A": ""}) == {"thing": {"A": ""}}
    with pytest.raises(UsageError, match="it cannot be 'x'"):
        settings_of_each([operator], {"A": "x"})


def test_each_operator_gets_its_own_settings_alone() -> None:
    operator = made(settings=[Setting("A", "", "One.")])
    assert settings_of_each([operator], {"A": "1"}) == {"thing": {"A": "1"}}
    with pytest.raises(UsageError, match="no operator has a setting B"):
        settings_of_each([operator], {"A": "1", "B": "2"})


@pytest.mark.parametrize(
    ("granted", "withheld", "found"),
    [
        (["secrets"], [], {"secrets": ("*",)}),
        (["secrets=*"], [], {"secrets": ("*",)}),
        (["secrets=b,a", "secrets=c"], [], {"secrets": ("a", "b", "c")}),
        (["secrets= a , b,"], ["rollout"], {"secrets": ("a", "b"), "rollout": ()}),
        ([], [], {}),
    ],
)
def test_a_grant_is_given_everywhere_or_in_namespaces_or_withheld(
    granted: list[str], withheld: list[str], found: dict[str, tuple[str, ...]]
) -> None:
    assert grants_of(granted, withheld) == found


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--grant=secrets"], "--grant: no operator has a grant secrets\n  -> there is none"),
        (["--withhold=secrets"], "--grant: no operator has a grant secrets"),
        (["--grant=secrets="], "--grant: 'secrets=' names no namespace\n  -> write secrets=NAMESPACE, or"),
        (["--grant=a=b", "--withhold=a"], "--withhold: a is granted, and withheld"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("command", ["install", "run", "render"])
def test_a_grant_that_cannot_be_is_refused(command: str, arguments: list[str], what: str) -> None:
    error = error_of(command, "message", *arguments)
    assert isinstance(error, UsageError)
    assert str(error).startswith(what)


def test_each_operator_gets_its_own_grants_alone() -> None:
    operator = made(grants=[Grant("secrets", "Reads them.")])
    chosen = {"secrets": ("a",)}
    assert grants_of_each([operator, load("message")], chosen) == {"thing": chosen, "message": {}}


def test_operators_contexts_and_options_are_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "absent").write_text('{"contexts": [{"name": "one"}, {"name": "other"}, {"name": "two"}]}')
    monkeypatch.setenv("RUMPF_CACHE", str(tmp_path / "cache"))

    def completed(*words: str) -> list[str]:
        variables = {
            "_RUMPF_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("rumpf", *words)),
            "COMP_CWORD": str(len(words)),
        }
        result = CliRunner().invoke(cli, prog_name="rumpf", env=variables)
        return [line.partition(",")[2] for line in result.output.splitlines()]

    assert completed("install", "mes") == ["message"]
    assert completed("install", "message", "--context", "o") == ["one", "other"]
    assert "--take-over" in completed("run", "message", "--t")
