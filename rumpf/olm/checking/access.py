"""The rights and Pods of a bundle, by the policies that hold for every other way of installing."""

from collections.abc import Iterator

from rumpf.manifests.policies import (
    Policy,
    no_cluster_admin,
    no_wildcard,
    probed,
    requests_set,
    restricted_pods,
    rules_that_grant,
    violations,
)
from rumpf.objects import Manifest
from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.loading import Loaded
from rumpf.olm.checking.reading import record, records, text

_POLICIES: tuple[Policy, ...] = (
    no_cluster_admin,
    no_wildcard,
    rules_that_grant,
    restricted_pods,
    requests_set,
    probed,
)


def policies(bundle: Loaded) -> Iterator[Problem]:
    """Its rights name what they are about; its Pods are restricted, say what they need, and can be probed."""
    for each in violations(_manifests(bundle), _POLICIES):
        yield warning(f"policies/{each.policy}", f"{bundle.csv_file}, {each.where}", each.what, each.remedy)


def accounts(bundle: Loaded) -> Iterator[Problem]:
    """Rights are given to accounts that Pods run as."""
    install = record(bundle.csv, "spec", "install", "spec")
    running = {
        text(each, "spec", "template", "spec", "serviceAccountName") or "default"
        for each in records(install, "deployments")
    }
    for key in ("permissions", "clusterPermissions"):
        for each in records(install, key):
            if (name := text(each, "serviceAccountName")) not in running:
                where = f"{bundle.csv_file}, spec.install.spec.{key}"
                yield error("accounts", where, f"nothing runs as {name!r}", "name the Deployment's account")


def _manifests(bundle: Loaded) -> Iterator[Manifest]:
    install = record(bundle.csv, "spec", "install", "spec")
    for key, kind in (("clusterPermissions", "ClusterRole"), ("permissions", "Role")):
        for each in records(install, key):
            name = text(each, "serviceAccountName")
            yield {"kind": kind, "metadata": {"name": name}, "rules": records(each, "rules")}
    for each in records(install, "deployments"):
        yield {"kind": "Deployment", "metadata": {"name": text(each, "name")}, "spec": record(each, "spec")}
    yield from (
        dict(each.body) for each in bundle.objects if each.kind in {"ClusterRole", "Role"} and each.name
    )
