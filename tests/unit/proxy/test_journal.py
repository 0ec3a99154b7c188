import threading
import time
from pathlib import Path

import pytest

from rumpf.errors import FaultError
from rumpf.testing.proxy import ApiProxy, Request
from tests.unit.proxy.apiserver import ApiServer
from tests.unit.proxy.clients import MAPS, Client


def test_every_request_is_there_with_all_that_is_known_of_it(
    client: Client, proxy: ApiProxy, server: ApiServer
) -> None:
    server.answers[f"{MAPS}/a/status"] = b"HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nbusy"
    before = time.time()
    client.ask("PATCH", f"{MAPS}/a/status?fieldManager=me&dryRun", b'{"a": 1}', User_Agent="test/1")
    (request,) = proxy.requests()
    assert before <= request.started <= time.time()
    assert request.duration is not None
    assert 0 < request.duration < 10
    assert request == Request(
        number=1,
        client="default",
        verb="patch",
        method="PATCH",
        path=f"{MAPS}/a/status",
        query=(("fieldManager", "me"), ("dryRun", "")),
        version="v1",
        resource="configmaps",
        subresource="status",
        namespace="here",
        name="a",
        user_agent="test/1",
        is_write=True,
        write=1,
        started=request.started,
        status=409,
        duration=request.duration,
        request_bytes=8,
        response_bytes=4,
        request_body=b'{"a": 1}',
        response_body=b"busy",
    )


def test_bodies_are_kept_only_where_they_are_asked_for(server: ApiServer, tmp_path: Path) -> None:
    with ApiProxy(server.kubeconfig(tmp_path)) as proxy:
        client = Client(proxy.kubeconfig)
        client.ask("POST", MAPS, b"secret")
        client.close()
        (request,) = proxy.requests()
    assert (request.request_bytes, request.request_body, request.response_body) == (6, None, None)


def test_writes_are_counted_and_reads_are_not(client: Client, proxy: ApiProxy) -> None:
    for method, path in [
        ("GET", MAPS),
        ("POST", MAPS),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
        ("DELETE", f"{MAPS}/a"),
    ]:
        client.ask(method, path, b"{}" if method == "POST" else None)
    assert proxy.writes == 2
    assert [(each.verb, each.write) for each in proxy.requests(writes=True)] == [("create", 1), ("delete", 2)]


def test_what_was_seen_can_be_forgotten(client: Client, proxy: ApiProxy) -> None:
    client.ask("POST", MAPS, b"{}")
    proxy.clear()
    assert (proxy.requests(), proxy.writes) == ((), 0)
    client.ask("POST", MAPS, b"{}")
    assert [(each.number, each.write) for each in proxy.requests()] == [(2, 1)]


def test_what_was_forgotten_while_it_was_under_way_stays_forgotten(client: Client, proxy: ApiProxy) -> None:
    with proxy.hold():
        client.start("GET", MAPS)
        proxy.wait_for(answered=False)
        proxy.clear()
    client.answer()
    client.ask("GET", f"{MAPS}/a")  # by the time this is answered, the first has been written down
    assert [each.verb for each in proxy.requests()] == ["get"]


def test_a_request_can_be_waited_for_before_and_after_it_came(client: Client, proxy: ApiProxy) -> None:
    later = threading.Timer(0.05, client.ask, args=("POST", MAPS, b"{}"))
    later.start()
    waited = proxy.wait_for(verb="create")
    later.join()
    assert [each.number for each in waited] == [each.number for each in proxy.wait_for(verb="create")] == [1]


def test_it_counts_when_its_answer_begins_or_when_it_begins(client: Client, proxy: ApiProxy) -> None:
    with proxy.hold(verb="create"):
        client.start("POST", MAPS, b"{}")
        (begun,) = proxy.wait_for(verb="create", answered=False)
        assert begun.status is None
        with pytest.raises(FaultError, match=r"0 of 1 requests like verb='create' came within 0\.05 s"):
            proxy.wait_for(verb="create", timeout=0.05)
    assert proxy.wait_for(verb="create")[0].status == 201
    assert client.answer().status == 201


def test_older_ones_can_be_left_out(client: Client, proxy: ApiProxy) -> None:
    client.ask("GET", MAPS)
    (first,) = proxy.wait_for(verb="list")
    client.ask("GET", MAPS)
    client.ask("GET", MAPS)
    assert [each.number for each in proxy.wait_for(verb="list", times=2, after=first)] == [2, 3]


def test_a_wait_in_vain_tells_what_came_instead(client: Client, proxy: ApiProxy) -> None:
    client.ask("GET", f"{MAPS}/a")
    with pytest.raises(FaultError, match=r"get configmaps here/a \(default\) -> 200"):
        proxy.wait_for(resource="pods", timeout=0.01)


def test_an_error_in_the_tests_own_function_surfaces_when_the_proxy_ends(
    server: ApiServer, tmp_path: Path
) -> None:
    def judge(_: Request) -> bool:
        raise ZeroDivisionError

    proxy = ApiProxy(server.kubeconfig(tmp_path)).start()
    client = Client(proxy.kubeconfig)
    proxy.delay(1, matching=judge)
    with pytest.raises(ConnectionError):
        client.ask("GET", MAPS)
    client.close()
    with pytest.raises(FaultError, match="ZeroDivisionError"):
        proxy.close()


def test_it_does_not_hide_the_failure_of_the_test(server: ApiServer, tmp_path: Path) -> None:
    def fail_in_both_ways() -> None:
        with ApiProxy(server.kubeconfig(tmp_path)) as proxy:
            proxy.delay(1, matching=lambda request: bool(1 // len(request.namespace)))
            client = Client(proxy.kubeconfig)
            try:
                client.ask("GET", "/healthz")
            finally:
                client.close()

    with pytest.raises(ConnectionError) as caught:
        fail_in_both_ways()
    assert "ZeroDivisionError" in caught.value.__notes__[0]


def test_the_proxy_called_from_its_own_thread_says_so_and_does_not_hang(
    server: ApiServer, tmp_path: Path
) -> None:
    proxy = ApiProxy(server.kubeconfig(tmp_path)).start()
    client = Client(proxy.kubeconfig)
    proxy.delay(1, matching=lambda _: proxy.writes > 0)
    with pytest.raises(ConnectionError):
        client.ask("GET", MAPS)
    client.close()
    with pytest.raises(FaultError, match="from its own thread"):
        proxy.close()
