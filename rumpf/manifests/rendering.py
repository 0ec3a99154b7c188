"""From the declaration of an operator to everything that is installed for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from rumpf.manifests.access import roles, service_account
from rumpf.manifests.crd import crd_for
from rumpf.manifests.naming import labels_of, metadata_of
from rumpf.manifests.network import metrics_service, network_policy
from rumpf.manifests.options import Options
from rumpf.manifests.people import peoples_roles
from rumpf.manifests.samples import is_own, samples_of
from rumpf.manifests.workload import deployment, disruption_budget, replicas_of
from rumpf.objects import Manifest
from rumpf.operator import Operator
from rumpf.resource import Resource

DEFAULTS = Options()


@dataclass(frozen=True)
class Rendered:
    """What is installed for an operator, each part in the order in which it is to be applied."""

    namespace: str
    """Where the operator runs."""
    crds: tuple[Manifest, ...]
    deploy: tuple[Manifest, ...]
    """All but the CRDs; the namespace first, where it is the operator's own."""
    samples: tuple[Manifest, ...]
    """For people to try. They can be applied once the API server serves the CRDs."""
    own_samples: tuple[Manifest, ...]
    """Those of them that are of the operator's kinds; the others are what these need beside them."""

    @property
    def all(self) -> tuple[Manifest, ...]:
        """What `kubectl apply -f` installs in one go: all but the samples."""
        return (*self.crds, *self.deploy)


def render(operator: Operator, options: Options = DEFAULTS) -> Rendered:
    """Return all that is installed for an operator. Raises UsageError for options that it does not have."""
    namespace = options.namespace or operator.full_name
    samples = samples_of(operator)
    return Rendered(
        namespace=namespace,
        crds=tuple(_crd(operator, each.resource) for each in operator.reconcilers),
        deploy=tuple(_deploy(operator, namespace, options)),
        samples=samples,
        own_samples=tuple(each for each in samples if is_own(operator, each)),
    )


def _deploy(operator: Operator, namespace: str, options: Options) -> Iterator[Manifest]:
    if not options.namespace:
        yield _own_namespace(operator)
    yield service_account(operator, namespace)
    yield from roles(operator, namespace, options)
    if not options.watch:
        # Where it looks after some namespaces, others may do so too: these would be theirs as well.
        yield from peoples_roles(operator)
    yield metrics_service(operator, namespace)
    yield network_policy(operator, namespace)
    if replicas_of(operator, options) > 1:
        # For a single one it would say nothing.
        yield disruption_budget(operator, namespace)
    yield deployment(operator, namespace, options)


def _own_namespace(operator: Operator) -> Manifest:
    security = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": metadata_of(operator, labels=security),
    }


def _crd(operator: Operator, resource: type[Resource]) -> Manifest:
    crd = crd_for(resource)
    metadata = crd["metadata"]
    return crd | {"metadata": metadata | {"labels": metadata.get("labels", {}) | labels_of(operator)}}
