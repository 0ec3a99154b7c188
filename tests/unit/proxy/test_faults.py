import http.client
import json
import os
import socket
import time

import pytest

from rumpf.errors import UsageError
from rumpf.testing.proxy import ApiProxy
from tests.unit.proxy.apiserver import ApiServer
from tests.unit.proxy.clients import MAPS, PATIENCE, WATCH, Client, until

MESSAGE = "/apis/example.dev/v1/namespaces/here/messages/hello"
ADDED = b'{"type":"ADDED","object":{}}\n'
QUIET = 0.05
"""Seconds in which nothing must come. A fault that does not work lets it come within one."""


def test_a_refused_request_gets_a_status_and_never_reaches_the_api_server(
    client: Client, proxy: ApiProxy, server: ApiServer
) -> None:
    with proxy.refuse(409, verb="patch", resource="messages") as refused:
        answer = client.ask("PATCH", f"{MESSAGE}/status", b"{}")
    assert (answer.status, answer.headers["Content-Type"]) == (409, "application/json")
    assert answer.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "refused with 409 by the test's API proxy",
        "reason": "Conflict",
        "details": {"name": "hello", "group": "example.dev", "kind": "messages"},
        "code": 409,
    }
    assert server.received == []
    assert [(each.status, each.injected) for each in refused.requests] == [(409, ("refused 409",))]
    assert client.ask("PATCH", f"{MESSAGE}/status", b"{}").status == 200


@pytest.mark.parametrize(
    ("code", "reason", "phrase"),
    [
        (410, "Expired", "Expired"),
        (429, "TooManyRequests", "Too Many Requests"),
        (500, "InternalError", "Internal Server Error"),
        (503, "ServiceUnavailable", "Service Unavailable"),
        (599, "", "Status"),
    ],
)
def test_each_code_has_the_reason_that_kubernetes_gives_with_it(
    client: Client, proxy: ApiProxy, code: int, reason: str, phrase: str
) -> None:
    with proxy.refuse(code):
        client.start("GET", MAPS)
        response = client.connection.getresponse()
        assert (response.status, response.reason) == (code, phrase)
        assert json.loads(response.read())["reason"] == reason


def test_too_many_requests_says_when_to_come_back(client: Client, proxy: ApiProxy) -> None:
    with proxy.refuse(429, retry_after=1.5):
        answer = client.ask("GET", MAPS)
    assert answer.headers["Retry-After"] == "2"
    assert answer.json["details"]["retryAfterSeconds"] == 2
    with proxy.refuse(429):
        assert client.ask("GET", MAPS).headers["Retry-After"] == "1"
    with proxy.refuse(503, reason="Special", message="because"):
        answer = client.ask("GET", MAPS)
    assert "Retry-After" not in answer.headers
    assert (answer.json["reason"], answer.json["message"]) == ("Special", "because")


def test_only_as_many_as_were_asked_for_are_refused(client: Client, proxy: ApiProxy) -> None:
    with proxy.refuse(500, times=2, verb="create") as refused:
        codes = [client.ask("POST", MAPS, b"{}").status for _ in range(4)]
        assert client.ask("GET", MAPS).status == 200
        assert refused.hits == 2
    assert codes == [500, 500, 201, 201]


def test_a_large_request_is_refused_on_a_connection_that_goes_on(client: Client, proxy: ApiProxy) -> None:
    with proxy.refuse(429, times=1):
        assert client.ask("POST", MAPS, b"x" * 3_000_000).status == 429
    assert client.ask("POST", MAPS, b"x").status == 201
    assert [each.request_bytes for each in proxy.requests()] == [3_000_000, 1]
    assert proxy.writes == 2


def test_a_refused_head_has_no_body(client: Client, proxy: ApiProxy) -> None:
    with proxy.refuse(404, reason="NotFound"):
        assert client.ask("HEAD", MAPS).status == 404
    assert client.ask("GET", MAPS).status == 200


