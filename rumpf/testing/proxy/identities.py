"""The clients of one proxy: a token and a kubeconfig for each."""

import secrets
import shutil
import tempfile
from pathlib import Path

from rumpf.errors import UsageError
from rumpf.testing.proxy.credentials import Identity, write_kubeconfig


class Identities:
    """Makes clients that are told apart, and deletes their kubeconfigs in the end."""

    def __init__(self, folder: Path | None, *, server: str, authority: bytes, namespace: str) -> None:
        self.by_token: dict[str, Identity] = {}
        self._server = server
        self._authority = authority
        self._namespace = namespace
        self._temporary = folder is None
        self._folder = folder if folder is not None else Path(tempfile.mkdtemp(prefix="rumpf-proxy-"))
        self._folder.mkdir(parents=True, exist_ok=True)

    def get(self, name: str, token: str | None) -> Identity:
        """Return the client of that name; make it if it is new."""
        for known in self.by_token.values():
            if known.name == name:
                if token in {None, known.bears}:
                    return known
                raise UsageError(
                    f"the identity {name!r} exists and has another token",
                    remedy="choose another name",
                    where="API proxy",
                )
        safe = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
        path = self._folder / f"{secrets.token_hex(4)}-{safe}.kubeconfig"
        made = Identity(name=name, kubeconfig=path, token=secrets.token_urlsafe(32), bears=token)
        write_kubeconfig(
            path,
            server=self._server,
            authority=self._authority,
            token=made.token,
            namespace=self._namespace,
        )
        self.by_token[made.token] = made
        return made

    def close(self) -> None:
        """Delete what was written."""
        for identity in self.by_token.values():
            identity.kubeconfig.unlink(missing_ok=True)
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)
