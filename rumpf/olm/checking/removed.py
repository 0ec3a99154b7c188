"""Kinds of objects that newer versions of Kubernetes do not serve any more."""

from collections.abc import Iterator, Mapping

from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.loading import CSV, Loaded
from rumpf.olm.checking.reading import items, numbered, records, text, texts
from rumpf.olm.versions import Version

_GONE: Mapping[str, Mapping[str, frozenset[str]]] = {
    "1.22.0": {
        "admissionregistration.k8s.io/v1beta1": frozenset(
            {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
        ),
        "apiextensions.k8s.io/v1beta1": frozenset({"CustomResourceDefinition"}),
        "apiregistration.k8s.io/v1beta1": frozenset({"APIService"}),
        "authentication.k8s.io/v1beta1": frozenset({"TokenReview"}),
        "authorization.k8s.io/v1beta1": frozenset(
            {"LocalSubjectAccessReview", "SelfSubjectAccessReview", "SubjectAccessReview"}
        ),
        "certificates.k8s.io/v1beta1": frozenset({"CertificateSigningRequest"}),
        "coordination.k8s.io/v1beta1": frozenset({"Lease"}),
        "extensions/v1beta1": frozenset({"Ingress"}),
        "networking.k8s.io/v1beta1": frozenset({"Ingress", "IngressClass"}),
        "rbac.authorization.k8s.io/v1beta1": frozenset(
            {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
        ),
        "scheduling.k8s.io/v1beta1": frozenset({"PriorityClass"}),
        "storage.k8s.io/v1beta1": frozenset({"CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"}),
    },
    "1.25.0": {
        "autoscaling/v2beta1": frozenset({"HorizontalPodAutoscaler"}),
        "batch/v1beta1": frozenset({"CronJob"}),
        "discovery.k8s.io/v1beta1": frozenset({"EndpointSlice"}),
        "events.k8s.io/v1beta1": frozenset({"Event"}),
        "node.k8s.io/v1beta1": frozenset({"RuntimeClass"}),
        "policy/v1beta1": frozenset({"PodDisruptionBudget", "PodSecurityPolicy"}),
    },
    "1.26.0": {"autoscaling/v2beta2": frozenset({"HorizontalPodAutoscaler"})},
}
_SUSPECT = frozenset(
    {
        ("autoscaling", "horizontalpodautoscalers"),
        ("batch", "cronjobs"),
        ("discovery.k8s.io", "endpointslices"),
        ("events.k8s.io", "events"),
        ("node.k8s.io", "runtimeclasses"),
        ("policy", "poddisruptionbudgets"),
        ("policy", "podsecuritypolicies"),
    }
)
"""A rule does not say of which version: the CSV is to tell, among the resources of what it owns."""


def removed_apis(bundle: Loaded) -> Iterator[Problem]:
    """What it needs is there on every Kubernetes that it says it runs on."""
    least = Version.parse(text(bundle.csv, "spec", "minKubeVersion"))
    for version, kinds in _GONE.items():
        gone = Version.parse(version)
        certain = least is not None and gone is not None and least >= gone
        for where, api, kind in _used(bundle):
            if kind in kinds.get(api, ()):
                said = error if certain else warning
                what = f"{kind} of {api} is not there since Kubernetes {version}"
                yield said("removed-apis", where, what, "use its newer version")
    yield from _suspicious(bundle)


def _used(bundle: Loaded) -> Iterator[tuple[str, str, str]]:
    for each in bundle.objects:
        if each.kind != CSV:
            yield each.file, text(each.body, "apiVersion"), each.kind
    for relation in ("owned", "required"):
        path = ("spec", "customresourcedefinitions", relation)
        for number, crd in numbered(bundle.csv, *path):
            for resource in records(crd, "resources"):
                where = f"{bundle.csv_file}, {'.'.join(path)}[{number}].resources"
                yield where, text(resource, "version"), text(resource, "kind")


def _suspicious(bundle: Loaded) -> Iterator[Problem]:
    told = {
        f"{text(resource, 'kind').lower()}s"
        for relation in ("owned", "required")
        for crd in items(bundle.csv, "spec", "customresourcedefinitions", relation)
        for resource in records(crd, "resources")
    }
    for key in ("clusterPermissions", "permissions"):
        for number, permission in numbered(bundle.csv, "spec", "install", "spec", key):
            for place, rule in numbered(permission, "rules"):
                for group in texts(rule, "apiGroups"):
                    for resource in texts(rule, "resources"):
                        if (group, resource) in _SUSPECT and resource not in told:
                            yield warning(
                                "removed-apis",
                                f"{bundle.csv_file}, spec.install.spec.{key}[{number}].rules[{place}]",
                                f"{resource} of {group}: an older version of it was removed in 1.25",
                                "name the version among the resources of a CRD that is owned",
                            )
