"""A kubeconfig with everything in it: no file beside it, nothing left unverified."""

import base64
import json

from rumpf.cluster.pki import Pair


def kubeconfig(*, name: str, server: str, authority: str, client: Pair) -> str:
    """The text of a kubeconfig (JSON, which is YAML) for one client of one cluster."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": name,
                    "cluster": {"server": server, "certificate-authority-data": _base64(authority)},
                }
            ],
            "users": [
                {
                    "name": name,
                    "user": {
                        "client-certificate-data": _base64(client.certificate),
                        "client-key-data": _base64(client.key),
                    },
                }
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
            "current-context": name,
        },
        indent=2,
    )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
