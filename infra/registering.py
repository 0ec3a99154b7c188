"""From a manifest to the Pulumi resource of its kind, with exactly the manifest's content."""

import re
from importlib import import_module
from typing import cast

import pulumi

from rumpf.objects import Manifest

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def register(name: str, manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """Register an object of one of Kubernetes' own kinds: what is applied is the manifest, and nothing else.

    It is of Pulumi's class for that kind, so that previews, policies and other code know its type.
    """
    group, _, version = str(manifest["apiVersion"]).rpartition("/")
    module = import_module(f"pulumi_kubernetes.{group.split('.')[0] or 'core'}.{version}")
    own = cast("type[pulumi.CustomResource]", getattr(module, manifest["kind"]))
    # Only the outermost fields have other names as arguments; what is in them stays as it is.
    arguments = {_HUMP.sub("_", field).lower(): value for field, value in manifest.items()}
    return own(name, opts=opts, **arguments)
