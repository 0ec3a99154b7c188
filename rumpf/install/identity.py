"""A private kubeconfig with which a process here is an operator's ServiceAccount, and nobody else."""

import asyncio
import base64
import json
import os
import ssl
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from rumpf.api import Api, Connection
from rumpf.console import Console
from rumpf.errors import ApiError
from rumpf.install.asking import patiently, refusal
from rumpf.install.kinds import SERVICE_ACCOUNT

LIFETIME: Final = 3600
PRIVATE: Final = "rumpf-run-"
"""How the names of private folders begin."""
_RENEWED_AFTER: Final = 0.7
"""Of its lifetime: a token is renewed while there is time left to try again."""
_TRY_AGAIN: Final = 15.0


@contextmanager
def private_folder() -> Generator[Path]:
    """Make a folder that is this user's alone, and is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=PRIVATE, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def kubeconfig_in(folder: Path) -> Path:
    """Return where an identity's kubeconfig will be."""
    return folder / "kubeconfig"


class Identity:
    """While it is entered, a kubeconfig of the account's in a private folder is kept good.

    The folder outlives it: a process that ends in order still needs its token.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        account: str,
        console: Console,
        *,
        folder: Path,
        lifetime: int = LIFETIME,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._account = account
        self._console = console
        self._lifetime = lifetime
        self._folder = folder
        self._renewing: asyncio.Task[None] | None = None

    @property
    def kubeconfig(self) -> Path:
        """Where it is."""
        return kubeconfig_in(self._folder)

    @property
    def user(self) -> str:
        """What the API server calls it."""
        return f"system:serviceaccount:{self._namespace}:{self._account}"

    async def __aenter__(self) -> Self:
        left = await self._renew()
        self._renewing = asyncio.create_task(self._keep_fresh(left), name=f"token of {self._account}")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait({self._renewing})

    async def _keep_fresh(self, left: float) -> None:
        while True:
            await asyncio.sleep(left * _RENEWED_AFTER)
            try:
                left = await self._renew()
            except ApiError as error:
                self._console.say(f"the token of {self._account} could not be renewed: {error.what}")
                left = _TRY_AGAIN / _RENEWED_AFTER

    async def _renew(self) -> float:
        """Have a new token issued; return for how many seconds it is good."""
        path = SERVICE_ACCOUNT.path(self._namespace, self._account, "token")
        wanted = {"spec": {"expirationSeconds": self._lifetime}}
        begun = time.monotonic()
        try:
            issued = await patiently(lambda: self._api.request("POST", path, wanted))
        except ApiError as error:
            what = f"ServiceAccount {self._namespace}/{self._account}"
            raise refusal(error, what, "gives no token") from error
        token = issued["status"]["token"]
        # The token beside it is what is read again; the one within serves those who read it only once.
        self._write("token", token)
        self._write("kubeconfig", json.dumps(self._config(token)))
        return max(float(issued["spec"]["expirationSeconds"]) - (time.monotonic() - begun), 1.0)

    def _write(self, name: str, text: str) -> None:
        path = self._folder / name
        unfinished = path.with_suffix(".new")
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
            file.write(text)
        unfinished.replace(path)

    def _config(self, token: str) -> dict[str, Any]:
        name = self._account
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": _cluster(self._api.connection)}],
            "users": [{"name": name, "user": {"token": token, "tokenFile": "token"}}],
            "contexts": [
                {"name": name, "context": {"cluster": name, "user": name, "namespace": self._namespace}}
            ],
            "current-context": name,
        }


def _cluster(connection: Connection) -> dict[str, Any]:
    """The address and the authority of a connection, and nothing of whose it is."""
    found: dict[str, Any] = {"server": connection.server}
    if connection.context is None:
        return found
    if connection.context.verify_mode == ssl.CERT_NONE:
        return found | {"insecure-skip-tls-verify": True}
    authorities = connection.context.get_ca_certs(binary_form=True)
    text = "".join(ssl.DER_cert_to_PEM_cert(each) for each in authorities)
    return found | {"certificate-authority-data": base64.b64encode(text.encode()).decode()}
