"""The certificates of a cluster: who is believed, and who is not."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from rumpf.cluster.pki import Authority, Pair, signing_key

HOSTS = ("kubernetes", "kubernetes.default.svc", "127.0.0.1", "198.18.0.2")


@pytest.fixture(scope="module")
def authority() -> Authority:
    """An authority."""
    return Authority("rumpf-one")


@pytest.mark.parametrize("host", HOSTS)
def test_a_server_is_believed_under_each_of_its_names(
    authority: Authority, host: str, tmp_path: Path
) -> None:
    server = authority.issue("kube-apiserver", hosts=HOSTS)
    assert shake_hands(tmp_path, server, authority, authority.issue("me"), authority, host) is None


@pytest.mark.parametrize("host", ["kubernetes.default", "127.0.0.2"])
def test_a_server_is_not_believed_under_another_name(authority: Authority, host: str, tmp_path: Path) -> None:
    server = authority.issue("kube-apiserver", hosts=HOSTS)
    refusal = shake_hands(tmp_path, server, authority, authority.issue("me"), authority, host)
    assert "mismatch" in str(refusal)


def test_the_server_of_another_cluster_of_the_same_name_is_not_believed(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority("rumpf-one")
    server = other.issue("kube-apiserver", hosts=HOSTS)
    refusal = shake_hands(tmp_path, server, other, other.issue("me"), authority, HOSTS[0])
    assert "certificate verify failed" in str(refusal)


def test_the_client_of_another_cluster_of_the_same_name_is_not_believed(
    authority: Authority, tmp_path: Path
) -> None:
    server = authority.issue("kube-apiserver", hosts=HOSTS)
    stranger = Authority("rumpf-one").issue("rumpf-admin", groups=["system:masters"])
    refusal = shake_hands(tmp_path, server, authority, stranger, authority, HOSTS[0])
    assert "certificate verify failed" in str(refusal)


def test_a_client_cannot_pose_as_a_server(authority: Authority, tmp_path: Path) -> None:
    client = authority.issue("me")
    refusal = shake_hands(tmp_path, client, authority, client, authority, HOSTS[0])
    assert refusal is not None


def test_a_client_is_known_by_its_name_and_groups(authority: Authority) -> None:
    pair = authority.issue("system:node:rumpf", groups=["system:nodes", "more"])
    subject = x509.load_pem_x509_certificate(pair.certificate.encode()).subject
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [
        "system:node:rumpf"
    ]
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == [
        "system:nodes",
        "more",
    ]


def test_what_an_authority_signs_signs_nothing_itself(authority: Authority) -> None:
    leaf = x509.load_pem_x509_certificate(authority.issue("me").certificate.encode())
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_keys_are_never_the_same(authority: Authority) -> None:
    keys = {authority.key, Authority("rumpf-one").key, signing_key(), signing_key()}
    keys |= {authority.issue("me").key, authority.issue("me").key}
    assert len(keys) == 6
    for key in keys:
        serialization.load_pem_private_key(key.encode(), password=None)


def shake_hands(server: Party, client: Party, host: str) -> ssl.SSLError | None:
    """Let the two meet in memory; the error where they part."""
    there = context(ssl.PROTOCOL_TLS_SERVER, server)
    here = context(ssl.PROTOCOL_TLS_CLIENT, client)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        here.wrap_bio(to_client, to_server, server_hostname=host),
        there.wrap_bio(to_server, to_client, server_side=True),
    ]
    for end in ends * 4:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError as error:
            return error
    return None


def context(folder: Path, protocol: int, pair: Pair, trusted: Authority) -> ssl.SSLContext:
    file = folder / f"{protocol}.pem"
    file.write_text(pair.certificate + pair.key)
    made = ssl.SSLContext(protocol)
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=trusted.certificate)
    made.load_cert_chain(file)
    return made
