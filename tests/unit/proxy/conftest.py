"""An API server, a proxy before it, and a client of the proxy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rumpf.testing.proxy import ApiProxy
from tests.unit.proxy.apiserver import ApiServer
from tests.unit.proxy.clients import Client


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """A small API server."""
    server = ApiServer()
    yield server
    server.stop()


@pytest.fixture
def proxy(server: ApiServer, tmp_path: Path) -> Iterator[ApiProxy]:
    """A proxy before it, that keeps bodies."""
    with ApiProxy(server.kubeconfig(tmp_path), bodies=True) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: ApiProxy) -> Iterator[Client]:
    """A client of the proxy."""
    client = Client(proxy.kubeconfig)
    yield client
    client.close()
