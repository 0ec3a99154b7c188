"""What an operator may do in a cluster: exactly what its declaration makes its process ask for."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rumpf.kinds import Kind
from rumpf.objects import Manifest
from rumpf.operator import Operator, Reconciler
from rumpf.rights import EVERYWHERE, NOTHING_SAID, Rule, resolved

_OF_NO_NAMESPACE: Mapping[str, frozenset[str]] = {
    "": frozenset({"componentstatuses", "namespaces", "nodes", "persistentvolumes"}),
    "admissionregistration.k8s.io": frozenset(
        {
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "mutatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "validatingwebhookconfigurations",
        }
    ),
    "apiextensions.k8s.io": frozenset({"customresourcedefinitions"}),
    "apiregistration.k8s.io": frozenset({"apiservices"}),
    "authentication.k8s.io": frozenset({"selfsubjectreviews", "tokenreviews"}),
    "authorization.k8s.io": frozenset(
        {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews"}
    ),
    "certificates.k8s.io": frozenset({"certificatesigningrequests", "clustertrustbundles"}),
    "flowcontrol.apiserver.k8s.io": frozenset({"flowschemas", "prioritylevelconfigurations"}),
    "networking.k8s.io": frozenset({"ingressclasses", "ipaddresses", "servicecidrs"}),
    "node.k8s.io": frozenset({"runtimeclasses"}),
    "rbac.authorization.k8s.io": frozenset({"clusterrolebindings", "clusterroles"}),
    "resource.k8s.io": frozenset({"deviceclasses", "resourceslices"}),
    "scheduling.k8s.io": frozenset({"priorityclasses"}),
    "storage.k8s.io": frozenset(
        {"csidrivers", "csinodes", "storageclasses", "volumeattachments", "volumeattributesclasses"}
    ),
}
"""Kubernetes' own resources that a Role, being in a namespace, can grant nothing on."""

_CLUSTER_EVENTS_GO_TO = "default"
_EVENTS = Rule("events.k8s.io", "events", ("create", "patch"))


@dataclass(frozen=True)
class Access:
    """The rules of an operator, by where they hold."""

    everywhere: tuple[Rule, ...]
    """In the whole cluster: all of them, or those that can hold nowhere else."""
    within: Mapping[str, tuple[Rule, ...]]
    """In namespaces, by name, where the operator looks after some only."""
    granted: Mapping[tuple[str, str], tuple[Rule, ...]]
    """In certain namespaces only, by grant and namespace, where one was given there."""
    at_home: tuple[Rule, ...]
    """In the namespace that it runs in."""


def access_of(
    operator: Operator, watch: Iterable[str] = (), grants: Mapping[str, Sequence[str]] = NOTHING_SAID
) -> Access:
    """Return what an operator may do that watches these namespaces (all, if there are none).

    `grants` says where those are given that are not given as the declaration says. One about what is in no
    namespace is given in the whole cluster, wherever it is given at all.

    Its children's ownerReferences do not set blockOwnerDeletion, so no rule on `finalizers` is needed.
    """
    rules, granted = _by_grant((*_needed(operator), _EVENTS), resolved(operator.grants, grants))
    watched = tuple(watch)
    if not watched:
        return Access(tuple(rules), {}, granted, _lease(operator))
    scoped = tuple(rule for rule in rules if in_namespaces(rule))
    within = dict.fromkeys(watched, scoped)
    if not all(kind.namespaced for kind in operator.kinds):
        # Where Kubernetes wants Events about what is in no namespace.
        there = within.get(_CLUSTER_EVENTS_GO_TO, ())
        within[_CLUSTER_EVENTS_GO_TO] = (*there, _EVENTS)
    placeless = tuple(rule for rule in rules if not in_namespaces(rule))
    return Access(placeless, within, granted, _lease(operator))


def _by_grant(
    rules: Iterable[Rule], places: Mapping[str, Sequence[str]]
) -> tuple[list[Rule], dict[tuple[str, str], tuple[Rule, ...]]]:
    """Return what holds wherever the operator is at work, and what only where a grant was given."""
    general: list[Rule] = []
    granted: defaultdict[tuple[str, str], list[Rule]] = defaultdict(list)
    for rule in rules:
        given = places[rule.grant.name] if rule.grant else EVERYWHERE
        if rule.grant is None or given == EVERYWHERE or (given and not in_namespaces(rule)):
            general.append(rule)
            continue
        for place in given:
            granted[rule.grant.name, place].append(rule)
    return general, {where: tuple(found) for where, found in granted.items()}


def in_namespaces(rule: Rule) -> bool:
    """Whether a rule is about objects that are in namespaces."""
    return rule.namespaced and rule.resource.split("/")[0] not in _OF_NO_NAMESPACE.get(rule.group, ())


def policy_rules(rules: Iterable[Rule]) -> list[Manifest]:
    """Return rules as they stand in a Role: nothing twice, what can be said in one said in one, sorted."""
    verbs: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for rule in rules:
        for name in rule.names or ("",):
            verbs[rule.group, rule.resource, name] |= set(rule.verbs)
    names: defaultdict[tuple[str, str, bool, tuple[str, ...]], set[str]] = defaultdict(set)
    for (group, resource, name), granted in verbs.items():
        # What is granted on all objects need not be granted on one of them.
        left = granted - verbs.get((group, resource, ""), set()) if name else granted
        if left:
            names[group, resource, bool(name), tuple(sorted(left))].add(name)
    resources: defaultdict[tuple[str, tuple[str, ...], tuple[str, ...]], set[str]] = defaultdict(set)
    for (group, resource, named, left_verbs), of in names.items():
        resources[group, left_verbs, tuple(sorted(of)) if named else ()].add(resource)
    found = sorted((group, sorted(plurals), of, do) for (group, do, of), plurals in resources.items())
    return [
        {"apiGroups": [group], "resources": plurals, "verbs": list(do)}
        | ({"resourceNames": list(of)} if of else {})
        for group, plurals, of, do in found
    ]


def _needed(operator: Operator) -> Iterator[Rule]:
    yield from operator.rules
    for each in operator.reconcilers:
        yield from each.rules
        yield from _on_resource(each)
        for view in each.owns:
            yield _on(view.kind, "create", "delete", "get", "list", "patch", "watch")
        for watch in each.watches:
            seen = _on(watch.view.kind, *(["get"] if watch.refers else []), "list", "watch")
            yield replace(seen, grant=watch.grant)
        for view in each.follows:
            yield _on(view.kind, "list", "watch")


def _on_resource(each: Reconciler[Any]) -> Iterator[Rule]:
    yield _on(each.kind, "list", "watch", *(["patch"] if each.finalize else []))
    if each.resource.status_type():
        yield _on(each.kind, "patch", subresource="status")


def _on(kind: Kind, *verbs: str, subresource: str = "") -> Rule:
    resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
    return Rule(kind.group, resource, verbs, namespaced=kind.namespaced)


def _lease(operator: Operator) -> tuple[Rule, ...]:
    # Creating cannot be limited to a name: when it is allowed or not, there is none yet.
    return (
        Rule("coordination.k8s.io", "leases", ("create",)),
        Rule("coordination.k8s.io", "leases", ("get", "update"), names=(operator.full_name,)),
    )
