import stat
import threading
from pathlib import Path

import pytest
import yaml

from rumpf.errors import FaultError, UsageError
from rumpf.testing.proxy import ApiProxy
from rumpf.testing.proxy.credentials import read_kubeconfig
from tests.unit.proxy.apiserver import TOKEN, ApiServer
from tests.unit.proxy.clients import MAPS, Client

CLUSTER = {"server": "https://api.test/behind/a/prefix"}


def written(
    folder: Path, *, cluster: dict[str, object] | None = None, user: dict[str, object] | None = None
) -> Path:
    path = folder / "kubeconfig"
    config = {
        "clusters": [{"name": "c", "cluster": CLUSTER | (cluster or {})}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(config))
    return path


def test_the_server_of_the_current_context_is_found(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    upstream = read_kubeconfig(written(tmp_path, user={"tokenFile": "token"}))
    assert (upstream.host, upstream.port, upstream.prefix) == ("api.test", 443, "/behind/a/prefix")
    assert upstream.token == "from a file"  # noqa: S105 - a test's
    assert upstream.certified is None


@pytest.mark.parametrize(
    ("cluster", "user", "where"),
    [
        ({"insecure-skip-tls-verify": True}, {}, "clusters.cluster.insecure-skip-tls-verify"),
        ({}, {"exec": {"command": "aws"}}, "users.user.exec"),
        ({"server": ""}, {}, "clusters.cluster.server"),
    ],
)
def test_what_the_proxy_cannot_do_is_refused_with_its_place_in_the_file(
    tmp_path: Path, cluster: dict[str, object], user: dict[str, object], where: str
) -> None:
    path = written(tmp_path, cluster=cluster, user=user)
    with pytest.raises(UsageError) as caught:
        read_kubeconfig(path)
    assert str(caught.value).startswith(f"{path}: {where}: ")


@pytest.mark.parametrize("text", ["", "[]", "current-context: x", "{", "current-context: x\ncontexts: [1]"])
def test_what_is_no_kubeconfig_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(UsageError, match=str(path)):
        read_kubeconfig(path)


def test_a_client_gets_a_kubeconfig_that_only_its_owner_reads_and_that_says_nothing_of_the_real_token(
    proxy: ApiProxy,
) -> None:
    text = proxy.kubeconfig.read_text()
    config = yaml.safe_load(text)
    assert stat.S_IMODE(proxy.kubeconfig.stat().st_mode) == 0o600
    assert TOKEN not in text
    assert config["clusters"][0]["cluster"]["server"] == proxy.server
    assert config["contexts"][0]["context"]["namespace"] == "here"
    assert len(config["users"][0]["user"]["token"]) >= 32


def test_identities_have_a_kubeconfig_each_and_all_end_with_the_proxy(
    server: ApiServer, tmp_path: Path
) -> None:
    with ApiProxy(server.kubeconfig(tmp_path), folder=tmp_path / "clients") as proxy:
        one, other = proxy.identity("one"), proxy.identity("other/../../evil")
        assert one == proxy.identity("one")
        assert one.token != other.token
        assert one.kubeconfig.parent == other.kubeconfig.parent == tmp_path / "clients"
        assert TOKEN not in repr(one)
        with pytest.raises(UsageError, match="another token"):
            proxy.identity("one", token="mine")  # noqa: S106 - a test's
    assert list((tmp_path / "clients").iterdir()) == []


def test_after_the_end_the_proxy_says_that_it_is_not_running(server: ApiServer, tmp_path: Path) -> None:
    with ApiProxy(server.kubeconfig(tmp_path)) as proxy:
        path = proxy.kubeconfig
    assert not path.exists()
    with pytest.raises(FaultError, match="not running"):
        proxy.requests()


def test_clients_are_told_the_name_by_which_they_reach_the_proxy(server: ApiServer, tmp_path: Path) -> None:
    with ApiProxy(server.kubeconfig(tmp_path), reached_as="localhost") as proxy:
        assert proxy.server.startswith("https://localhost:")
        client = Client(proxy.kubeconfig)  # which verifies that name
        assert client.ask("GET", MAPS).status == 200
        client.close()


def test_a_proxy_can_be_started_again_and_is_where_it_was(server: ApiServer, tmp_path: Path) -> None:
    proxy = ApiProxy(server.kubeconfig(tmp_path))
    with proxy, pytest.raises(FaultError, match="running already"):
        proxy.start()
    before = proxy.server
    with proxy:
        assert proxy.server == before


def test_an_address_that_is_not_this_machines_is_refused(server: ApiServer, tmp_path: Path) -> None:
    with pytest.raises(FaultError, match=r"cannot listen on 192\.0\.2\.1"):
        ApiProxy(server.kubeconfig(tmp_path), bind="192.0.2.1").start()
    with pytest.raises(FaultError, match="cannot listen on"):
        ApiProxy(server.kubeconfig(tmp_path), port=65536).start()


def test_a_proxy_whose_kubeconfig_cannot_be_written_does_not_stay(server: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    proxy = ApiProxy(server.kubeconfig(tmp_path), folder=tmp_path / "taken")
    with pytest.raises(FileExistsError):
        proxy.start()
    assert not [thread for thread in threading.enumerate() if thread.name == "rumpf-api-proxy"]


def test_listening_everywhere_needs_an_address_for_clients(server: ApiServer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reached_as"):
        ApiProxy(server.kubeconfig(tmp_path), bind="0.0.0.0")  # noqa: S104 - it is refused
