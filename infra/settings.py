"""What a stack's config says, typed and checked: an error names the key and what to do about it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from itertools import combinations
from typing import Annotated, Any, Literal, cast

import pulumi
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from rumpf.errors import UsageError

NAMESPACE = "rumpf"
"""What stands before the colon of each key."""

Quantity = Annotated[str, Field(pattern=r"^\d+(\.\d+)?(m|[kMGTPE]i?)?$")]
Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]
ShortName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$")]
"""At most 24 characters: an account that is called after it has 30 at most."""
Range = Annotated[str, Field(pattern=r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$")]


class Section(BaseModel):
    """A part of the config. Keys are written likeThis; one that is not known is refused.

    `pulumi config set` writes what looks like a number as one, also where a text is meant.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        coerce_numbers_to_str=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )


class ResourceValues(Section):
    """What the container of an operator asks for."""

    cpu: Quantity | None = None
    """The CPU that is kept for it."""
    memory: Quantity | None = None
    """The memory that is kept for it."""
    memory_limit: Quantity | None = None
    """The memory that it may not exceed."""


class OperatorValues(Section):
    """How one operator is installed. What is left out is as its declaration says."""

    namespace: str | None = None
    """Where it runs: a namespace that is there. Else one of its own, which is made and deleted with it."""
    image: str | None = None
    """Another image than its own, which is taken by the digest of the release."""
    watch: list[str] | None = None
    """The namespaces that it looks after, with rights in these alone; else all."""
    replicas: Annotated[int, Field(ge=1)] | None = None
    """How many Pods; an update fails if somebody else scaled it since. Left out: its own number at first, and
    then whatever it is scaled to, by a person or an autoscaler."""
    settings: dict[str, str] | None = None
    """Values of its settings."""
    grants: dict[str, list[str]] | None = None
    """Where each of its optional rights is given: namespaces, ["*"] for all, [] for none."""
    resources: ResourceValues | None = None
    """What its container asks for."""


class KindValues(Section):
    """A kind cluster on this machine."""

    name: Name = "rumpf"
    """What it is called."""
    node_image: str | None = None
    """The image of its nodes, which tells the version of Kubernetes; else kind's own."""
    workers: Annotated[int, Field(ge=0, le=20)] = 0
    """Nodes beside the one of the control plane."""
    archive: str | None = None
    """An image archive of the operators, as `rumpf image build` makes it, to be loaded into the nodes.

    A relative path begins at the root of the project.
    """
    wait: Annotated[int, Field(ge=0, le=3600)] = 180
    """Seconds that its nodes may take until they are Ready."""


class PoolValues(Section):
    """A pool of nodes of a Standard cluster."""

    name: Name = "default"
    """What it is called."""
    machine_type: str = "e2-standard-2"
    """The type of its machines."""
    min_nodes: Annotated[int, Field(ge=0)] = 1
    """Nodes of it in each zone at least."""
    max_nodes: Annotated[int, Field(ge=1)] = 3
    """Nodes of it in each zone at most."""
    spot: bool = False
    """Whether its machines are cheap, and may be taken away."""
    disk_gb: Annotated[int, Field(ge=12)] = 50
    """The size of their disks."""

    @model_validator(mode="after")
    def _room(self) -> "PoolValues":
        if self.max_nodes < self.min_nodes:
            raise ValueError(f"maxNodes {self.max_nodes} is less than minNodes {self.min_nodes}")
        return self


