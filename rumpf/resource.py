"""What a custom resource is: a typed spec and status, its names, and how people see it."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import Field

from rumpf.conditions import Status
from rumpf.errors import DeclarationError
from rumpf.kinds import Kind
from rumpf.model import Model
from rumpf.schema.markers import Cel


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`: its title, and the JSON path (wire names) of what it shows."""

    title: str
    path: str
    type: Literal["string", "integer", "number", "boolean", "date"] = "string"
    description: str = ""
    priority: int = 0
    """0: always; 1: with `-o wide`."""
    format: str = ""


AGE = Column("Age", ".metadata.creationTimestamp", type="date")


@dataclass(frozen=True)
class Scale:
    """Where `kubectl scale` and an autoscaler find the number of replicas (JSON paths, wire names)."""

    spec: str = ".spec.replicas"
    status: str = ".status.replicas"
    selector: str | None = None


@dataclass(frozen=True)
class ResourceNames:
    """All that a CRD says of a version of a resource, but for its schema."""

    kind: Kind
    singular: str
    list_kind: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Column, ...] = (AGE,)
    scale: Scale | None = None
    selectable: tuple[str, ...] = ()
    """JSON paths that `--field-selector` understands."""
    cel: tuple[Cel, ...] = ()
    """Rules about the whole object."""
    served: bool = True
    deprecated: str | None = None
    """A warning that everybody who uses this version gets."""
    other_versions: "tuple[type[Resource], ...]" = ()
    """Further versions of the same resource that are served; this one is stored."""


class ObjectMeta(Model):
    """As much of an object's metadata as an operator decides by."""

    name: str = ""
    namespace: str | None = None
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()


class Resource(Model):
    """The base of a custom resource. Its names are keywords of the class:

        class Message(Resource, group="myorg.dev", version="v1", plural="messages"):
            spec: MessageSpec
            status: MessageStatus = MessageStatus()

    The plural is written, never guessed; the kind is the class's name unless `kind` says otherwise.
    """  # noqa: D400 - the example belongs to the sentence

    metadata: ObjectMeta = ObjectMeta()
    names: ClassVar[ResourceNames]

    def __init_subclass__(  # noqa: PLR0913 - keywords of a class statement
        cls,
        *,
        group: str = "",
        version: str = "",
        plural: str = "",
        kind: str | None = None,
        singular: str | None = None,
        short_names: tuple[str, ...] | list[str] = (),
        categories: tuple[str, ...] | list[str] = (),
        namespaced: bool = True,
        columns: tuple[Column, ...] | list[Column] = (AGE,),
        scale: Scale | None = None,
        selectable: tuple[str, ...] | list[str] = (),
        cel: tuple[Cel, ...] | list[Cel] = (),
        served: bool = True,
        deprecated: str | None = None,
        other_versions: "tuple[type[Resource], ...] | list[type[Resource]]" = (),
    ) -> None:
        """Check and keep the names."""
        super().__init_subclass__()
        if not group and not version and not plural:
            return  # a base that others share
        called = kind or cls.__name__
        for keyword, value in (("group", group), ("version", version), ("plural", plural)):
            if not value:
                raise DeclarationError(
                    f"{keyword} is missing",
                    where=called,
                    remedy=f'write it: class {called}(Resource, ..., {keyword}="...")',
                )
        cls.names = ResourceNames(
            kind=Kind(group, version, called, plural, namespaced),
            singular=singular or called.lower(),
            list_kind=f"{called}List",
            short_names=tuple(short_names),
            categories=tuple(categories),
            columns=tuple(columns),
            scale=scale,
            selectable=tuple(selectable),
            cel=tuple(cel),
            served=served,
            deprecated=deprecated,
            other_versions=tuple(other_versions),
        )

    @classmethod
    def status_type(cls) -> type[Status] | None:
        """Return the type of its status, or None if it has none."""
        field = cls.model_fields.get("status")
        annotation = field.annotation if field else None
        return annotation if isinstance(annotation, type) and issubclass(annotation, Status) else None

    @property
    def name(self) -> str:
        """Its name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """Its namespace; empty for what has none."""
        return self.metadata.namespace or ""

    @property
    def deleting(self) -> bool:
        """Whether it is being deleted."""
        return self.metadata.deletion_timestamp is not None

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Return the object that these bytes of JSON are."""
        return cls.model_validate_json(raw)
