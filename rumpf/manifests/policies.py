"""What manifests must never do, whoever wrote them: pure functions from manifests to what is wrong."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rumpf.manifests.pods import Pod, PodFinding, containers_of, pods_in, restricted
from rumpf.manifests.reading import part, parts, words
from rumpf.objects import Manifest

Policy = Callable[[Sequence[Manifest]], Iterator["Violation"]]
"""Says what is wrong with manifests that are installed together."""

_ROLES = ("Role", "ClusterRole")
_BINDINGS = ("RoleBinding", "ClusterRoleBinding")
_MIGHTY = {"escalate", "bind", "impersonate"}
_READING = {"get", "list", "watch"}
_HARD_ROLES = {"cluster-admin", "admin", "edit"}


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong: which policy says so, where it is, what it is, what to do."""

    policy: str
    where: str
    what: str
    remedy: str


def violations(
    manifests: Iterable[Manifest], policies: "Iterable[Policy] | None" = None
) -> tuple[Violation, ...]:
    """Return all that is wrong with manifests by these policies; by `POLICIES`, if none are named."""
    together = tuple(manifests)
    return tuple(found for policy in policies or POLICIES for found in policy(together))


def no_cluster_admin(manifests: Sequence[Manifest]) -> Iterator[Violation]:
    """Nobody gets a role that can do nearly everything, nor a right to give himself one."""
    for binding in _of(manifests, *_BINDINGS):
        role = part(binding, "roleRef").get("name")
        if role in _HARD_ROLES:
            yield Violation(
                "no-cluster-admin",
                place(binding),
                f"it binds {role}",
                "bind a role with the rules that are needed",
            )
    for role, rule in _rules(manifests):
        if mighty := _MIGHTY & set(words(rule, "verbs")):
            yield Violation(
                "no-cluster-admin",
                place(role),
                f"{', '.join(sorted(mighty))} lets it become anybody",
                "do without",
            )


def no_wildcard(manifests: Sequence[Manifest]) -> Iterator[Violation]:
    """No rule says `*`: nobody can tell what it will grant tomorrow."""
    for role, rule in _rules(manifests):
        for field in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
            if any("*" in value for value in words(rule, field)):
                yield Violation("no-wildcard", place(role), f"{field} has a *", "name what is needed")


def secrets_by_grant(manifests: Sequence[Manifest]) -> Iterator[Violation]:
    """Nobody reads all Secrets of a cluster by default.

    What makes Secrets of its own has to see them, and a role cannot tell those from others.
    """
    for role in _of(manifests, "ClusterRole"):
        about = [
            set(words(rule, "verbs"))
            for rule in parts(role, "rules")
            if "secrets" in words(rule, "resources") and not rule.get("resourceNames")
        ]
        verbs = set[str]().union(*about)
        if verbs & _READING and "create" not in verbs:
            yield Violation(
                "secrets-by-grant",
                place(role),
                "it reads the Secrets of the whole cluster",
                "pass the Rule or Watch a Grant that is not given by default: whoever installs it names the "
                "namespaces",
            )


def rules_that_grant(manifests: Sequence[Manifest]) -> Iterator[Violation]:
    """Every rule grants something: groups carry no version, and what has no name yet cannot be named."""
    for role, rule in _rules(manifests):
        for group in words(rule, "apiGroups"):
            if "/" in group:
                yield Violation(
                    "rules-that-grant",
                    place(role),
                    f"{group} is a group with its version: the rule grants nothing",
                    f"write {group.split('/')[0]}",
                )
        nameless = {"create", "deletecollection"} & set(words(rule, "verbs"))
        if rule.get("resourceNames") and nameless:
            yield Violation(
                "rules-that-grant",
                place(role),
                f"{', '.join(sorted(nameless))} is never granted for certain names",
                "put it into a rule without resourceNames",
            )


def restricted_pods(manifests: Sequence[Manifest]) -> Iterator[Violation]:
    """Every Pod meets the restricted Pod Security Standard, and cannot write to its image."""
    yield from _about_pods("restricted-pods", manifests, _restricted)


def requests_set(manifests: Sequence[Manifest]) -> Iterator[Violation]:
    """Every container says how much CPU and memory it wants, and how much memory at most."""
    yield from _about_pods("requests-set", manifests, _sized)


def probed(manifests: Sequence[Manifest]) -> Iterator[Violation]:
    """Every container of a Deployment tells whether it lives and is ready."""
    long_running = [each for each in manifests if each.get("kind") == "Deployment"]
    yield from _about_pods("probed", long_running, _probed)


def images_pinned(manifests: Sequence[Manifest]) -> Iterator[Violation]:
    """Every image is named by its digest. Not among `POLICIES`: only some packagings promise it."""
    yield from _about_pods("images-pinned", manifests, _pinned)


