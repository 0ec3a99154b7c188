"""A token for an operator that is run from here: asked for, renewed, readable by nobody else, and gone."""

import asyncio
import json
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from rumpf.api import Api, Connection
from rumpf.console import Silent
from rumpf.errors import InstallError
from rumpf.install.identity import Identity, private_folder

PATH = "/api/v1/namespaces/home/serviceaccounts/thing-operator/token"


class Issuer:
    """An API server that issues tokens, each good for so many seconds."""

    def __init__(self, seconds: float = 3600, status: int = 201) -> None:
        self.count = 0
        self.seconds = seconds
        self.status = status
        self.asked: list[object] = []
        self.third = asyncio.Event()

    async def issue(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        self.count += 1
        if self.count == 3:
            self.third.set()
        if self.status != 201:
            return web.json_response(
                {"message": "it is forbidden", "reason": "Forbidden"}, status=self.status
            )
        token = {"status": {"token": f"token-{self.count}"}, "spec": {"expirationSeconds": self.seconds}}
        return web.json_response(token, status=201)

    @asynccontextmanager
    async def api(self) -> AsyncGenerator[Api]:
        app = web.Application()
        app.router.add_post(PATH, self.issue)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            async with Api(Connection(f"http://127.0.0.1:{runner.addresses[0][1]}", None)) as api:
                yield api
        finally:
            await runner.cleanup()


def modes(folder: Path) -> list[int]:
    return sorted(stat.S_IMODE(each.stat().st_mode) for each in (folder, *folder.iterdir()))


async def look(issuer: Issuer, folder: Path) -> None:
    async with (
        issuer.api() as api,
        Identity(api, "home", "thing-operator", Silent(), folder=folder) as identity,
    ):
        assert identity.user == "system:serviceaccount:home:thing-operator"
        config = json.loads(identity.kubeconfig.read_text())
        assert config["users"][0]["user"] == {"token": "token-1", "tokenFile": "token"}
        assert config["clusters"][0]["cluster"] == {"server": api.connection.server}
        assert config["contexts"][0]["context"]["namespace"] == "home"
        assert modes(folder) == [0o600, 0o600, 0o700]


def test_it_is_a_kubeconfig_of_the_account_alone_and_gone_at_the_end() -> None:
    issuer = Issuer()
    with private_folder() as folder:
        asyncio.run(look(issuer, folder))
    assert not folder.exists()
    assert issuer.asked == [{"spec": {"expirationSeconds": 3600}}]


def test_a_token_is_renewed_before_it_expires() -> None:
    issuer = Issuer(seconds=0.2)

    async def scenario() -> None:
        with private_folder() as folder:
            async with issuer.api() as api, Identity(api, "home", "thing-operator", Silent(), folder=folder):
                async with asyncio.timeout(20):
                    await issuer.third.wait()
                    while "token-3" not in (folder / "token").read_text():  # noqa: ASYNC110 - a file tells nobody
                        await asyncio.sleep(0.001)
                config = json.loads((folder / "kubeconfig").read_text())
                assert config["users"][0]["user"]["token"] in {"token-3", "token-4"}

    asyncio.run(scenario())


def test_an_account_whose_token_is_refused_is_named() -> None:
    async def scenario() -> None:
        with private_folder() as folder:
            async with (
                Issuer(status=403).api() as api,
                Identity(api, "home", "thing-operator", Silent(), folder=folder),
            ):
                pass

    with pytest.raises(
        InstallError, match=r"ServiceAccount home/thing-operator: it gives no token: .*forbid"
    ):
        asyncio.run(scenario())
