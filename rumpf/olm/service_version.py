"""The ClusterServiceVersion: all that OLM knows of one release of an operator."""

import base64
import json
from collections.abc import Iterator

from rumpf.manifests import Options, render
from rumpf.objects import Manifest
from rumpf.olm.descriptors import owned_crds
from rumpf.olm.package import Package
from rumpf.olm.prose import description_of
from rumpf.olm.release import Place, Release, bundle_name
from rumpf.olm.strategy import Strategy, rules_of
from rumpf.olm.vocabulary import ARCHITECTURE_LABEL, EXAMPLES, INSTALL_MODES, SKIP_RANGE, SYSTEM_LABEL
from rumpf.operator import Operator

DEFAULTS = Options()
EVENT = ("events.k8s.io/v1", "Event")
"""Every operator tells by Events what becomes of its resources."""


def service_version(
    operator: Operator, package: Package, release: Release, place: Place, strategy: Strategy
) -> Manifest:
    """Return the CSV of an operator's release."""
    rendered = render(operator)
    owns = {(view.kind.api_version, view.kind.kind) for each in operator.reconcilers for view in each.owns}
    owns.add(EVENT)
    description = description_of(
        operator, package.description, rendered.own_samples, rules_of(strategy.install)
    )
    spec: Manifest = {
        "customresourcedefinitions": {
            "owned": [owned for crd in rendered.crds for owned in owned_crds(crd, tuple(owns))]
        },
        "description": description,
        "displayName": package.display_name,
        "icon": [{"base64data": base64.b64encode(package.icon).decode(), "mediatype": package.icon_type}],
        "install": strategy.install,
        "installModes": [{"type": mode, "supported": mode in strategy.modes} for mode in INSTALL_MODES],
        "keywords": list(package.keywords) or [operator.name],
        "maturity": _maturity(release),
        "minKubeVersion": package.min_kubernetes,
        "provider": {"name": package.provider} | _if_any("url", package.provider_url),
        "relatedImages": [{"name": name, "image": image} for name, image in strategy.images],
        "version": str(release.version),
    }
    if package.links:
        spec["links"] = [{"name": name, "url": url} for name, url in package.links.items()]
    if package.maintainers:
        spec["maintainers"] = [{"name": name, "email": mail} for name, mail in package.maintainers.items()]
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {
            "name": bundle_name(operator.full_name, release.version),
            "annotations": _annotations(operator, package, release, place, strategy),
            "labels": dict(_platforms(release)),
        },
        "spec": spec | _if_any("replaces", place.replaces),
    }


def _annotations(
    operator: Operator, package: Package, release: Release, place: Place, strategy: Strategy
) -> dict[str, str]:
    # What stands beside them is in the description: consoles offer these as objects of the operator's kinds.
    samples = render(operator).own_samples
    return {
        EXAMPLES: json.dumps(samples, indent=2, ensure_ascii=False),
        "capabilities": package.capabilities,
        "containerImage": dict(strategy.images)["operator"],
        "description": operator.description,
        "operatorframework.io/suggested-namespace": operator.full_name,
        **_if_any("categories", ", ".join(package.categories)),
        **_if_any("createdAt", release.date),
        **_if_any("repository", package.repository),
        **_if_any(SKIP_RANGE, place.skip_range),
    }


def _platforms(release: Release) -> Iterator[tuple[str, str]]:
    for platform in release.platforms:
        system, _, architecture = platform.partition("/")
        yield f"{ARCHITECTURE_LABEL}{architecture}", "supported"
        yield f"{SYSTEM_LABEL}{system}", "supported"


def _maturity(release: Release) -> str:
    if release.version.pre:
        return "beta"
    return "stable" if release.version.major else "alpha"


def _if_any(key: str, value: str) -> dict[str, str]:
    return {key: value} if value else {}