def all_there(manifests: Sequence[Manifest]) -> Iterator[Violation]:
    """What objects refer to is among them: roles, accounts, and the Pods that selectors mean."""
    there = {(each["kind"], _namespace(each), each["metadata"]["name"]) for each in manifests}
    for each in manifests:
        for missing in (wanted for wanted in _references(each) if wanted not in there):
            kind, _, name = missing
            yield Violation(
                "all-there",
                place(each),
                f"there is no {kind} {name}" + (f" in {missing[1]}" if missing[1] else ""),
                "add it, or name the right one",
            )
    yield from pods_selected(manifests)


def pods_selected(manifests: Sequence[Manifest]) -> Iterator[Violation]:
    """What selects Pods finds some. A part of `all_there`, for what leaves the rest to its namespace."""
    pods = [(pod.namespace, pod.labels) for pod in pods_in(manifests)]
    for each, selector in _selectors(manifests):
        if not any(
            space == _namespace(each) and selector.items() <= labels.items() for space, labels in pods
        ):
            yield Violation(
                "all-there",
                place(each),
                f"it selects no Pod: {dict(selector)}",
                "use labels that the Pods have",
            )


POLICIES: tuple[Policy, ...] = (
    no_cluster_admin,
    no_wildcard,
    rules_that_grant,
    secrets_by_grant,
    restricted_pods,
    requests_set,
    probed,
    all_there,
)
"""What holds for everything that rumpf makes."""

OF_SAMPLES: tuple[Policy, ...] = (
    no_cluster_admin,
    no_wildcard,
    rules_that_grant,
    secrets_by_grant,
    restricted_pods,
    requests_set,
    probed,
    pods_selected,
)
"""What holds for samples, which people copy. They may lean on what every namespace has."""


def place(manifest: Mapping[str, Any]) -> str:
    """Return how a person would name an object."""
    namespace = _namespace(manifest)
    return f"{manifest['kind']} {namespace}{'/' if namespace else ''}{manifest['metadata']['name']}"


def _of(manifests: Iterable[Manifest], *kinds: str) -> Iterator[Manifest]:
    return (each for each in manifests if each.get("kind") in kinds)


def _rules(manifests: Iterable[Manifest]) -> Iterator[tuple[Manifest, Mapping[str, Any]]]:
    return ((role, rule) for role in _of(manifests, *_ROLES) for rule in parts(role, "rules"))


def _namespace(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"].get("namespace", ""))


def _about_pods(
    policy: str, manifests: Iterable[Manifest], check: Callable[[Pod], Iterator[PodFinding]]
) -> Iterator[Violation]:
    for pod in pods_in(manifests):
        for finding in check(pod):
            yield Violation(policy, f"{place(pod.owner)}, {finding.path}", finding.what, finding.remedy)


def _restricted(pod: Pod) -> Iterator[PodFinding]:
    yield from restricted(pod.spec)
    for path, container in containers_of(pod.spec):
        if not part(container, "securityContext").get("readOnlyRootFilesystem"):
            yield PodFinding(
                f"{path}.securityContext",
                "it can write to its root file system",
                "set readOnlyRootFilesystem, and mount an emptyDir where it must write",
            )


def _sized(pod: Pod) -> Iterator[PodFinding]:
    for path, container in containers_of(pod.spec):
        for field, names in (("requests", ("cpu", "memory")), ("limits", ("memory",))):
            missing = [name for name in names if name not in part(container, "resources", field)]
            if missing:
                yield PodFinding(
                    f"{path}.resources.{field}", f"no {' and no '.join(missing)}", "say how much it needs"
                )


def _probed(pod: Pod) -> Iterator[PodFinding]:
    for number, container in enumerate(parts(pod.spec, "containers")):
        for probe in ("livenessProbe", "readinessProbe"):
            if probe not in container:
                yield PodFinding(f"containers[{number}].{probe}", "there is none", "add one")


def _pinned(pod: Pod) -> Iterator[PodFinding]:
    for path, container in containers_of(pod.spec):
        if "@sha256:" not in str(container.get("image", "")):
            yield PodFinding(
                f"{path}.image",
                f"{container.get('image')} can change",
                "name it by its digest: ...@sha256:...",
            )


def _references(each: Manifest) -> Iterator[tuple[str, str, str]]:
    if each.get("kind") in _BINDINGS:
        role = part(each, "roleRef")
        yield role["kind"], "" if role["kind"] == "ClusterRole" else _namespace(each), role["name"]
        for subject in parts(each, "subjects"):
            if subject["kind"] == "ServiceAccount":
                yield "ServiceAccount", subject.get("namespace", ""), subject["name"]
    for pod in pods_in([each]):
        yield "ServiceAccount", pod.namespace, pod.spec.get("serviceAccountName", "default")


def _selectors(manifests: Iterable[Manifest]) -> Iterator[tuple[Manifest, Mapping[str, str]]]:
    where = {
        "Deployment": ("selector", "matchLabels"),
        "NetworkPolicy": ("podSelector", "matchLabels"),
        "PodDisruptionBudget": ("selector", "matchLabels"),
        "Service": ("selector",),
    }
    for each in manifests:
        if path := where.get(str(each.get("kind"))):
            yield each, part(each, "spec", *path)
