"""Where the API server is, and who we are: from a Pod's service account or from a kubeconfig.

Always verified: there is no way to skip it but a kubeconfig that says so itself.
"""

import base64
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rumpf.errors import ApiError

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FRESH = 60.0
_REMEDY = "set KUBECONFIG, or choose a context that there is with `kubectl config use-context`"

Token = Callable[[], str]


@dataclass(frozen=True)
class Connection:
    """How to reach one API server as one user."""

    server: str
    context: ssl.SSLContext | None
    """None for plain http."""
    namespace: str = "default"
    token: Token | None = field(default=None, compare=False)
    """Returns the current token; asked before every request, so it must be quick."""
    name: str = ""
    """What a person calls it: the kubeconfig's context."""

    def headers(self) -> dict[str, str]:
        """What says who we are, if the certificate does not."""
        return {"Authorization": f"Bearer {self.token()}"} if self.token else {}

    def refused(self) -> None:
        """Say that the API server does not take the token (any more): the next one is read anew."""
        if isinstance(self.token, _Renewed):
            self.token.forget()

    def with_token(self, token: str) -> "Connection":
        """The same server, as whoever the token belongs to: no certificate of ours comes along."""
        if self.context is None:
            return Connection(self.server, None, self.namespace, lambda: token, self.name)
        context = ssl.create_default_context(cadata=_authorities(self.context))
        context.check_hostname, context.verify_mode = self.context.check_hostname, self.context.verify_mode
        return Connection(self.server, context, self.namespace, lambda: token, self.name)


def connect(kubeconfig: str | None = None, context: str | None = None) -> Connection:
    """Return the connection of a Pod's service account, or of a kubeconfig's context.

    A kubeconfig that is named, here or by KUBECONFIG, wins.
    """
    if kubeconfig is None and "KUBECONFIG" not in os.environ and (_ACCOUNT / "token").exists():
        return _from_service_account()
    return _from_kubeconfig(kubeconfig, context)


def _from_service_account() -> Connection:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    return Connection(
        f"https://{host}:{port}",
        ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt")),
        (_ACCOUNT / "namespace").read_text().strip(),
        _Renewed(lambda: (_ACCOUNT / "token").read_text().strip()),
        "service account",
    )


def _from_kubeconfig(kubeconfig: str | None, wanted: str | None) -> Connection:
    places = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube/config")
    found = [Path(place).expanduser() for place in places.split(os.pathsep) if place]
    configs = [(path, _load(path)) for path in found if path.exists()]
    if not configs:
        raise ApiError("there is no kubeconfig", where=places, remedy=_REMEDY)
    name = wanted or next((c["current-context"] for _, c in configs if c.get("current-context")), None)
    if not name:
        raise ApiError("it has no current context", where=places, remedy=_REMEDY)
    _, context = _named(configs, "context", name, places)
    folder, cluster = _named(configs, "cluster", context["cluster"], places)
    user_folder, user = _named(configs, "user", context.get("user", ""), places)
    namespace = context.get("namespace") or "default"
    if "exec" in user or "auth-provider" in user:
        return _by_the_official_client(places, name, namespace)
    return Connection(
        cluster["server"],
        _tls(cluster, folder, user, user_folder),
        namespace,
        _token(user, user_folder),
        name,
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 - a safe one
    except (OSError, yaml.YAMLError) as error:
        raise ApiError(f"it cannot be read: {error}", where=str(path), remedy=_REMEDY) from error
    return loaded if isinstance(loaded, dict) else {}


def _named(
    configs: list[tuple[Path, dict[str, Any]]], what: str, name: str, places: str
) -> tuple[Path, dict[str, Any]]:
    for path, config in configs:
        for each in config.get(f"{what}s") or ():
            if each["name"] == name:
                return path.parent, each.get(what) or {}
    if what == "user" and not name:
        return Path(), {}
    raise ApiError(f"there is no {what} {name!r} in it", where=places, remedy=_REMEDY)


def _tls(
    cluster: Mapping[str, Any], folder: Path, user: Mapping[str, Any], user_folder: Path
) -> ssl.SSLContext | None:
    if not cluster["server"].startswith("https:"):
        return None
    authority = _content(cluster, "certificate-authority", folder)
    context = ssl.create_default_context(cadata=authority)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    certificate, key = (_content(user, what, user_folder) for what in ("client-certificate", "client-key"))
    if certificate and key:
        # The ssl module reads them from a file only; this one is nobody else's.
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(f"{certificate.rstrip()}\n{key}")
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _content(where: Mapping[str, Any], what: str, folder: Path) -> str | None:
    if data := where.get(f"{what}-data"):
        return base64.b64decode(data).decode()
    return (folder / where[what]).read_text() if where.get(what) else None


def _token(user: Mapping[str, Any], folder: Path) -> Token | None:
    if path := user.get("tokenFile"):
        return _Renewed(lambda: (folder / path).read_text().strip())
    token = user.get("token")
    return (lambda: token) if token else None


class _Renewed:
    """A token that is renewed in place: read again after a minute, or once it was refused."""

    def __init__(self, read: Token) -> None:
        self._read = read
        self._token = ""
        self._until = 0.0

    def __call__(self) -> str:
        if time.monotonic() >= self._until:
            self._token = self._read()
            self._until = time.monotonic() + _FRESH
        return self._token

    def forget(self) -> None:
        self._until = 0.0


def _by_the_official_client(places: str, name: str, namespace: str) -> Connection:
    """Users that a plugin logs in (GKE, EKS, AKS): the official client knows how."""
    try:
        from kubernetes import client, config
    except ImportError:
        raise ApiError(
            f"context {name!r} logs in by a plugin", where=places, remedy="pip install kubernetes"
        ) from None
    settings = client.Configuration()
    try:
        config.load_kube_config(places, name, settings)  # type: ignore[no-untyped-call]
    except Exception as error:  # it raises many kinds
        raise ApiError(
            f"the login failed: {error}", where=places, remedy="try: kubectl get namespaces"
        ) from error
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)

    def current() -> str:
        given = settings.get_api_key_with_prefix("authorization") or settings.api_key.get("BearerToken") or ""
        return str(given).removeprefix("Bearer ")

    return Connection(settings.host, context, namespace, _Renewed(current) if current() else None, name)


def _authorities(context: ssl.SSLContext) -> str | None:
    ours = [ssl.DER_cert_to_PEM_cert(each) for each in context.get_ca_certs(binary_form=True)]
    return "".join(ours) or None
