"""Where the binaries of a cluster come from: PATH, the cache, a pinned release, or a build from source."""

from rumpf.cluster.assets.assets import Assets, Row
from rumpf.cluster.assets.catalog import (
    CNI_PLUGINS,
    CONTROL_PLANE,
    EVERYTHING,
    FAKE_NODE,
    REAL_NODE,
    SAMPLE_IMAGE,
)
from rumpf.cluster.assets.pins import DEFAULT_KUBERNETES, kubernetes_minors

__all__ = [
    "CNI_PLUGINS",
    "CONTROL_PLANE",
    "DEFAULT_KUBERNETES",
    "EVERYTHING",
    "FAKE_NODE",
    "REAL_NODE",
    "SAMPLE_IMAGE",
    "Assets",
    "Row",
    "kubernetes_minors",
]
