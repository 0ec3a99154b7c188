"""The ServiceAccount of an operator, the Roles with its rules, and the bindings between them."""

from collections.abc import Iterable, Iterator
from operator import itemgetter

from rumpf.manifests.granting import granted
from rumpf.manifests.naming import metadata_of
from rumpf.manifests.options import Options
from rumpf.manifests.rules import access_of, policy_rules
from rumpf.objects import Manifest
from rumpf.operator import Operator
from rumpf.rights import Rule

_RBAC = "rbac.authorization.k8s.io"


def service_account(operator: Operator, namespace: str) -> Manifest:
    """Return the account that the operator's Pods run as; nobody else gets its token by accident."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata_of(operator, namespace=namespace),
        "automountServiceAccountToken": False,
    }


def roles(operator: Operator, namespace: str, options: Options) -> Iterator[Manifest]:
    """Yield each role, followed by its binding."""
    access = access_of(operator, options.watch, granted(operator, options))
    if access.everywhere:
        yield from _granted(operator, namespace, access.everywhere)
    for place, rules in sorted(access.within.items(), key=itemgetter(0)):
        yield from _granted(operator, namespace, rules, within=place)
    for (grant, place), rules in sorted(access.granted.items(), key=itemgetter(0)):
        name = f"{operator.full_name}-{grant}"
        yield from _granted(operator, namespace, rules, within=place, name=name)
    lease = f"{operator.full_name}-lease"
    yield from _granted(operator, namespace, access.at_home, within=namespace, name=lease)


def _granted(
    operator: Operator, namespace: str, rules: Iterable[Rule], *, within: str = "", name: str = ""
) -> Iterator[Manifest]:
    scope = "" if within else "Cluster"
    metadata = metadata_of(operator, name=name, namespace=within)
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{scope}Role",
        "metadata": metadata,
        "rules": policy_rules(rules),
    }
    yield {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{scope}RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC, "kind": f"{scope}Role", "name": metadata["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": operator.full_name, "namespace": namespace}],
    }
