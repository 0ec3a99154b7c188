"""What no tool of OLM's looks at, and what still goes wrong: the CSV's words and numbers."""

import json
import re
from collections import Counter
from collections.abc import Iterator

from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.hub import decoded_icon
from rumpf.olm.checking.loading import Loaded
from rumpf.olm.checking.reading import items, numbered, record, records, text
from rumpf.olm.checking.service_versions import channels_of
from rumpf.olm.versions import Version, range_trouble
from rumpf.olm.vocabulary import (
    CHANNELS_LABEL,
    DEFAULT_CHANNEL_LABEL,
    INSTALL_MODES,
    MANIFESTS,
    MANIFESTS_LABEL,
    METADATA,
    METADATA_LABEL,
    PACKAGE_LABEL,
    SKIP_RANGE,
    TARGETS,
)
from rumpf.olm.wording import is_svg

_API = "operators.coreos.com/v1alpha1"
_WORTH_READING = 200
_HEADING = re.compile(r"^#{1,6} \S", re.MULTILINE)
_PNG = b"\x89PNG\r\n"
_PEERING = ("kopf.dev", "zalando.org")


def upgrade(bundle: Loaded) -> Iterator[Problem]:
    """What it follows is said so that OLM can follow."""
    if not bundle.csv:
        return
    skips = text(bundle.csv, "metadata", "annotations", SKIP_RANGE)
    where = f"{bundle.csv_file}, metadata.annotations.{SKIP_RANGE}"
    if SKIP_RANGE in record(bundle.csv, "metadata", "annotations") and (trouble := range_trouble(skips)):
        yield error("upgrade", where, f"no range of versions: {trouble}", "write >=1.0.0 <1.2.0")
    replaces, version = text(bundle.csv, "spec", "replaces"), text(bundle.csv, "spec", "version")
    here = f"{bundle.csv_file}, spec.replaces"
    if replaces and replaces == bundle.name:
        yield error("upgrade", here, "it replaces itself", "name the release before it")
    before, now = Version.parse(replaces.partition(".v")[2]), Version.parse(version)
    if before and now and before >= now:
        yield warning(
            "upgrade", here, f"{replaces} is not older than {version}", "name the release before it"
        )
    if now and not bundle.name.endswith(f".v{version}") and not text(bundle.csv, "spec", "release"):
        yield warning(
            "upgrade",
            f"{bundle.csv_file}, metadata.name",
            f"it is called {bundle.name}, and its version is {version}",
            f"call it NAME.v{version}",
        )


def modes(bundle: Loaded) -> Iterator[Problem]:
    """Install modes are the four that there are, once each; OLM v1 installs for all namespaces alone."""
    where = f"{bundle.csv_file}, spec.installModes"
    said = records(bundle.csv, "spec", "installModes")
    for mode, times in Counter(text(each, "type") for each in said).items():
        if times > 1:
            yield error("modes", where, f"{mode} is there {times} times", "say it once")
        if mode not in INSTALL_MODES:
            yield error("modes", where, f"no mode is called {mode!r}", f"use {', '.join(INSTALL_MODES)}")
    supported = {text(each, "type") for each in said if each.get("supported") is True}
    if said and INSTALL_MODES[-1] not in supported:
        yield warning("modes", where, "OLM v1 cannot install it", "support AllNamespaces")


def scope(bundle: Loaded) -> Iterator[Problem]:
    """Where it can be told to look after some namespaces, something in its Pods tells it which."""
    supported = {
        text(each, "type")
        for each in records(bundle.csv, "spec", "installModes")
        if each.get("supported") is True
    }
    if supported - {INSTALL_MODES[-1]} and TARGETS not in json.dumps(bundle.csv.get("spec"), default=str):
        yield warning(
            "scope",
            f"{bundle.csv_file}, spec.install.spec.deployments",
            f"its Pods are not told which namespaces they are to look after: {', '.join(sorted(supported))}",
            f"hand them metadata.annotations['{TARGETS}'], or support AllNamespaces only",
        )


def both_olms(bundle: Loaded) -> Iterator[Problem]:
    """One bundle serves OLM v0 and v1: it depends on nothing, serves no API of its own, brings no peering."""
    if bundle.dependencies or records(bundle.csv, "spec", "customresourcedefinitions", "required"):
        yield warning("both-olms", "metadata", "OLM v1 installs nothing that it depends on", "do without")
    if records(bundle.csv, "spec", "apiservicedefinitions", "owned"):
        yield warning("both-olms", bundle.csv_file, "OLM v1 installs no APIService", "serve CRDs")
    for crd in bundle.crds:
        if text(crd.body, "spec", "group") in _PEERING:
            yield warning("both-olms", crd.file, "two packages would own kopf's peering", "elect by a Lease")


