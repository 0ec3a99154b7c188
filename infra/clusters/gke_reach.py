"""Whether nodes without a way into the internet can pull what they are to run."""

from collections.abc import Iterator

from infra.inputs import DistributionArgs, args_of, chosen_of, options_of
from infra.settings import GkeValues, key
from rumpf.errors import UsageError
from rumpf.olm.strategy import images_in_settings
from rumpf.operator import IMAGE
from rumpf.project import Project

_GOOGLES = (".pkg.dev", ".gcr.io")


def check_reach(values: GkeValues, args: DistributionArgs, project: Project) -> None:
    """Refuse an image that no node can pull: else that shows after ten minutes of waiting for Pods.

    Raises UsageError that names the image, and the keys that would help.
    """
    if values.nat or not values.private_nodes:
        return
    for place, image in _images(values, args, project):
        if not _of_google(image):
            raise UsageError(
                f"without it, nodes cannot pull {image}",
                where=key("gke", "nat"),
                remedy="set it true; or have a copy in Artifact Registry, and "
                f"pulumi config set --path '{place}' REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE",
            )


def _images(values: GkeValues, args: DistributionArgs, project: Project) -> Iterator[tuple[str, str]]:
    """Yield the images that Pods run from, each with the key that names another."""
    for name in chosen_of(project, args):
        operator = project.load(name)
        options = options_of(operator, args_of(name, args).get("values") or {})
        # The distribution's own image comes by way of the registry, if there is one.
        if options.image or operator.image != IMAGE or values.registry == "none":
            yield key("values", name, "image"), options.image or operator.image
        for setting, image in images_in_settings(operator, options):
            yield key("values", name, "settings", setting), image


def _of_google(image: str) -> bool:
    return f".{image.partition('/')[0]}".endswith(_GOOGLES)
