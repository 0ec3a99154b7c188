"""What an operator runs on: labels that say so, and Pods that keep off other nodes.

Whether the images really run there a registry alone could tell: nobody is asked.
"""

from collections.abc import Iterator

from rumpf.olm.checking.finding import Problem, warning
from rumpf.olm.checking.loading import Loaded
from rumpf.olm.checking.reading import numbered, record, records, text, texts
from rumpf.olm.vocabulary import ARCHITECTURE_LABEL, SYSTEM_LABEL

_KNOWN = {
    ARCHITECTURE_LABEL: {"386", "amd64", "arm", "arm64", "loong64", "ppc64le", "riscv64", "s390x"},
    SYSTEM_LABEL: {"linux", "windows", "zos"},
}
_REQUIRED = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")


def labels(bundle: Loaded) -> Iterator[Problem]:
    """Labels say which architectures and systems it runs on."""
    if not bundle.csv:
        return
    said = record(bundle.csv, "metadata", "labels")
    where = f"{bundle.csv_file}, metadata.labels"
    for prefix, known in _KNOWN.items():
        names = [name for name in said if name.startswith(prefix)]
        if not names:
            yield warning(
                "labels", where, f"no label {prefix}...", f"add {prefix}{_usual(prefix)}: supported"
            )
        for name in names:
            if said[name] != "supported":
                yield warning("labels", where, f"{name}: {said[name]} says nothing", "write: supported")
            if name.removeprefix(prefix) not in known:
                yield warning(
                    "labels", where, f"{name} is none that is known", f"use {', '.join(sorted(known))}"
                )


def affinity(bundle: Loaded) -> Iterator[Problem]:
    """Pods go where their image runs, and nowhere else."""
    said = record(bundle.csv, "metadata", "labels")
    wanted = {
        (system, architecture)
        for system in _supported(said, SYSTEM_LABEL)
        for architecture in _supported(said, ARCHITECTURE_LABEL)
    }
    for number, deployment in numbered(bundle.csv, "spec", "install", "spec", "deployments"):
        pod = record(deployment, "spec", "template", "spec")
        where = f"{bundle.csv_file}, spec.install.spec.deployments[{number}]"
        found = set(_platforms(pod))
        if not found:
            yield warning(
                "affinity", where, "its Pods may go to nodes that they do not run on", "add a nodeAffinity"
            )
        elif wanted and found != wanted:
            yield warning(
                "affinity",
                where,
                f"labels say {_said(wanted)}, its nodeAffinity {_said(found)}",
                "have both say the same",
            )


def _platforms(pod: object) -> Iterator[tuple[str, str]]:
    for term in records(pod, *_REQUIRED, "nodeSelectorTerms"):
        values = {
            text(each, "key"): texts(each, "values")
            for each in records(term, "matchExpressions")
            if text(each, "operator") == "In"
        }
        for system in values.get("kubernetes.io/os", ()):
            for architecture in values.get("kubernetes.io/arch", ()):
                yield system, architecture


def _supported(labels_: object, prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in record(labels_) if name.startswith(prefix)]


def _usual(prefix: str) -> str:
    return "amd64" if prefix == ARCHITECTURE_LABEL else "linux"


def _said(platforms: set[tuple[str, str]]) -> str:
    return ", ".join(f"{system}/{architecture}" for system, architecture in sorted(platforms))
