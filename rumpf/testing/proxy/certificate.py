"""The proxy's own certificate authority: made for one run, its key kept nowhere."""

import ssl
from dataclasses import dataclass

from rumpf.cluster.client import load_chain
from rumpf.cluster.pki import Authority


@dataclass(frozen=True)
class ServerCertificate:
    """What a TLS server needs, and the one authority by which its clients can verify it."""

    authority: bytes
    context: ssl.SSLContext


def issue(*names: str) -> ServerCertificate:
    """Make an authority, and a server certificate for these DNS names and IP addresses."""
    authority = Authority("rumpf API proxy CA")
    server = authority.issue("rumpf API proxy", hosts=names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Nothing but HTTP/1.1 is spoken here; saying so makes Go's clients, which prefer HTTP/2, fall back.
    context.set_alpn_protocols(["http/1.1"])
    load_chain(context, server.certificate, server.key)
    return ServerCertificate(authority=authority.certificate.encode(), context=context)
