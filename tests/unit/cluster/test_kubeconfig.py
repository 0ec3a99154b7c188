"""The kubeconfig that a cluster hands out."""

import base64
import json

import yaml

from rumpf.cluster.kubeconfig import kubeconfig
from rumpf.cluster.pki import Authority


def test_it_has_everything_in_it_and_leaves_nothing_unverified() -> None:
    authority = Authority("rumpf-one")
    client = authority.issue("rumpf-admin", groups=["system:masters"])
    text = kubeconfig(
        name="rumpf-one", server="https://198.18.0.2:6443", authority=authority.certificate, client=client
    )
    config = yaml.safe_load(text)
    assert config == json.loads(text)
    assert config["current-context"] == "rumpf-one"
    (context,) = config["contexts"]
    assert context["context"] == {"cluster": "rumpf-one", "user": "rumpf-one", "namespace": "default"}
    (cluster,) = config["clusters"]
    assert cluster["cluster"].keys() == {"server", "certificate-authority-data"}
    assert (
        base64.b64decode(cluster["cluster"]["certificate-authority-data"]).decode() == authority.certificate
    )
    (user,) = config["users"]
    assert user["user"].keys() == {"client-certificate-data", "client-key-data"}
    assert base64.b64decode(user["user"]["client-key-data"]).decode() == client.key