def test_a_code_that_is_no_error_is_refused(proxy: ApiProxy) -> None:
    with pytest.raises(UsageError, match="200 is not an error"):
        proxy.refuse(200)


def test_a_fault_can_pick_by_the_body_of_a_write(client: Client, proxy: ApiProxy) -> None:
    with proxy.refuse(409, matching=lambda request: b"bad" in (request.request_body or b"")):
        assert client.ask("POST", MAPS, b"bad" + b"x" * 500_000).status == 409
        assert client.ask("POST", MAPS, b"good").status == 201


def test_a_delayed_request_arrives_late(client: Client, proxy: ApiProxy, server: ApiServer) -> None:
    with proxy.delay(0.1, verb="list"):
        began = time.monotonic()
        client.ask("GET", f"{MAPS}/a")
        prompt = time.monotonic() - began
        assert client.ask("GET", MAPS).status == 200
        assert time.monotonic() - began - prompt >= 0.1
    assert [each.injected for each in proxy.requests()] == [(), ("delayed 0.1 s",)]
    assert len(server.received) == 2


def test_a_delay_that_ends_lets_go_what_waits(client: Client, proxy: ApiProxy) -> None:
    with proxy.delay(3600):
        client.start("GET", MAPS)
        proxy.wait_for(answered=False)
    assert client.answer().status == 200


def test_a_held_request_waits_while_something_else_happens(
    client: Client, proxy: ApiProxy, server: ApiServer
) -> None:
    other = Client(proxy.identity("other").kubeconfig)
    with proxy.hold(client="default"):
        client.start("PUT", f"{MAPS}/a", b"mine")
        proxy.wait_for(verb="update", answered=False)
        other.ask("PUT", f"{MAPS}/a", b"theirs")
    assert client.answer().status == 200
    assert server.writes == [b"theirs", b"mine"]
    other.close()


def test_a_fault_ends_also_when_the_test_fails(client: Client, proxy: ApiProxy) -> None:
    with pytest.raises(ZeroDivisionError), proxy.refuse(500), proxy.stalled_watches(), proxy.down():
        raise ZeroDivisionError
    assert client.ask("GET", MAPS).status == 200


