"""Who a request is from and as whom it goes on: kubeconfigs in, tokens through, kubeconfigs out."""

import base64
import binascii
import hashlib
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import yaml

from rumpf.cluster.client import load_chain
from rumpf.errors import UsageError

_BEARER = "bearer "


@dataclass(frozen=True)
class Upstream:
    """The API server of a kubeconfig, and how to speak to it as the kubeconfig's user."""

    host: str
    port: int
    prefix: str
    """A path before /api and /apis, where the API server is behind something that adds one."""
    server_name: str
    token: str | None = field(repr=False)
    namespace: str
    anonymous: ssl.SSLContext | None
    """How to connect without the user's certificate; None for plain HTTP."""
    certified: ssl.SSLContext | None
    """How to connect with it; None where the user has none."""

    @property
    def authority(self) -> str:
        """The value of a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Identity:
    """A client that the proxy tells apart from others, and the kubeconfig that makes one of it."""

    name: str
    kubeconfig: Path
    token: str = field(repr=False)
    """What the client shows to the proxy."""
    bears: str | None = field(repr=False, default=None)
    """The token shown to the API server in its place; None means the proxy's own credentials."""


@dataclass(frozen=True, slots=True)
class Caller:
    """As whom one request goes on."""

    name: str
    authorization: bytes | None
    certified: bool


def read_kubeconfig(path: Path) -> Upstream:
    """Read the current context of a kubeconfig.

    Does not run credential plugins and does not skip the verification of certificates.
    """
    try:
        config = _Section(path, "", yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(str(error), remedy="give a kubeconfig that can be read", where=str(path)) from error
    context = config.named("contexts", config.text("current-context")).section("context")
    cluster = config.named("clusters", context.text("cluster")).section("cluster")
    user = config.named("users", context.text("user")).section("user")
    cluster.refuse("insecure-skip-tls-verify", "give the cluster's certificate-authority instead")
    cluster.refuse("proxy-url", "use a kubeconfig that reaches the API server directly")
    for plugin in ("exec", "auth-provider", "username", "as"):
        user.refuse(plugin, "use a kubeconfig whose user has a client certificate or a token")

    server = urlsplit(cluster.text("server"))
    host = server.hostname or ""
    anonymous = certified = None
    if server.scheme == "https":
        authority = cluster.data("certificate-authority")
        anonymous = _client_context(authority)
        certificate, key = user.data("client-certificate"), user.data("client-key")
        if certificate and key:
            certified = _client_context(authority)
            load_chain(certified, certificate.decode(), key.decode())
    token = user.optional("token")
    token_file = user.optional("tokenFile")
    if token_file:
        token = (path.parent / token_file).read_text().strip()
    return Upstream(
        host=host,
        port=server.port or (443 if server.scheme == "https" else 80),
        prefix=server.path.rstrip("/"),
        server_name=cluster.optional("tls-server-name") or host,
        token=token or None,
        namespace=context.optional("namespace"),
        anonymous=anonymous,
        certified=certified,
    )


def write_kubeconfig(path: Path, *, server: str, authority: bytes, token: str, namespace: str) -> None:
    """Write a kubeconfig that only its owner can read."""
    context = {"cluster": "proxy", "user": "proxy"} | ({"namespace": namespace} if namespace else {})
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxy", "cluster": cluster}],
        "users": [{"name": "proxy", "user": {"token": token}}],
        "contexts": [{"name": "proxy", "context": context}],
        "current-context": "proxy",
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(config, file, indent=2)  # is YAML too, and takes a tenth of the time


def caller_of(authorization: str, identities: Mapping[str, Identity], upstream: Upstream) -> Caller:
    """Tell as whom a request goes on, from the Authorization header that it came with.

    A token that the proxy gave out is exchanged; everything else goes on as it came, and never with the
    proxy's own certificate: the API server is the one to turn it down.
    """
    token = authorization[len(_BEARER) :].strip() if authorization.lower().startswith(_BEARER) else ""
    identity = identities.get(token)
    if identity is None:
        name = _subject(token) if token else "anonymous"
        return Caller(name, authorization.encode("latin-1") or None, certified=False)
    bears = identity.bears
    if bears is None and upstream.certified is not None:
        return Caller(identity.name, None, certified=True)
    bears = bears if bears is not None else upstream.token
    return Caller(identity.name, f"Bearer {bears}".encode() if bears else None, certified=False)


def _subject(token: str) -> str:
    """Name the bearer of a token that is not ours: a ServiceAccount says who it is, others get a number.

    Only for the record; whether it is true is the API server's to judge.
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["sub"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return f"token {hashlib.sha256(token.encode()).hexdigest()[:8]}"


def _client_context(authority: bytes | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Section:
    """A mapping in a kubeconfig, that knows where it stands for the sake of error messages."""

    def __init__(self, path: Path, place: str, value: object) -> None:
        if not isinstance(value, Mapping):
            raise UsageError(
                "a mapping is missing here" if place else "this is not a kubeconfig",
                remedy="give a kubeconfig with a current context, as `kubectl config view` shows it",
                where=f"{path}{': ' if place else ''}{place}",
            )
        self._path, self._place = path, place
        self._values = cast("Mapping[str, object]", value)

    def section(self, key: str) -> "_Section":
        return _Section(self._path, self._at(key), self._values.get(key))

    def named(self, key: str, name: str) -> "_Section":
        entries = self._values.get(key)
        for entry in cast("list[object]", entries) if isinstance(entries, list) else []:
            section = _Section(self._path, self._at(key), entry)
            if section.optional("name") == name:
                return section
        raise UsageError(
            f"there is no {name!r}", remedy="name one that is there", where=f"{self._path}: {self._at(key)}"
        )

    def optional(self, key: str) -> str:
        value = self._values.get(key)
        return value if isinstance(value, str) else ""

    def text(self, key: str) -> str:
        value = self.optional(key)
        if not value:
            raise UsageError("this is not set", remedy="set it", where=f"{self._path}: {self._at(key)}")
        return value

    def data(self, key: str) -> bytes | None:
        """Return the content that a kubeconfig has inline or in a file, relative to itself."""
        inline, file = self.optional(f"{key}-data"), self.optional(key)
        if inline:
            return base64.b64decode(inline)
        return (self._path.parent / file).read_bytes() if file else None

    def refuse(self, key: str, remedy: str) -> None:
        if self._values.get(key):
            raise UsageError(
                "the API proxy cannot do this", remedy=remedy, where=f"{self._path}: {self._at(key)}"
            )

    def _at(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key
