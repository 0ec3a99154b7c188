"""The words that catalogs, channels and bundles share: categories, levels, labels, kinds of objects."""

from typing import Final

CATEGORIES: Final = frozenset(
    {
        "AI/Machine Learning",
        "Application Runtime",
        "Big Data",
        "Cloud Provider",
        "Database",
        "Developer Tools",
        "Integration & Delivery",
        "Logging & Tracing",
        "Modernization & Migration",
        "Monitoring",
        "Networking",
        "Observability",
        "OpenShift Optional",
        "Security",
        "Storage",
        "Streaming & Messaging",
    }
)
CAPABILITIES: Final = ("Basic Install", "Seamless Upgrades", "Full Lifecycle", "Deep Insights", "Auto Pilot")
CHANNELS: Final = ("candidate", "fast", "stable")
"""From the first who try a release to the last."""
INSTALL_MODES: Final = ("OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces")

BUNDLED: Final = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterServiceVersion",
        "ConfigMap",
        "ConsoleCLIDownload",
        "ConsoleLink",
        "ConsolePlugin",
        "ConsoleQuickStart",
        "ConsoleYAMLSample",
        "CustomResourceDefinition",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "PodMonitor",
        "PriorityClass",
        "PrometheusRule",
        "Role",
        "RoleBinding",
        "Secret",
        "Service",
        "ServiceAccount",
        "ServiceMonitor",
        "VerticalPodAutoscaler",
    }
)
"""The kinds of objects that a bundle may hold."""

MEDIA_TYPE: Final = "registry+v1"
MANIFESTS: Final = "manifests/"
METADATA: Final = "metadata/"
SCORECARD: Final = "tests/scorecard/"

_PREFIX = "operators.operatorframework.io"
MEDIA_TYPE_LABEL: Final = f"{_PREFIX}.bundle.mediatype.v1"
MANIFESTS_LABEL: Final = f"{_PREFIX}.bundle.manifests.v1"
METADATA_LABEL: Final = f"{_PREFIX}.bundle.metadata.v1"
PACKAGE_LABEL: Final = f"{_PREFIX}.bundle.package.v1"
CHANNELS_LABEL: Final = f"{_PREFIX}.bundle.channels.v1"
DEFAULT_CHANNEL_LABEL: Final = f"{_PREFIX}.bundle.channel.default.v1"
CONFIGS_LABEL: Final = f"{_PREFIX}.index.configs.v1"
TEST_MEDIA_TYPE_LABEL: Final = f"{_PREFIX}.test.mediatype.v1"
TEST_CONFIG_LABEL: Final = f"{_PREFIX}.test.config.v1"

ARCHITECTURE_LABEL: Final = "operatorframework.io/arch."
SYSTEM_LABEL: Final = "operatorframework.io/os."
TARGETS: Final = "olm.targetNamespaces"
"""The annotation of its Pods by which OLM tells an operator where to look; empty for everywhere."""
SKIP_RANGE: Final = "olm.skipRange"
EXAMPLES: Final = "alm-examples"