class GkeValues(Section):
    """A cluster of Google Kubernetes Engine."""

    name: ShortName = ""
    """What it, its network, its registry and its account are called. Else as the stack is."""
    mode: Literal["autopilot", "standard"] = "autopilot"
    """Autopilot: Google looks after the nodes, and Pods are paid for. Standard: node pools of your own."""
    location: str | None = None
    """A region; for a Standard cluster a zone too. Else gcp:region."""
    release_channel: Literal["RAPID", "REGULAR", "STABLE"] = "REGULAR"
    """How soon new versions of Kubernetes come."""
    deletion_protection: bool = True
    """Whether deleting the cluster, its network or its registry is refused, and with it `pulumi destroy`.

    Before they can go, or be replaced, set false and run `pulumi up`.
    """
    private_nodes: bool = True
    """Whether nodes have no address of their own in the internet."""
    nat: bool = True
    """Whether private nodes reach the internet, for images that are not in Google's registries.

    Without it, an operator or a setting that names such an image is refused.
    """
    authorized_networks: dict[str, Range] | None = None
    """Who reaches the API server, by name: {office: 203.0.113.0/24}. Else everybody, who then must log in."""
    node_range: Range = "10.64.0.0/20"
    """Addresses of nodes."""
    pod_range: Range = "10.68.0.0/14"
    """Addresses of Pods."""
    service_range: Range = "10.72.0.0/20"
    """Addresses of Services."""
    registry: Literal["mirror", "own", "none"] = "mirror"
    """Artifact Registry: a mirror of the public image, a repository to push your own to, or none."""
    pools: Annotated[list[PoolValues], Field(min_length=1)] = [PoolValues()]
    """The node pools of a Standard cluster."""

    @model_validator(mode="after")
    def _apart(self) -> "GkeValues":
        ranges = {
            "nodeRange": self.node_range,
            "podRange": self.pod_range,
            "serviceRange": self.service_range,
        }
        for (one, first), (other, second) in combinations(ranges.items(), 2):
            if ip_network(first).overlaps(ip_network(second)):
                raise ValueError(f"{one} {first} and {other} {second} overlap")
        for name, count in Counter(each.name for each in self.pools).items():
            if count > 1:
                raise ValueError(f"{count} pools are called {name}")
        return self


class Settings(Section):
    """All keys of the config."""

    cluster: Literal["existing", "kind", "gke"]
    """Which cluster: one that is there, one of kind on this machine, or one of GKE. It must be said."""
    operators: list[str] = []
    """The operators to install; all that there are, if none is named."""
    values: dict[str, OperatorValues] = {}
    """How each is installed, by its name."""
    image: str | None = None
    """The image of all operators that are given none of their own."""
    keep_data: bool = True
    """Whether `pulumi destroy` leaves the CRDs, and with them all that people made of their kinds."""
    kubeconfig: str | None = None
    """The kubeconfig file of a cluster that exists; else what KUBECONFIG names, or ~/.kube/config."""
    context: str | None = None
    """The context in it; else the only one. Of several it must be said which is the stack's."""
    kind: KindValues = KindValues()
    """The cluster of kind."""
    gke: GkeValues = GkeValues()
    """The cluster of GKE."""


def settings() -> Settings:
    """Return the config of this stack. Raises UsageError that names the key."""
    config = pulumi.Config(NAMESPACE)
    found = {name: config.get(name) for name in _keys(Settings)}
    # What is not in the stack's file has the default of Pulumi.yaml; that of a text is an empty one.
    return parse({name: _decoded(value) for name, value in found.items() if value})


def parse(found: Mapping[str, object]) -> Settings:
    """Return config values as they are meant. Raises UsageError that names the key."""
    try:
        return Settings.model_validate(found)
    except ValidationError as error:
        raise _explained(error) from None


def key(*steps: object) -> str:
    """Return how a config key is written: rumpf:values.message.replicas."""
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return f"{NAMESPACE}:{path}"


def _keys(section: type[Section]) -> Iterable[str]:
    return (field.alias or name for name, field in section.model_fields.items())


def _decoded(text: str) -> object:
    """Return a value of the config: all come as text, lists, objects and booleans as JSON in it."""
    if text[:1] not in {"[", "{"} and text not in {"true", "false"}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _explained(error: ValidationError) -> UsageError:
    first = error.errors()[0]
    path = first["loc"]
    where = key(*path)
    if first["type"] == "extra_forbidden":
        known = ", ".join(_keys(_section(path[:-1])))
        return UsageError(
            "there is no such key", where=where, remedy=f"leave it out, or mend its name: there is {known}"
        )
    if first["type"] == "missing":
        return UsageError(
            "the config does not say it",
            where=where,
            remedy=f"pulumi config set --path '{where}' ...; Pulumi.yaml says what it can be",
        )
    given = json.dumps(first["input"], default=str)
    remedy = f"pulumi config set --path '{where}' ...; Pulumi.yaml says what the keys are"
    return UsageError(f"{first['msg']}, and not {given}", where=where, remedy=remedy)


def _section(path: Iterable[int | str]) -> type[Section]:
    """Return the model of the part of the config that is at a path."""
    at: type[Section] = Settings
    for step in path:
        fields = {field.alias: field.annotation for field in at.model_fields.values()}
        for found in _models(fields.get(str(step))):
            at = found
    return at


def _models(annotation: object) -> Iterable[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in cast("tuple[Any, ...]", getattr(annotation, "__args__", ())):
        yield from _models(inner)
