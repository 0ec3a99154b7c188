"""A release of operators: its number, what it follows, and the digest of every image that it names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rumpf.errors import DeclarationError
from rumpf.olm.references import by_digest, pinned
from rumpf.olm.versions import Version
from rumpf.olm.vocabulary import CHANNELS

_FIRST_TRIED = CHANNELS[0]


@dataclass(frozen=True)
class Release:
    """One release. It says nothing of an operator: all operators of a project are released together."""

    version: Version
    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    """The digests of images, by the names that declarations give them."""
    date: str = ""
    platforms: tuple[str, ...] = ("linux/amd64",)
    """What the operators' image runs on, as `linux/amd64`."""
    unpinned: frozenset[str] = frozenset()
    """Images that are taken by the names they have: to try a release out that no registry has yet."""

    def pin(self, image: str, where: str) -> str:
        """Return an image's name with its digest. Raises DeclarationError where that is not known."""
        if pinned(image) or image in self.unpinned:
            return image
        if image not in self.digests:
            raise DeclarationError(
                f"the digest of {image} is not known, and a tag can mean another image tomorrow",
                where=where,
                remedy=f'add it to the images in bundle/releases.toml: "{image}" = "sha256:..."',
            )
        return by_digest(image, self.digests[image])

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that its bundles belong to: what comes before a release is for those who try it."""
        return (_FIRST_TRIED,) if self.version.pre else CHANNELS


@dataclass(frozen=True)
class Place:
    """Where a release of one package stands among its others."""

    replaces: str = ""
    """The name of the bundle before it."""
    skip_range: str = ""
    """The versions that can be upgraded to it in one step."""


def bundle_name(package: str, version: Version) -> str:
    """Return what the bundle of a package and version is called, as OLM calls it."""
    return f"{package}.v{version}"


def place_among(package: str, version: Version, others: Iterable[Version]) -> Place:
    """Return where a version stands: after the newest that is older, and reached from all of them."""
    older = sorted(each for each in others if each < version)
    if not older:
        return Place()
    before = older[-1]
    if version.pre or not before.pre:
        replaced = before
    else:
        # What came before a release is in another channel, whose users find this one by the range.
        released = [each for each in older if not each.pre]
        replaced = released[-1] if released else before
    return Place(bundle_name(package, replaced), f">={older[0]} <{version}")
