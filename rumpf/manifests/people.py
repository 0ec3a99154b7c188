"""What people may do with the resources of an operator, wherever they are viewers or editors anyway."""

from collections.abc import Iterator

from rumpf.manifests.naming import metadata_of
from rumpf.manifests.rules import policy_rules
from rumpf.objects import Manifest
from rumpf.operator import Operator
from rumpf.rights import Rule

_AGGREGATED = "rbac.authorization.k8s.io/aggregate-to-"
"""Labels that begin so make Kubernetes add the rules of a ClusterRole to one of its own."""
_READ = ("get", "list", "watch")
_WRITE = ("create", "delete", "deletecollection", "patch", "update")


def peoples_roles(operator: Operator) -> Iterator[Manifest]:
    """Yield what is added to Kubernetes' roles `view` and `edit`, and by these to `admin`.

    Nobody is bound to it, and the operator itself has no use for it. Resources in no namespace are left out:
    who may edit a namespace is not to reach beyond it.
    """
    names = [each.resource.names for each in operator.reconcilers if each.resource.names.kind.namespaced]
    if not names:
        return
    seen, made = [], []
    for each in names:
        group, plural = each.kind.group, each.kind.plural
        seen += [Rule(group, plural, _READ), Rule(group, f"{plural}/status", _READ)]
        made.append(Rule(group, plural, _WRITE))
        if each.scale:
            seen.append(Rule(group, f"{plural}/scale", _READ))
            made.append(Rule(group, f"{plural}/scale", ("patch", "update")))
    for role, rules in (("view", seen), ("edit", made)):
        yield {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": metadata_of(
                operator, name=f"{operator.full_name}-{role}", labels={f"{_AGGREGATED}{role}": "true"}
            ),
            "rules": policy_rules(rules),
        }


def is_for_people(role: Manifest) -> bool:
    """Whether a role is one of these."""
    return any(label.startswith(_AGGREGATED) for label in role["metadata"]["labels"])