def strategy(bundle: Loaded) -> Iterator[Problem]:
    """The install strategy is the only one that there is."""
    said = text(bundle.csv, "spec", "install", "strategy")
    where = f"{bundle.csv_file}, spec.install"
    if bundle.csv and said and said != "deployment":
        yield error("strategy", where, f"no strategy is called {said!r}", "write deployment")
    if bundle.csv and text(bundle.csv, "apiVersion") not in {"", _API}:
        yield error("strategy", f"{bundle.csv_file}, apiVersion", "OLM serves another", f"write {_API}")
    deployments = records(bundle.csv, "spec", "install", "spec", "deployments")
    if bundle.csv and not deployments:
        yield warning("strategy", where, "there is nothing to install", "add a deployment")
    for name, times in Counter(text(each, "name") for each in deployments).items():
        if times > 1 or not name:
            yield error("strategy", where, f"{times} deployments are called {name!r}", "name each")


def words(bundle: Loaded) -> Iterator[Problem]:
    """A catalog shows something that is worth reading."""
    if not bundle.csv:
        return
    description = text(bundle.csv, "spec", "description")
    here = f"{bundle.csv_file}, spec.description"
    if len(description) < _WORTH_READING:
        yield warning("words", here, "it says next to nothing", "say what it is for, in Markdown")
    elif not _HEADING.search(description):
        yield warning("words", here, "it has no headings", "write Markdown")
    for field in ("maintainers", "links", "keywords"):
        if not items(bundle.csv, "spec", field):
            yield warning("words", f"{bundle.csv_file}, spec.{field}", "there are none", "add some")
    annotations = record(bundle.csv, "metadata", "annotations")
    for name in ("capabilities", "categories", "description"):
        if not annotations.get(name):
            yield warning(
                "words", f"{bundle.csv_file}, metadata.annotations.{name}", "it is missing", "write it"
            )


def icon(bundle: Loaded) -> Iterator[Problem]:
    """The icon is what it says it is."""
    for _, first in numbered(bundle.csv, "spec", "icon"):
        where, media, data = f"{bundle.csv_file}, spec.icon", text(first, "mediatype"), decoded_icon(bundle)
        if data is None:
            yield error("icon", where, "it is no base64", "encode the file's bytes")
        elif (media == "image/svg+xml" and not is_svg(data)) or (
            media == "image/png" and not data.startswith(_PNG)
        ):
            yield warning("icon", where, f"it is no {media}", "write its own type")
        elif media in {"image/gif", "image/jpeg"}:
            yield warning("icon", where, "it does not look well in every size", "use SVG, or PNG")
        return


def annotated(bundle: Loaded) -> Iterator[Problem]:
    """Annotations, Dockerfile and CSV say the same."""
    where, channels = bundle.annotations_file, channels_of(bundle, CHANNELS_LABEL)
    default = bundle.annotation(DEFAULT_CHANNEL_LABEL)
    if default and default not in channels:
        yield warning("annotated", where, f"{default} is none of its channels", "add it to them")
    for label, usual in ((MANIFESTS_LABEL, MANIFESTS), (METADATA_LABEL, METADATA)):
        if (said := bundle.annotation(label)) and said != usual:
            yield error("annotated", where, f"{label} is {said!r}", f"write {usual}")
    package = bundle.annotation(PACKAGE_LABEL)
    if package and bundle.name and not bundle.name.startswith((f"{package}.v", f"{package}-v")):
        yield warning("annotated", where, f"{bundle.name} is of another package than {package}", "name one")
    if bundle.dockerfile is not None:
        yield from _dockerfile(bundle)
    if (config := bundle.annotation("operators.operatorframework.io.test.config.v1")) and not (
        bundle.folder / config / "config.yaml"
    ).is_file():
        yield warning("annotated", where, f"there is no {config}config.yaml", "add it, or say nothing of it")


def _dockerfile(bundle: Loaded) -> Iterator[Problem]:
    lines = [line.strip() for line in (bundle.dockerfile or "").splitlines()]
    labels: dict[str, str] = {}
    for line in lines:
        if line.startswith("LABEL "):
            name, _, value = line.removeprefix("LABEL ").strip().partition("=")
            labels[name] = value.strip("\"'")
    for name, value in bundle.annotations.items():
        if labels.get(name) != value:
            yield warning("annotated", "Dockerfile", f"no LABEL {name}={value}", "repeat the annotations")
    if "FROM scratch" not in lines:
        yield warning("annotated", "Dockerfile", "it is not FROM scratch", "a bundle runs nothing")
