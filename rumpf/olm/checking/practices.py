"""Good practices: resource requests, descriptions, channels, names, and no CRDs made on the fly."""

import re
from collections.abc import Iterator

from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.loading import Loaded
from rumpf.olm.checking.reading import at, numbered, records, text, texts
from rumpf.olm.checking.service_versions import channels_of
from rumpf.olm.vocabulary import CHANNELS, CHANNELS_LABEL, DEFAULT_CHANNEL_LABEL

_ENDS_IN_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+)?$")
_ZERO_FIRST = re.compile(r"(^|\.)0[0-9]+\.")
_CRDS = {"customresourcedefinitions", "*", "[*]"}
_MAKING = {"create", "patch", "*", "[*]"}


def requests(bundle: Loaded) -> Iterator[Problem]:
    """Each container says how much it needs: some clusters refuse Pods that do not."""
    if not bundle.csv:
        return
    path = "spec.install.spec.deployments"
    if at(bundle.csv, *path.split(".")) is None:
        yield error(
            "requests", f"{bundle.csv_file}, {path}", "there is nothing to install", "add a deployment"
        )
    for number, deployment in numbered(bundle.csv, *path.split(".")):
        for field in ("initContainers", "containers"):
            for place, container in numbered(deployment, "spec", "template", "spec", field):
                wanted = at(container, "resources", "requests")
                missing = [name for name in ("cpu", "memory") if not at(wanted, name)]
                if missing:
                    yield warning(
                        "requests",
                        f"{bundle.csv_file}, {path}[{number}] {field}[{place}]",
                        f"it does not say how much {' and '.join(missing)} it needs",
                        "add resources.requests",
                    )


def descriptions(bundle: Loaded) -> Iterator[Problem]:
    """Each CRD is described."""
    for relation in ("owned", "required"):
        for number, crd in numbered(bundle.csv, "spec", "customresourcedefinitions", relation):
            if not text(crd, "description"):
                yield warning(
                    "descriptions",
                    f"{bundle.csv_file}, spec.customresourcedefinitions.{relation}[{number}]",
                    f"{text(crd, 'name')} has no description",
                    "say what it is for",
                )


def channel_names(bundle: Loaded) -> Iterator[Problem]:
    """Channels are called so that people know what to expect of them."""
    for label in (CHANNELS_LABEL, DEFAULT_CHANNEL_LABEL):
        for channel in channels_of(bundle, label):
            if not channel.startswith(CHANNELS):
                yield warning(
                    "channel-names",
                    bundle.annotations_file,
                    f"nobody knows what to expect of {channel!r}",
                    f"begin with {', '.join(CHANNELS)}",
                )


def making_crds(bundle: Loaded) -> Iterator[Problem]:
    """OLM alone brings CRDs, or it could not upgrade them."""
    for key in ("permissions", "clusterPermissions"):
        for number, permission in numbered(bundle.csv, "spec", "install", "spec", key):
            for rule in records(permission, "rules"):
                if (
                    "apiextensions.k8s.io" in texts(rule, "apiGroups")
                    and _CRDS & set(texts(rule, "resources"))
                    and _MAKING & set(texts(rule, "verbs"))
                ):
                    yield warning(
                        "making-crds",
                        f"{bundle.csv_file}, spec.install.spec.{key}[{number}]",
                        "it may create or patch CRDs",
                        "put the CRDs into the bundle",
                    )


def bundle_names(bundle: Loaded) -> Iterator[Problem]:
    """A bundle is called NAME.v1.2.3."""
    name = bundle.name
    if not bundle.csv:
        return
    where = f"{bundle.csv_file}, metadata.name"
    ending = _ENDS_IN_VERSION.search(name)
    if ending is None or _ZERO_FIRST.search(ending[0]):
        yield warning("bundle-names", where, f"{name} does not end in a version", "write NAME.v1.2.3")
    if name.count(".v") != 1:
        yield warning("bundle-names", where, f"{name} is not NAME.vVERSION", "write NAME.v1.2.3")
