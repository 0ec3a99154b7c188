"""Whether a catalog and the bundles beside it say the same of a package."""

from collections.abc import Iterable, Iterator

from rumpf.olm.checking.catalogs import Catalog
from rumpf.olm.checking.finding import Problem, warning
from rumpf.olm.checking.loading import Loaded
from rumpf.olm.checking.reading import text
from rumpf.olm.versions import Version
from rumpf.olm.vocabulary import CHANNELS_LABEL, DEFAULT_CHANNEL_LABEL, PACKAGE_LABEL


def default_channels(catalog: Catalog, bundles: Iterable[Loaded]) -> Iterator[Problem]:
    """Each package has the default channel that its newest bundle names.

    That is the newest release: one that comes before a release counts only where there is none yet. A bundle
    that the catalog does not have says nothing of it.
    """
    held = {(text(each, "package"), text(each, "name")) for each in catalog.bundles}
    mine = [each for each in bundles if (each.annotation(PACKAGE_LABEL), each.name) in held]
    for package in catalog.packages:
        name, is_now = text(package, "name"), text(package, "defaultChannel")
        dated = [(_age(each), each) for each in mine if each.annotation(PACKAGE_LABEL) == name]
        if not dated:
            continue
        _, newest = max(dated, key=lambda each: each[0])
        wanted = _default_channel(newest)
        if wanted not in ("", is_now):
            yield warning(
                "default-channel",
                f"package {name}",
                f"its default channel is {is_now}, and {newest.name} says {wanted}",
                "have both say the same",
            )


def _age(bundle: Loaded) -> tuple[bool, Version]:
    version = Version.parse(text(bundle.csv, "spec", "version")) or Version()
    return not version.pre, version


def _default_channel(bundle: Loaded) -> str:
    """Return the default channel that a bundle names; of one channel alone it need not be said."""
    channels = [each.strip() for each in bundle.annotation(CHANNELS_LABEL).split(",")]
    return bundle.annotation(DEFAULT_CHANNEL_LABEL) or (channels[0] if len(channels) == 1 else "")
