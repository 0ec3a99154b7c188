"""The images of a release by their digests: what is installed where nobody names another image."""

from collections.abc import Mapping
from dataclasses import replace

from rumpf.manifests import Options
from rumpf.olm.ledger import read_ledger
from rumpf.olm.references import by_digest
from rumpf.olm.strategy import images_in_settings
from rumpf.operator import Operator
from rumpf.project import Project

Digests = Mapping[str, str]
"""The digests of images, by the names that declarations give them."""
NONE: Digests = {}


def digests_of(project: Project) -> Digests:
    """Return the digests that a project's releases name. Raises DeclarationError for slips in its ledger."""
    return read_ledger(project.root).digests


def as_released(operator: Operator, options: Options, digests: Digests) -> Options:
    """Return the same choice with the images of the release by their digests, as in its install.yaml.

    Where another image than the operator's own was chosen, or the ledger does not know its version, all stays
    as it is; so does whatever a setting was given.
    """
    known = digests.get(operator.image)
    if known is None or (options.image is not None and not options.image.endswith(f"@{known}")):
        return options
    settings = {
        name: by_digest(image, digests[image])
        for name, image in images_in_settings(operator, options)
        if name not in options.settings and image in digests
    }
    image = options.image or by_digest(operator.image, known)
    return replace(options, image=image, settings={**options.settings, **settings})


def copy_of(copy: str, operator: Operator, digests: Digests) -> str:
    """Return the name of a copy of an operator's own image, in another registry, by its digest if known."""
    known = digests.get(operator.image)
    return by_digest(copy, known) if known else copy
