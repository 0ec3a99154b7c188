"""Further objects of a bundle that could hurt a whole cluster."""

from collections.abc import Iterator

from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.loading import Loaded
from rumpf.olm.checking.reading import at, numbered, texts

_CHANGING = {"*", "create", "update", "patch"}
_UNMAKING = {"*", "delete", "update", "patch"}
_SCCS = {
    *("anyuid", "hostaccess", "hostmount-anyuid", "hostnetwork"),
    *("node-exporter", "nonroot", "privileged", "restricted"),
}


def budgets(bundle: Loaded) -> Iterator[Problem]:
    """A budget lets some Pod go, or no node could be drained."""
    for each in bundle.objects:
        if each.kind != "PodDisruptionBudget":
            continue
        if at(each.body, "spec", "maxUnavailable") in (0, "0", "0%"):
            yield error("budgets", each.file, "no Pod may ever go", "set maxUnavailable to 1")
        if at(each.body, "spec", "minAvailable") == "100%":
            yield error("budgets", each.file, "all Pods must stay", "set maxUnavailable to 1")


def priorities(bundle: Loaded) -> Iterator[Problem]:
    """A bundle does not say how important everybody else's Pods are."""
    for each in bundle.objects:
        if each.kind == "PriorityClass" and each.body.get("globalDefault") is True:
            yield error("priorities", each.file, "it is the default of all Pods", "leave globalDefault out")


def roles(bundle: Loaded) -> Iterator[Problem]:
    """A role does not let it change what protects the cluster."""
    for each in bundle.objects:
        if each.kind not in {"ClusterRole", "Role"}:
            continue
        for number, rule in numbered(each.body, "rules"):
            where = f"{each.file}, rules[{number}]"
            groups, resources = texts(rule, "apiGroups"), texts(rule, "resources")
            verbs = set(texts(rule, "verbs"))
            if "policy" in groups and "poddisruptionbudgets" in resources and verbs & _CHANGING:
                yield warning("roles", where, "it may change how nodes are drained", "do without")
            named = _SCCS & set(texts(rule, "resourceNames"))
            constraints = "security.openshift.io" in groups and "securitycontextconstraints" in resources
            if constraints and named and verbs & _UNMAKING:
                what = f"it may change what OpenShift protects itself by: {', '.join(sorted(named))}"
                yield error("roles", where, what, "do without")
