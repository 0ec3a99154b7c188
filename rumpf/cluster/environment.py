"""The environment of programs that talk to a cluster: no proxy leads to its addresses."""

import os

from rumpf.cluster.layout import LINKS

_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


def direct() -> dict[str, str]:
    """This process's environment without its proxies."""
    return {name: value for name, value in os.environ.items() if name.lower() not in _PROXIES}


def exemption() -> str:
    """What to add to the environment so that a person's tools reach a real node's cluster; often nothing."""
    if not any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy")):
        return ""
    spared = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return "" if LINKS in spared.split(",") else f"NO_PROXY={','.join(filter(None, (spared, LINKS)))}"
