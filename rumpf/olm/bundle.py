"""The bundle of an operator's release: declaration, words and release in, files out."""

from dataclasses import dataclass

from rumpf.manifests import Options, render, to_yaml
from rumpf.objects import Manifest
from rumpf.olm.package import Package
from rumpf.olm.release import Place, Release
from rumpf.olm.service_version import DEFAULTS, service_version
from rumpf.olm.strategy import pinned_manifests, strategy_of
from rumpf.olm.vocabulary import (
    CHANNELS_LABEL,
    DEFAULT_CHANNEL_LABEL,
    MANIFESTS,
    MANIFESTS_LABEL,
    MEDIA_TYPE,
    MEDIA_TYPE_LABEL,
    METADATA,
    METADATA_LABEL,
    PACKAGE_LABEL,
    SCORECARD,
    TEST_CONFIG_LABEL,
    TEST_MEDIA_TYPE_LABEL,
)
from rumpf.operator import Operator

DOCKERFILE = "Dockerfile"
ANNOTATIONS = f"{METADATA}annotations.yaml"
INSTALL = "install.yaml"
"""The same release for who has no OLM: `kubectl apply -f` takes it."""

_SCORECARD_IMAGE = "quay.io/operator-framework/scorecard-test:v1.42.2"


@dataclass(frozen=True)
class Bundle:
    """A bundle before it is written: its package, name and objects, and the text of each file."""

    package: str
    name: str
    release: Release
    manifests: tuple[Manifest, ...]
    files: dict[str, str]
    """By path: manifests/..., metadata/annotations.yaml, tests/scorecard/config.yaml, Dockerfile, and
    install.yaml, which is for kubectl."""


def bundle_of(
    operator: Operator, package: Package, release: Release, place: Place, options: Options = DEFAULTS
) -> Bundle:
    """Return the bundle of an operator's release. What it installs is what `render` says."""
    strategy = strategy_of(operator, release, options)
    csv = service_version(operator, package, release, place, strategy)
    manifests = {f"{operator.full_name}.clusterserviceversion.yaml": csv}
    for crd in render(operator).crds:
        names = crd["spec"]["names"]
        manifests[f"{crd['spec']['group']}_{names['plural']}.yaml"] = crd
    for each in strategy.objects:
        manifests[f"{each['metadata']['name']}-{each['kind'].lower()}.yaml"] = each
    annotations = _annotations(operator.full_name, release)
    files = {f"{MANIFESTS}{name}": to_yaml([manifest]) for name, manifest in manifests.items()}
    files[ANNOTATIONS] = to_yaml([{"annotations": annotations}])
    files[f"{SCORECARD}config.yaml"] = to_yaml([_scorecard()])
    files[DOCKERFILE] = _dockerfile(annotations)
    files[INSTALL] = to_yaml(pinned_manifests(operator, release, options), _about(operator, release))
    name = csv["metadata"]["name"]
    return Bundle(operator.full_name, name, release, tuple(manifests.values()), dict(sorted(files.items())))


def _about(operator: Operator, release: Release) -> str:
    return f"{operator.full_name} {release.version}: all that it needs but OLM, its images by digest."


def _annotations(package: str, release: Release) -> dict[str, str]:
    return {
        MEDIA_TYPE_LABEL: MEDIA_TYPE,
        MANIFESTS_LABEL: MANIFESTS,
        METADATA_LABEL: METADATA,
        PACKAGE_LABEL: package,
        CHANNELS_LABEL: ",".join(release.channels),
        DEFAULT_CHANNEL_LABEL: release.channels[-1],
        TEST_MEDIA_TYPE_LABEL: "scorecard+v1",
        TEST_CONFIG_LABEL: SCORECARD,
    }


def _dockerfile(labels: dict[str, str]) -> str:
    lines = ["FROM scratch", ""]
    lines += [f"LABEL {key}={value}" for key, value in labels.items()]
    lines += ["", *(f"COPY {folder} /{folder}" for folder in (MANIFESTS, METADATA, SCORECARD))]
    return "\n".join(lines) + "\n"


def _scorecard() -> Manifest:
    tests = (
        "basic-check-spec",
        "olm-bundle-validation",
        "olm-crds-have-validation",
        "olm-crds-have-resources",
        "olm-spec-descriptors",
        "olm-status-descriptors",
    )
    return {
        "apiVersion": "scorecard.operatorframework.io/v1alpha3",
        "kind": "Configuration",
        "metadata": {"name": "config"},
        "stages": [
            {
                "parallel": True,
                "tests": [
                    {
                        "entrypoint": ["scorecard-test", test],
                        "image": _SCORECARD_IMAGE,
                        "labels": {"suite": test.split("-")[0], "test": f"{test}-test"},
                        "storage": {"spec": {"mountPath": {}}},
                    }
                    for test in tests
                ],
            }
        ],
        "storage": {"spec": {"mountPath": {}}},
    }
