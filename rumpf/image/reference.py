"""Read an image's name the way the kubelet and containerd do."""

import re
from dataclasses import dataclass

from rumpf.errors import ImageError

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_REGISTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")

_DEFAULT_REGISTRY = "docker.io"


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's full name; `str()` of it is what a node files the image under."""

    registry: str
    repository: str
    tag: str

    @classmethod
    def parse(cls, name: str) -> "Reference":
        """Fill in what `name` leaves out: registry docker.io, folder library, tag latest.

        A name with a digest is refused: what is being made cannot be named by its own content.
        """
        first, _, rest = name.partition("/")
        if rest and ("." in first or ":" in first or first == "localhost"):
            registry, path = first, rest
        else:
            registry, path = _DEFAULT_REGISTRY, name if rest else f"library/{name}"
        repository, colon, tag = path.partition(":")
        tag = tag if colon else "latest"
        if not (_REGISTRY.fullmatch(registry) and _REPOSITORY.fullmatch(repository) and _TAG.fullmatch(tag)):
            raise ImageError(
                f"{name!r} is no name for an image",
                remedy="write [REGISTRY/]NAME[:TAG] in lower case, such as example.org/sample:1",
            )
        return cls(registry, repository, tag)

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}:{self.tag}"