def test_a_watch_is_cut_in_mid_stream(client: Client, proxy: ApiProxy, server: ApiServer) -> None:
    with client.raw() as connection:
        connection.sendall(f"GET {WATCH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(connection, b"\r\n\r\n")
        watch = server.watch()
        watch.events.put(ADDED)
        until(connection, ADDED + b"\r\n")
        assert [each.resource for each in proxy.cut_watches(resource="configmaps")] == ["configmaps"]
        assert until(connection, b"never") == b""
    assert watch.left.wait(1)
    assert proxy.requests(verb="watch")[0].injected == ("cut",)


def test_a_watch_is_ended_cleanly_after_a_whole_event_and_its_connection_goes_on(
    client: Client, proxy: ApiProxy, server: ApiServer
) -> None:
    response = client.watch()
    watch = server.watch()
    watch.events.put(ADDED + ADDED[:10])
    assert response.readline() == ADDED
    proxy.cut_watches(clean=True)
    assert response.read() == b""
    assert watch.left.wait(1)
    assert client.ask("GET", MAPS).status == 200
    assert len(proxy.requests()) == 2


def test_only_the_watches_that_are_meant_are_cut(proxy: ApiProxy, server: ApiServer) -> None:
    one, other = Client(proxy.kubeconfig), Client(proxy.kubeconfig)
    one.watch("/api/v1/pods?watch=1")
    server.watch()
    kept = other.watch("/api/v1/secrets?watch=1")
    watch = server.watch()
    assert [each.resource for each in proxy.cut_watches(resource="pods")] == ["pods"]
    assert proxy.cut_watches(resource="pods") == ()
    watch.events.put(ADDED)
    assert kept.readline() == ADDED
    kept.close()
    one.close()
    other.close()


def test_a_stalled_watch_is_silent_and_open_and_nothing_is_lost(
    client: Client, proxy: ApiProxy, server: ApiServer
) -> None:
    response = client.watch()
    watch = server.watch()
    with proxy.stalled_watches(resource="configmaps") as stalled:
        watch.events.put(ADDED)
        client.connection.sock.settimeout(QUIET)
        with pytest.raises(TimeoutError):
            client.connection.sock.recv(1)
        client.connection.sock.settimeout(None)
        assert stalled.hits == 1
        assert not watch.left.is_set()
    # What was held comes now; asked of the socket, as the response gave up when it timed out.
    assert ADDED in client.connection.sock.recv(65536)
    response.close()


def test_a_watch_opened_during_the_stall_opens_and_is_silent(
    client: Client, proxy: ApiProxy, server: ApiServer
) -> None:
    with proxy.stalled_watches():
        response = client.watch()
        assert response.status == 200
        server.watch().events.put(ADDED)
        client.connection.sock.settimeout(QUIET)
        with pytest.raises(TimeoutError):
            client.connection.sock.recv(1)
        client.connection.sock.settimeout(None)
    assert ADDED in client.connection.sock.recv(65536)
    response.close()


def test_a_stalled_watch_does_not_tell_that_the_api_server_ended_it(
    client: Client, proxy: ApiProxy, server: ApiServer
) -> None:
    with client.raw() as connection:
        connection.sendall(f"GET {WATCH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(connection, b"\r\n\r\n")
        server.watch()
        with proxy.stalled_watches():
            server.die()
            connection.settimeout(QUIET)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(None)
        assert until(connection, b"never") == b""


def test_a_client_that_leaves_a_stalled_watch_is_seen_to_leave(
    client: Client, proxy: ApiProxy, server: ApiServer
) -> None:
    response = client.watch()
    watch = server.watch()
    with proxy.stalled_watches():
        response.close()
        client.close()
        assert watch.left.wait(1)


def test_a_stalled_watch_can_be_cut_either_way(proxy: ApiProxy, server: ApiServer) -> None:
    clients = [Client(proxy.kubeconfig), Client(proxy.kubeconfig)]
    clean, hard = (client.watch() for client in clients)
    server.watch()
    server.watch()
    first, second = proxy.requests(verb="watch")
    with proxy.stalled_watches():
        proxy.cut_watches(clean=True, matching=lambda request: request.number == first.number)
        assert clean.read() == b""
        proxy.cut_watches(matching=lambda request: request.number == second.number)
        with pytest.raises(http.client.IncompleteRead):
            hard.read()
    for client in clients:
        client.close()


def test_down_means_reset_and_refused_connections_until_it_is_over(
    client: Client, proxy: ApiProxy, server: ApiServer
) -> None:
    address = (client.host, client.port)
    client.ask("GET", MAPS)
    with proxy.down(), proxy.down():
        with without_tls(client.connection.sock) as plain, pytest.raises(ConnectionResetError):
            plain.recv(1)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
    client.close()
    assert client.ask("GET", MAPS).status == 200
    assert len(server.received) == 2


def test_a_watch_ends_on_both_sides_when_the_proxy_goes_down(
    client: Client, proxy: ApiProxy, server: ApiServer
) -> None:
    response = client.watch()
    watch = server.watch()
    with proxy.down():
        assert watch.left.wait(1)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()


def test_a_connection_made_just_before_does_not_hang_and_does_not_pass(
    client: Client, proxy: ApiProxy, server: ApiServer
) -> None:
    for _ in range(5):
        with socket.create_connection((client.host, client.port), timeout=PATIENCE) as connection:
            with proxy.down():
                try:
                    ended = connection.recv(1)
                except ConnectionResetError:
                    ended = b""
            assert ended == b""
    assert server.received == []


def without_tls(connection: socket.socket) -> socket.socket:
    """Look at a connection below TLS, where a reset is told from an end."""
    return socket.socket(fileno=os.dup(connection.fileno()))
