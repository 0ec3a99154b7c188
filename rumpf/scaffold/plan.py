"""The files of a new operator, and the names in them."""

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from string import Template

import rumpf
from rumpf.errors import UsageError
from rumpf.project import PACKAGE, folder_name

DEFAULT_GROUP = "example.com"
PROJECT_FILE = "pyproject.toml"
IGNORED = ".gitignore"

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,46}[a-z0-9])?")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_PLURAL = re.compile(r"[a-z][a-z0-9]{0,62}")
_GROUP = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_KUBERNETES_OWN = re.compile(r"(.*\.)?(k8s|kubernetes)\.io")
# What the new module imports, or calls something else by.
_TAKEN = {*rumpf.__all__, "Annotated", "Field", "world", "operator", "status", "reconcile", "kept"}


@dataclass(frozen=True)
class Plan:
    """The names of a new operator. Checked when made."""

    name: str
    kind: str
    group: str
    plural: str

    def __post_init__(self) -> None:
        """Refuse what Kubernetes or Python would refuse, before anything is written."""
        _refuse(self.name, _NAME, "NAME", "up to 48 lower-case letters, digits and dashes, a letter first")
        _refuse(self.kind, _KIND, "--kind", "letters and digits, a capital letter first: ConfigWatcher")
        _refuse(self.plural, _PLURAL, "--plural", "lower-case letters and digits: configwatchers")
        _refuse(self.group, _GROUP, "--group", "a DNS name that is yours: apps.example.com")
        if _KUBERNETES_OWN.fullmatch(self.group):
            raise UsageError(
                f"{self.group} is Kubernetes' own", where="--group", remedy="use a DNS name that is yours"
            )
        if keyword.iskeyword(folder_name(self.name)):
            raise UsageError(
                f"{self.name!r} means something else in Python", where="NAME", remedy="find another"
            )
        if taken := sorted({self.kind, f"{self.kind}Spec", f"{self.kind}Status"} & _TAKEN):
            raise UsageError(
                f"{taken[0]} is what rumpf calls something else", where="--kind", remedy="find another"
            )

    @property
    def folder(self) -> str:
        """The folder of the operator, below `operators`."""
        return folder_name(self.name)

    @property
    def variable(self) -> str:
        """What code calls one object of the kind."""
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", self.kind).lower()
        return f"{snake}_" if keyword.iskeyword(snake) or snake in _TAKEN else snake

    def files(self) -> dict[str, str]:
        """Return what is in each file of the operator, by its path in the project."""
        return {
            f"{PACKAGE}/{self.folder}/operator.py": self._filled("operator.py"),
            f"{PACKAGE}/{self.folder}/__init__.py": self._filled("__init__.py"),
            f"tests/unit/test_{self.folder}.py": self._filled("test_unit.py"),
            f"tests/e2e/test_{self.folder}.py": self._filled("test_e2e.py"),
        }

    def project_files(self) -> dict[str, str]:
        """Return what makes a project of a folder that is none yet."""
        return {
            f"{PACKAGE}/__init__.py": '"""The operators: a folder each."""\n',
            PROJECT_FILE: self._filled(PROJECT_FILE),
            IGNORED: self._filled("gitignore"),
        }

    def _filled(self, template: str) -> str:
        text = (files("rumpf.scaffold") / "templates" / f"{template}.txt").read_text(encoding="utf-8")
        return Template(text).substitute(
            name=self.name,
            folder=self.folder,
            Kind=self.kind,
            lower=self.kind.lower(),
            variable=self.variable,
            group=self.group,
            plural=self.plural,
        )


def plan(name: str, *, kind: str | None = None, group: str | None = None, plural: str | None = None) -> Plan:
    """Return the plan of an operator; names that are not given follow from its name."""
    name = name.replace("_", "-")
    called = kind or "".join(part[:1].upper() + part[1:] for part in name.split("-"))
    return Plan(name, called, group or DEFAULT_GROUP, plural or plural_of(called.lower()))


def plural_of(singular: str) -> str:
    """Return what is likely the plural of a word: a first guess, written where its author can mend it."""
    if re.search(r"([sxz]|[cs]h)$", singular):
        return f"{singular}es"
    if re.search(r"[^aeiou]y$", singular):
        return f"{singular[:-1]}ies"
    return f"{singular}s"


def clashes(paths: Iterable[str]) -> UsageError:
    """Return the error that says which files are already there."""
    return UsageError(
        f"already there: {', '.join(paths)}",
        where="new",
        remedy="choose another NAME, or remove them; nothing was written",
    )


def _refuse(value: str, form: re.Pattern[str], where: str, write: str) -> None:
    if not form.fullmatch(value):
        raise UsageError(f"{value!r} will not do", where=where, remedy=f"write {write}")
