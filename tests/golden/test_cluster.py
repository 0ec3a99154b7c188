"""What a person asks for in, everything that runs out: cluster/<case>/case.yaml says what is asked for.

Certificates and keys are new each time; what stands in their place says whose they are.
"""

import base64
import binascii
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import rumpf
from rumpf.cluster import ClusterSpec
from rumpf.cluster.assets import CONTROL_PLANE, FAKE_NODE, REAL_NODE
from rumpf.cluster.blueprint import blueprint
from rumpf.cluster.layout import Layout, Link
from rumpf.cluster.plan import Component, File, Plan

CASES = sorted(path for path in (Path(__file__).parent / "cluster").iterdir())
BINARIES = {name: f"/binaries/{name}" for name in sorted(CONTROL_PLANE | FAKE_NODE | REAL_NODE)}
PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n?", re.DOTALL)
USES = {ExtendedKeyUsageOID.CLIENT_AUTH: "client", ExtendedKeyUsageOID.SERVER_AUTH: "server"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_cluster_is_exactly_what_was_asked_for(case: Path, expect: Callable[[Path, str], None]) -> None:
    plan = planned(yaml.safe_load((case / "case.yaml").read_text()))
    once = (Component("(once the node's runtime answers)", argv) for argv in plan.prepare)
    expect(case / "components.txt", "\n".join(shown(component) for component in (*plan.components, *once)))
    expect(case / "files.txt", "\n".join(listed(file) for file in plan.files))


def planned(asked: dict[str, Any]) -> Plan:
    """The plan for a case."""
    spec = ClusterSpec(**asked["spec"])
    if "link" in asked:
        node = {"sandbox": "/cache/images/pause.tar", "snapshotter": "overlayfs"}
        return blueprint(spec, Layout.inside(Link(asked["link"])), BINARIES, **node).plan
    return blueprint(spec, Layout.hosted(Path("/cache/clusters/one"), asked["port"]), BINARIES).plan


def shown(component: Component) -> str:
    """A component: when it starts, and with which words."""
    after = f" (once the API server is {component.after})" if component.after else ""
    words = [f"{name}={value}" for name, value in component.env.items()] + list(component.argv)
    return "\n".join([f"{component.name}{after}", *(f"  {mask_paths(word)}" for word in words)]) + "\n"


def listed(file: File) -> str:
    """A file: its path, its mode, its text."""
    return f"==> {file.path} ({file.mode:o})\n{PEM.sub(describe_pem, mask_kubeconfig(file.text)).rstrip()}\n"


def mask_paths(word: str) -> str:
    """Take out what differs from machine to machine."""
    package = str(Path(rumpf.__file__).parent.parent)
    return word.replace(sys.executable, "<python>").replace(package, "<package>")


def mask_kubeconfig(text: str) -> str:
    """Decode what a kubeconfig has inside."""

    def decode(match: re.Match[str]) -> str:
        try:
            decoded = base64.b64decode(match[1], validate=True).decode()
        except (binascii.Error, ValueError):
            return match[0]
        return '"' + PEM.sub(describe_pem, decoded).strip() + '"'

    return re.sub(r'"([A-Za-z0-9+/]{64,}=*)"', decode, text)


def describe_pem(match: re.Match[str]) -> str:
    """Say whose certificate or key it is; both must be readable."""
    text = match[0].encode()
    if match[1] != "CERTIFICATE":
        serialization.load_pem_private_key(text, password=None)
        return "<key>\n"
    return "<" + ", ".join(described(x509.load_pem_x509_certificate(text))) + ">\n"


def described(certificate: x509.Certificate) -> Iterator[str]:
    subject, issuer = (
        ", ".join(str(each.value) for each in name.get_attributes_for_oid(NameOID.COMMON_NAME))
        for name in (certificate.subject, certificate.issuer)
    )
    groups = [
        str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    ]
    yield f"certificate of {subject}"
    if groups:
        yield f"groups {' '.join(groups)}"
    yield "self-signed" if subject == issuer else f"by {issuer}"
    days = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    yield f"{days.days} days"
    for extension in certificate.extensions:
        match extension.value:
            case x509.ExtendedKeyUsage() as uses:
                yield "as " + " and ".join(USES[use] for use in uses)
            case x509.SubjectAlternativeName() as names:
                yield "for " + " ".join(str(name.value) for name in names)
            case x509.BasicConstraints(ca=True):
                yield "an authority"
