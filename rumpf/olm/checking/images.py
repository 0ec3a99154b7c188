"""The images of a bundle: whether they can change, and whether who mirrors them finds them all."""

from collections.abc import Iterator

from rumpf.olm.checking.finding import Problem, warning
from rumpf.olm.checking.loading import Loaded
from rumpf.olm.checking.reading import numbered, record, records, text
from rumpf.olm.references import pinned


def pins(bundle: Loaded) -> Iterator[Problem]:
    """Every image is named by its digest, and among the related images: who mirrors them looks there."""
    related = {text(each, "image") for each in records(bundle.csv, "spec", "relatedImages")}
    for where, image in _images(bundle):
        if not pinned(image):
            yield warning(
                "pins", f"{bundle.csv_file}, {where}", f"{image} can change", "name it by its digest"
            )
        if image not in related:
            yield warning(
                "pins",
                f"{bundle.csv_file}, {where}",
                f"{image} is no related image",
                "add it to relatedImages",
            )
    for number, each in numbered(bundle.csv, "spec", "relatedImages"):
        image = text(each, "image")
        if image and not pinned(image):
            where = f"{bundle.csv_file}, spec.relatedImages[{number}]"
            yield warning("pins", where, f"{image} can change", "name it by its digest")


def _images(bundle: Loaded) -> Iterator[tuple[str, str]]:
    for number, deployment in numbered(bundle.csv, "spec", "install", "spec", "deployments"):
        pod = record(deployment, "spec", "template", "spec")
        for field in ("initContainers", "containers"):
            for place, container in numbered(pod, field):
                where = f"deployments[{number}].{field}[{place}]"
                yield f"{where}.image", text(container, "image")
                for variable in records(container, "env"):
                    name, value = text(variable, "name"), text(variable, "value")
                    if value and (name.endswith("_IMAGE") or name.startswith("RELATED_IMAGE_")):
                        yield f"{where}.env.{name}", value
