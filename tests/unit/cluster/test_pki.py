"""The certificates of a cluster: who is believed, and who is not."""

import ssl
import tempfile
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Party:
    """Who shows a certificate, and whom it believes."""

    pair: Pair
    trusts: Authority


@pytest.fixture
def server(authority: Authority) -> Party:
    """An API server."""
    return Party(authority.issue("kube-apiserver", hosts=HOSTS), authority)


@pytest.fixture
def client(authority: Authority) -> Party:
    """A client of it."""
    return Party(authority.issue("me"), authority)


@pytest.mark.parametrize("host", HOSTS)
def test_a_server_is_believed_under_each_of_its_names(server: Party, client: Party, host: str) -> None:
    assert shake_hands(server, client, host) is None


@pytest.mark.parametrize("host", ["kubernetes.default", "127.0.0.2"])
def test_a_server_is_not_believed_under_another_name(server: Party, client: Party, host: str) -> None:
    assert "mismatch" in str(shake_hands(server, client, host))


def test_the_server_of_another_cluster_of_the_same_name_is_not_believed(client: Party) -> None:
    other = Authority("rumpf-one")
    server = Party(other.issue("kube-apiserver", hosts=HOSTS), client.trusts)
    assert "certificate verify failed" in str(shake_hands(server, client, HOSTS[0]))


def test_the_client_of_another_cluster_of_the_same_name_is_not_believed(server: Party) -> None:
    stranger = Authority("rumpf-one").issue("rumpf-admin", groups=["system:masters"])
    assert "certificate verify failed" in str(shake_hands(server, Party(stranger, server.trusts), HOSTS[0]))


def test_a_client_cannot_pose_as_a_server(client: Party) -> None:
    assert "certificate verify failed" in str(shake_hands(client, client, HOSTS[0]))


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
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = context(ssl.PROTOCOL_TLS_CLIENT, client).wrap_bio(to_client, to_server, server_hostname=host)
    there = context(ssl.PROTOCOL_TLS_SERVER, server).wrap_bio(to_server, to_client, server_side=True)
    for end in (here, there) * 4:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError as error:
            return error
    return None


def context(protocol: int, party: Party) -> ssl.SSLContext:
    made = ssl.SSLContext(protocol)
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=party.trusts.certificate)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(party.pair.certificate + party.pair.key)
        file.flush()
        made.load_cert_chain(file.name)
    return made
