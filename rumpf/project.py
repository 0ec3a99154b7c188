"""A project: the folder with operators in it, how they are loaded, and what was committed of them."""

import importlib
import subprocess
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from rumpf.errors import DeclarationError, RumpfError, UsageError
from rumpf.operator import Operator

PACKAGE = "operators"
_DECLARATION = "operator.py"
_GIT_SECONDS = 30


@dataclass(frozen=True)
class Project:
    """A folder with `operators/<name>/operator.py` in it."""

    root: Path

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its operators."""
        found = (self.root / PACKAGE).glob(f"*/{_DECLARATION}")
        return tuple(sorted(name_of(each.parent.name) for each in found))

    def folder(self, name: str) -> Path:
        """Return the folder of an operator, whether it is there or not."""
        return self.root / PACKAGE / folder_name(name)

    def manifests(self, name: str) -> Path:
        """Return the folder of the files that are made from an operator's declaration, and committed."""
        return self.folder(name) / "k8s"

    def load(self, name: str) -> Operator:
        """Import an operator's declaration, and nothing that would host it.

        Raises UsageError where there is no such operator, and DeclarationError where it cannot be imported.
        """
        name = name_of(name)
        if name not in self.names:
            raise UsageError(
                f"there is no {self.folder(name) / _DECLARATION}",
                remedy=f"there is {', '.join(self.names)}; rumpf new {name} makes one"
                if self.names
                else f"rumpf new {name} makes one",
                where=name,
            )
        path = self.folder(name) / _DECLARATION
        declared = getattr(self._import(name, path), "operator", None)
        if not isinstance(declared, Operator):
            raise DeclarationError(
                "there is no Operator called `operator` in it",
                where=self._shown(path),
                remedy=f'write: operator = Operator("{name}", ...)',
            )
        if declared.name != name:
            raise DeclarationError(
                f"the operator is called {declared.name!r}, its folder {folder_name(name)!r}",
                where=self._shown(path),
                remedy=f'write Operator("{name}", ...), or call the folder {folder_name(declared.name)}',
            )
        return declared

    def select(self, names: Iterable[str] = ()) -> dict[str, Operator]:
        """Load the operators of these names; all of them, if there are none."""
        return {name: self.load(name) for name in dict.fromkeys(map(name_of, names)) or self.names}

    def committed(self, path: Path, ref: str = "HEAD") -> str | None:
        """Return what a file was at a commit; None if it was not there, or if this is no git repository."""
        shown = self._git("show", f"{ref}:./{path.relative_to(self.root).as_posix()}")
        return shown.stdout if shown.returncode == 0 else None

    def committed_in(self, folder: Path, ref: str = "HEAD") -> tuple[Path, ...]:
        """Return the files that a folder had at a commit; none, if this is no git repository."""
        there = f"./{folder.relative_to(self.root).as_posix()}/"
        listed = self._git("ls-tree", "-r", "-z", "--name-only", ref, "--", there)
        return tuple(self.root / name for name in listed.stdout.split("\0") if name)

    def has_commit(self, ref: str) -> bool:
        """Whether a branch, tag or other name stands for a commit here."""
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return self._git(*words).returncode == 0

    def _git(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["git", "-C", str(self.root), *words]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_GIT_SECONDS, encoding="utf-8"
            )
        except FileNotFoundError:
            return subprocess.CompletedProcess(command, 127, "", "git is not there")

    def _import(self, name: str, path: Path) -> ModuleType:
        self._make_way()
        package = f"{PACKAGE}.{folder_name(name)}"
        already = package in sys.modules
        if not already:
            # A package's __init__ hosts the operator (kopf and all); its declaration needs none of that.
            bare = ModuleType(package)
            bare.__path__ = [str(path.parent)]
            sys.modules[package] = bare
        try:
            return importlib.import_module(f"{package}.{path.stem}")
        except RumpfError:
            raise
        except Exception as error:
            raise DeclarationError(
                f"it cannot be imported: {type(error).__name__}: {error}",
                where=self._where_it_failed(error, path),
                remedy=f"mend it; python shows more: python -c 'import {package}.{path.stem}' in {self.root}",
            ) from error
        finally:
            if not already:
                del sys.modules[package]

    def _make_way(self) -> None:
        """Have `operators` mean this project's, also where another's were imported before."""
        mine = str(self.root / PACKAGE)
        there = sys.modules.get(PACKAGE)
        if there is not None and mine not in there.__path__:
            for module in [each for each in sys.modules if each.split(".")[0] == PACKAGE]:
                del sys.modules[module]
        if sys.path[:1] != [str(self.root)]:
            sys.path.insert(0, str(self.root))
        importlib.invalidate_caches()
        if mine not in (found := importlib.import_module(PACKAGE)).__path__:
            raise DeclarationError(
                f"another package called {PACKAGE} hides it: {', '.join(found.__path__)}",
                where=mine,
                remedy=f"put an empty __init__.py into {mine}",
            )

    def _where_it_failed(self, error: Exception, path: Path) -> str:
        if isinstance(error, SyntaxError) and error.filename:
            return f"{self._shown(Path(error.filename))}:{error.lineno}"
        steps = [
            step
            for step in traceback.extract_tb(error.__traceback__)
            if Path(step.filename).is_relative_to(self.root / PACKAGE)
        ]
        return f"{self._shown(Path(steps[-1].filename))}:{steps[-1].lineno}" if steps else self._shown(path)

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def find(start: Path | None = None) -> Project:
    """Return the project that a folder (the current one) is in."""
    found = enclosing(start)
    if found is None:
        raise UsageError(
            f"there is no {PACKAGE}/<name>/{_DECLARATION} here or above",
            remedy="go to a project with operators; rumpf new NAME starts one",
            where=str((start or Path.cwd()).absolute()),
        )
    return found


def enclosing(start: Path | None = None) -> Project | None:
    """Return the project that a folder (the current one) is in, or None."""
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        package = folder / PACKAGE
        # An image's folder has a link to the project's operators, and is no project itself.
        if not package.is_symlink() and any(package.glob(f"*/{_DECLARATION}")):
            return Project(folder)
    return None


def load(name: str) -> Operator:
    """Load an operator of the project that the current folder is in."""
    return find().load(name)


def name_of(folder: str) -> str:
    """Return the name of the operator in a folder: a folder is called config_watcher, it config-watcher."""
    return folder.replace("_", "-")


def folder_name(name: str) -> str:
    """Return the name of an operator's folder, which is a Python package."""
    return name.replace("-", "_")
