"""Where the binaries of a cluster come from: PATH, the cache, a pinned release, or a build from source.

    assets = Assets(kubernetes="1.36", console=console)
    paths = assets.ensure(CONTROL_PLANE | REAL_NODE)

What the environment can say:

- RUMPF_BIN: folders that are searched before PATH.
- RUMPF_CACHE: the cache folder, in place of ~/.cache/rumpf.
- RUMPF_MIRROR: a server that releases come from, each at <mirror>/<its usual host>/<its usual path>
  (for https://dl.k8s.io/release/... that is <mirror>/dl.k8s.io/release/...). Checksums stay pinned.
- HTTPS_PROXY, GOPROXY, pip's and apt's settings are used as they are.
"""

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
