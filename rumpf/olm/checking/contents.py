"""What a bundle holds against what its CSV says: CRDs, and images."""

from collections import Counter
from collections.abc import Iterator

from rumpf.olm.checking.finding import Problem, error
from rumpf.olm.checking.loading import Loaded
from rumpf.olm.checking.reading import numbered, record, records, text
from rumpf.olm.checking.service_versions import Gvk, said
from rumpf.olm.references import understood
from rumpf.olm.vocabulary import PACKAGE_LABEL

_OWNED = "spec.customresourcedefinitions.owned"


def owned_crds(bundle: Loaded) -> Iterator[Problem]:
    """The CRDs that a CSV owns are in the bundle, and no others."""
    bundled = Counter(bundled_apis(bundle))
    for api, times in sorted(bundled.items()):
        if times > 1:
            yield error("crds", "manifests", f"{said(api)} is there {times} times", "keep one")
    owned = {
        (
            text(each, "name").partition(".")[2] or text(each, "name"),
            text(each, "version"),
            text(each, "kind"),
        )
        for each in records(bundle.csv, "spec", "customresourcedefinitions", "owned")
    }
    for api in sorted(owned - bundled.keys()):
        yield error("crds", f"{bundle.csv_file}, {_OWNED}", f"no CRD has {said(api)}", "add the CRD")
    kinds = {(group, kind) for group, _, kind in owned & bundled.keys()}
    for api in sorted(bundled.keys() - owned):
        if (api[0], api[2]) not in kinds:
            yield error(
                "crds", "manifests", f"the CSV does not own {said(api)}", "own it, or leave its CRD out"
            )


def related_images(bundle: Loaded) -> Iterator[Problem]:
    """Related images have names that a registry understands."""
    for number, each in numbered(bundle.csv, "spec", "relatedImages"):
        where = f"{bundle.csv_file}, spec.relatedImages[{number}]"
        image = text(each, "image")
        if not image:
            yield error("related-images", where, "it names no image", "name it, or leave it out")
        elif not understood(image):
            yield error("related-images", where, f"{image!r} is no image", "write registry/name@sha256:...")


def release_name(bundle: Loaded) -> Iterator[Problem]:
    """A bundle that was packed anew for one version has both numbers in its name."""
    release = text(bundle.csv, "spec", "release")
    if release:
        version = text(bundle.csv, "spec", "version")
        expected = f"{bundle.annotation(PACKAGE_LABEL)}-v{version}-{release}"
        if bundle.name != expected:
            yield error(
                "release-name",
                f"{bundle.csv_file}, metadata.name",
                f"it is {bundle.name}, and the release says {expected}",
                "write that, or leave spec.release out",
            )
        if text(bundle.csv, "metadata", "annotations", "olm.substitutesFor"):
            yield error(
                "release-name",
                f"{bundle.csv_file}, metadata.annotations",
                "a release and olm.substitutesFor say two things",
                "keep one of them",
            )


def bundled_apis(bundle: Loaded) -> Iterator[Gvk]:
    """Yield each version of each CRD in a bundle."""
    for crd in bundle.crds:
        spec = record(crd.body, "spec")
        for version in records(spec, "versions"):
            yield text(spec, "group"), text(version, "name"), text(spec, "names", "kind")
        if not records(spec, "versions") and text(spec, "version"):
            yield text(spec, "group"), text(spec, "version"), text(spec, "names", "kind")
