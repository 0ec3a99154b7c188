"""How OLM installs an operator: its Deployment, rights and further objects, as the manifests have them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from rumpf.errors import DeclarationError
from rumpf.manifests import Options, render
from rumpf.manifests.people import is_for_people
from rumpf.manifests.pods import containers_of, pods_in
from rumpf.manifests.reading import parts
from rumpf.objects import Manifest
from rumpf.olm.release import Release
from rumpf.olm.vocabulary import BUNDLED, INSTALL_MODES, TARGETS
from rumpf.operator import Operator

_HOME, _WATCHED = "home", "watched"
_RIGHTS = frozenset({"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"})
_OF_OLM = _RIGHTS | {"Deployment", "Namespace"}
"""What OLM makes itself, from what the CSV says."""
_IMAGE = "IMAGE"


@dataclass(frozen=True)
class Strategy:
    """What a bundle has of an operator's manifests, and the images in it by the names of who uses them."""

    install: Manifest
    objects: tuple[Manifest, ...]
    images: tuple[tuple[str, str], ...]
    modes: tuple[str, ...]


def strategy_of(operator: Operator, release: Release, options: Options) -> Strategy:
    """Return how OLM installs an operator. `options` choose an image and settings, and no namespaces."""
    # What watches some namespaces needs roles there alone: OLM makes them in those that it is told, and
    # cluster roles of them where it is told to watch all.
    local = all(kind.namespaced for kind in operator.kinds)
    chosen = replace(pinned(operator, release, options), namespace=_HOME, watch=(_WATCHED,) if local else ())
    # OLM makes roles for people by itself.
    deploy = [each for each in render(operator, chosen).deploy if not is_for_people(each)]
    (deployment,) = (each for each in deploy if each["kind"] == "Deployment")
    spec = _deployment(deployment["spec"], release, local=local)
    permissions: Manifest = {}
    for key, kind in (("clusterPermissions", "ClusterRole"), ("permissions", "Role")):
        rules = [rule for role in deploy if role["kind"] == kind for rule in role["rules"]]
        if rules:
            permissions[key] = [{"serviceAccountName": operator.full_name, "rules": rules}]
    return Strategy(
        install={
            "strategy": "deployment",
            "spec": permissions
            | {
                "deployments": [
                    {
                        "name": deployment["metadata"]["name"],
                        "label": deployment["metadata"]["labels"],
                        "spec": spec,
                    }
                ],
            },
        },
        objects=tuple(_placeless(each) for each in deploy if each["kind"] not in _OF_OLM),
        images=tuple(sorted(_used(operator, chosen, deployment))),
        modes=INSTALL_MODES if local else INSTALL_MODES[-1:],
    )


def pinned_manifests(operator: Operator, release: Release, options: Options) -> tuple[Manifest, ...]:
    """Return what `render` says, with every image by its digest."""
    return render(operator, pinned(operator, release, options)).all


def pinned(operator: Operator, release: Release, options: Options) -> Options:
    """Return the same choice with every image by its digest: the operator's own, and those of its settings.

    Raises DeclarationError for one whose digest is not known.
    """
    where = f"Operator({operator.name!r})"
    settings = {name: release.pin(image, where) for name, image in images_in_settings(operator, options)}
    image = release.pin(options.image or operator.image, where)
    return replace(options, image=image, settings={**options.settings, **settings})


def images_in_settings(operator: Operator, options: Options) -> Iterator[tuple[str, str]]:
    """Yield the images that an operator is told by its settings, by their names: MESSAGE_IMAGE."""
    for setting in operator.settings:
        value = options.settings.get(setting.name, setting.default)
        if value and (setting.name == _IMAGE or setting.name.endswith(f"_{_IMAGE}")):
            yield setting.name, value


def _used(operator: Operator, options: Options, deployment: Manifest) -> Iterator[tuple[str, str]]:
    for pod in pods_in([deployment]):
        yield from ((str(each["name"]), str(each["image"])) for _, each in containers_of(pod.spec))
    for name, image in images_in_settings(operator, options):
        yield name.lower().replace("_", "-"), image


def _deployment(spec: Manifest, release: Release, *, local: bool) -> Manifest:
    template = spec["template"]
    pod = template["spec"]
    containers = [_container(each, local=local) for each in pod["containers"]]
    changed = pod | {"affinity": _affinity(release.platforms), "containers": containers}
    return spec | {"template": template | {"spec": changed}}


def _container(container: Manifest, *, local: bool) -> Manifest:
    env = [each for each in container["env"] if each["name"] != "WATCH_NAMESPACE"]
    if local:
        path = f"metadata.annotations['{TARGETS}']"
        env.insert(0, {"name": "WATCH_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": path}}})
    return container | {"env": env}


def _affinity(platforms: Iterable[str]) -> Manifest:
    """Return what keeps Pods off nodes that the image does not run on."""
    systems: dict[str, list[str]] = {}
    for platform in sorted(platforms):
        system, _, architecture = platform.partition("/")
        systems.setdefault(system, []).append(architecture)
    terms: list[dict[str, Any]] = [
        {
            "matchExpressions": [
                {"key": "kubernetes.io/arch", "operator": "In", "values": architectures},
                {"key": "kubernetes.io/os", "operator": "In", "values": [system]},
            ]
        }
        for system, architectures in systems.items()
    ]
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    return {"nodeAffinity": {required: {"nodeSelectorTerms": terms}}}


def _placeless(manifest: Manifest) -> Manifest:
    if manifest["kind"] not in BUNDLED:
        raise DeclarationError(
            f"a bundle cannot hold a {manifest['kind']}",
            where=f"{manifest['kind']} {manifest['metadata']['name']}",
            remedy="leave it to whoever installs the operator",
        )
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
    return manifest | {"metadata": metadata}


def rules_of(install: Manifest) -> list[Manifest]:
    """Return all rules of an install strategy, wherever they hold."""
    return [
        dict(rule)
        for key in ("clusterPermissions", "permissions")
        for permission in parts(install, "spec", key)
        for rule in parts(permission, "rules")
    ]
