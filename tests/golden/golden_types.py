"""The cases of types in and schemas out, for the golden tests and for those with a real API server.

A case is a folder: `types.py` with a `subject` (a Model or a Resource); `expected.yaml`, or `error.txt` if it
is refused; `objects.yaml` with specs (objects, if the subject is a Resource) that are accepted and refused.

A new case is a folder with `types.py`; `nox -s golden -- --accept` writes what comes out:
read the diff.
"""

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from types import new_class
from typing import Any, cast

import yaml
from pydantic import BaseModel

from rumpf import Resource
from rumpf.manifests import crd_for, to_yaml
from rumpf.objects import Manifest
from rumpf.schema import Schema, schema_of

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Refused:
    """A value that is refused, and what the API server says of it (None: it only drops something)."""

    value: Manifest
    because: str | None
    rule: bool = False
    """Whether only an API server can tell."""


@dataclass(frozen=True)
class Case:
    """One folder."""

    folder: Path

    @property
    def subject(self) -> type[BaseModel]:
        """The type; importing it may be refused already."""
        module = importlib.import_module(f"tests.golden.{self.folder.parent.name}.{self.folder.name}.types")
        return cast("type[BaseModel]", module.subject)

    @property
    def resource(self) -> type[Resource]:
        """The subject, or a resource that has it as its spec."""
        subject = self.subject
        if issubclass(subject, Resource):
            return subject
        plural = self.folder.name.replace("_", "-")
        kind = re.sub(r"(?:^|-)(\w)", lambda found: found[1].upper(), plural)

        def body(namespace: dict[str, Any]) -> None:
            namespace |= {"__annotations__": {"spec": subject}, "__module__": __name__}

        names = {"group": "golden.rumpf.dev", "version": "v1", "plural": plural}
        return cast("type[Resource]", new_class(kind, (Resource,), names, body))

    @property
    def schema(self) -> Schema:
        """The schema of the subject, or of its stored version."""
        if not issubclass(self.subject, Resource):
            return schema_of(self.subject)
        versions = crd_for(self.subject)["spec"]["versions"]
        return cast("Schema", next(each for each in versions if each["storage"])["schema"]["openAPIV3Schema"])

    @property
    def text(self) -> str:
        """What comes out."""
        subject = self.subject
        whole = crd_for(subject) if issubclass(subject, Resource) else schema_of(subject)
        return to_yaml([whole])

    @property
    def is_refused(self) -> bool:
        """Whether there is an error and no schema."""
        return (self.folder / "error.txt").exists()

    @property
    def accepted(self) -> list[Manifest]:
        """Values that are accepted."""
        return [dict(each) for each in self._objects.get("accepted", ())]

    @property
    def refused(self) -> list[Refused]:
        """Values that are refused."""
        return [Refused(**each) for each in self._objects.get("refused", ())]

    @property
    def _objects(self) -> dict[str, Any]:
        path = self.folder / "objects.yaml"
        return cast("dict[str, Any]", yaml.safe_load(path.read_text())) if path.exists() else {}


def cases(of: str) -> list[Case]:
    """Return all cases of schemas, or of CRDs."""
    return [Case(each) for each in sorted((HERE / of).iterdir()) if (each / "types.py").exists()]
