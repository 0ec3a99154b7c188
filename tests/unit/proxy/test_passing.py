import gzip
import json
import os
import resource
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rumpf.errors import FaultError
from rumpf.testing.proxy import ApiProxy
from tests.unit.proxy.apiserver import PATIENCE, TOKEN, ApiServer
from tests.unit.proxy.clients import MAPS, WATCH, Client, until


def test_a_request_passes_unchanged_but_for_where_it_goes_and_its_credentials(
    client: Client, server: ApiServer
) -> None:
    answer = client.ask("POST", f"{MAPS}?dryRun=All&x=%2F", b"{}", X_Odd="Value", Impersonate_User="jane")
    echo = answer.json
    assert answer.status == 201
    assert (echo["method"], echo["path"], echo["bytes"]) == ("POST", f"{MAPS}?dryRun=All&x=%2F", 2)
    assert echo["headers"] == {
        "Host": f"127.0.0.1:{server.server_address[1]}",
        "Accept-Encoding": "identity",
        "Content-Length": "2",
        "X-Odd": "Value",
        "Impersonate-User": "jane",
        "Authorization": f"Bearer {TOKEN}",
    }


def test_connections_are_kept_on_both_sides(client: Client, server: ApiServer) -> None:
    for _ in range(5):
        client.ask("GET", MAPS)
        client.ask("POST", MAPS, b"{}")
    assert len({each.connection for each in server.received}) == 1


def test_a_client_that_keeps_no_connections_does_not_cost_the_api_server_any(
    client: Client, server: ApiServer
) -> None:
    for _ in range(5):
        answer = client.ask("GET", MAPS, Connection="close")
        assert answer.headers["Connection"] == "close"
    assert len({each.connection for each in server.received}) == 1


def test_a_connection_that_the_api_server_ended_meanwhile_is_not_used_again(
    client: Client, server: ApiServer
) -> None:
    assert client.ask("GET", MAPS, Connection="close").status == 200
    server.die()
    assert client.ask("GET", MAPS).status == 200


def test_an_idle_client_sees_that_the_api_server_ended_the_connection(
    client: Client, server: ApiServer
) -> None:
    client.ask("GET", MAPS)
    server.die()
    assert client.connection.sock.recv(1) == b""


def test_an_api_server_may_be_behind_a_path(server: ApiServer, tmp_path: Path) -> None:
    kubeconfig = server.kubeconfig(tmp_path)
    port = server.server_address[1]
    kubeconfig.write_text(kubeconfig.read_text().replace(f":{port}", f":{port}/k8s/clusters/c"))
    with ApiProxy(kubeconfig) as proxy:
        client = Client(proxy.kubeconfig)
        assert client.ask("GET", MAPS).json["path"] == f"/k8s/clusters/c{MAPS}"
        client.close()
        assert proxy.requests()[0].resource == "configmaps"


def test_http_2_is_not_offered(client: Client) -> None:
    with client.raw() as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"


def test_another_bearers_token_passes_as_it_is(proxy: ApiProxy) -> None:
    payload = "eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6bjpzYSJ9"  # {"sub":"system:serviceaccount:n:sa"}
    client = Client(proxy.kubeconfig, token=f"e30.{payload}.signature")
    echo = client.ask("GET", MAPS).json
    client.close()
    assert echo["headers"]["Authorization"] == f"Bearer e30.{payload}.signature"
    assert proxy.requests()[0].client == "system:serviceaccount:n:sa"


def test_who_shows_no_token_gets_none_from_the_proxy(proxy: ApiProxy) -> None:
    client = Client(proxy.kubeconfig, token="")
    assert "Authorization" not in client.ask("GET", MAPS).json["headers"]
    client.close()
    assert proxy.requests()[0].client == "anonymous"


def test_an_identity_acts_with_the_token_it_was_made_for(proxy: ApiProxy) -> None:
    token = "a ServiceAccount's"  # noqa: S105 - nobody's
    client = Client(proxy.identity("operator", token=token).kubeconfig)
    assert client.ask("GET", MAPS).json["headers"]["Authorization"] == f"Bearer {token}"
    client.close()
    assert [request.client for request in proxy.requests()] == ["operator"]


def test_a_chunked_request_arrives_whole(client: Client, server: ApiServer) -> None:
    client.connection.request(
        "POST",
        MAPS,
        body=iter([b"one", b"two" * 100_000]),
        headers={"Authorization": f"Bearer {client.token}"},
        encode_chunked=True,
    )
    assert client.answer().status == 201
    assert server.received[0].headers["Transfer-Encoding"] == "chunked"
    assert server.received[0].body == b"one" + b"two" * 100_000


def test_a_large_request_arrives_whole(client: Client, server: ApiServer, proxy: ApiProxy) -> None:
    body = os.urandom(3_000_000)
    assert client.ask("PUT", f"{MAPS}/a", body).status == 200
    assert server.received[0].body == body
    request = proxy.wait_for(verb="update")[0]
    assert (request.request_bytes, request.request_body) == (len(body), body)


def test_a_client_that_asks_before_it_sends_is_told_to_go_on_by_the_api_server(
    client: Client, server: ApiServer
) -> None:
    with client.raw() as connection:
        head = f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head.encode())
        assert until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"abc")
        assert until(connection, b"}").startswith(b"HTTP/1.1 201 ")
    assert server.received[0].body == b"abc"


def test_an_answer_that_comes_before_the_request_is_whole_reaches_the_client(
    client: Client, proxy: ApiProxy
) -> None:
    with client.raw() as connection:
        connection.sendall(f"POST {MAPS}/early HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc".encode())
        assert until(connection, b"{}").startswith(b"HTTP/1.1 413 ")
        assert until(connection, b"never") == b""
    assert proxy.writes == 0  # it was never received whole
    assert client.ask("GET", MAPS).status == 200  # and is not in the way of others


def test_a_connection_goes_on_after_another_protocol_was_refused(client: Client, proxy: ApiProxy) -> None:
    upgrade = f"POST {MAPS}/forbidden HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
    with client.raw() as connection:
        connection.sendall(f"{upgrade}GET {MAPS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        got = until(connection, b'"bytes": 0}')
    assert got.startswith(b"HTTP/1.1 403 ")
    assert b"HTTP/1.1 200 " in got
    assert [request.status for request in proxy.requests()] == [403, 200]


def test_compressed_answers_are_not_touched(client: Client, server: ApiServer, proxy: ApiProxy) -> None:
    body = gzip.compress(b"[]" * 1000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    server.answers[MAPS] = head.encode() + body
    answer = client.ask("GET", MAPS, Accept_Encoding="gzip")
    assert (answer.headers["Content-Encoding"], answer.body) == ("gzip", body)
    assert proxy.wait_for(verb="list")[0].response_body == body


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n",
            b"abcde",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", b"a"),
    ],
)
def test_an_answer_ends_where_it_ends(client: Client, server: ApiServer, raw: bytes, body: bytes) -> None:
    server.answers["/odd"] = raw
    assert client.ask("GET", "/odd").body == body
    assert client.ask("GET", MAPS).status == 200


def test_head_has_a_length_and_no_body(client: Client) -> None:
    assert int(client.ask("HEAD", MAPS).headers["Content-Length"]) > 0
    assert client.ask("GET", MAPS).status == 200


def test_requests_sent_without_waiting_are_answered_in_order(client: Client, proxy: ApiProxy) -> None:
    with client.raw() as connection:
        first = f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
        second = f"GET {MAPS}/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        connection.sendall((first + second).encode())
        got = until(connection, b"never")
    assert got.count(b"HTTP/1.1 20") == 2
    assert got.index(b'"POST"') < got.index(b'"GET"')
    assert [request.verb for request in proxy.requests()] == ["create", "get"]


def test_a_client_of_http_1_0_is_served(client: Client) -> None:
    with client.raw() as connection:
        connection.sendall(f"GET {MAPS} HTTP/1.0\r\n\r\n".encode())
        got = until(connection, b"never")
    assert b" 200 " in got.splitlines()[0]
    assert json.loads(got.partition(b"\r\n\r\n")[2])["method"] == "GET"


def test_what_is_not_http_is_told_so(client: Client) -> None:
    with client.raw() as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        got = until(connection, b"never")
    assert got.startswith(b"HTTP/1.1 400 ")
    assert json.loads(got.partition(b"\r\n\r\n")[2])["kind"] == "Status"


def test_a_large_answer_streams_through_without_piling_up(client: Client) -> None:
    size = 40
    client.start("GET", f"{MAPS}?megabytes={size}")
    response = client.connection.getresponse()
    before = memory()
    first = response.read(1)
    assert first == b"\0"
    # Nobody reads here now. The server has most of it still to send: the proxy did not take it either.
    threading.Event().wait(0.2)
    assert memory() - before < size / 3
    assert len(response.read()) == size * 1_000_000 - 1


def memory() -> float:
    """Return the megabytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_events_of_a_watch_pass_one_by_one_as_they_come(
    client: Client, server: ApiServer, proxy: ApiProxy
) -> None:
    response = client.watch()
    watch = server.watch()
    for number in range(3):
        event = b'{"type":"ADDED","object":%d}\n' % number
        watch.events.put(event)
        assert response.readline() == event
    assert proxy.requests(verb="watch")[0].status == 200
    assert proxy.requests(verb="watch")[0].duration is None


def test_the_api_server_sees_at_once_that_a_watching_client_left(client: Client, server: ApiServer) -> None:
    response = client.watch()
    watch = server.watch()
    response.close()
    client.close()
    assert watch.left.wait(PATIENCE)


def test_a_client_sees_at_once_that_the_api_server_ended_its_watch(
    client: Client, server: ApiServer, proxy: ApiProxy
) -> None:
    response = client.watch()
    server.watch().events.put(None)
    assert response.read() == b""
    assert proxy.wait_for(verb="watch")[0].error == ""


def test_a_client_sees_at_once_that_the_api_server_died(
    client: Client, server: ApiServer, proxy: ApiProxy
) -> None:
    with client.raw() as connection:
        connection.sendall(f"GET {WATCH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(connection, b"\r\n\r\n")
        server.watch()
        server.die()
        assert until(connection, b"never") == b""
    assert proxy.wait_for(verb="watch")[0].error == "the API server ended the connection"


def test_a_request_that_no_api_server_takes_ends_the_connection_and_says_why(
    client: Client, server: ApiServer, proxy: ApiProxy
) -> None:
    server.stop()
    with pytest.raises(ConnectionError):
        client.ask("GET", MAPS)
    assert "cannot be reached" in proxy.requests()[0].error


def test_another_protocol_passes_both_ways_until_one_side_ends(
    client: Client, server: ApiServer, proxy: ApiProxy
) -> None:
    exec_path = "/api/v1/namespaces/here/pods/p/exec?command=sh"
    with client.raw() as connection:
        head = f"POST {exec_path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
        connection.sendall(
            f"{head}Content-Length: 0\r\nAuthorization: Bearer {client.token}\r\n\r\n".encode()
        )
        assert b"Upgrade: SPDY/3.1" in until(connection, b"\r\n\r\n")
        connection.sendall(b"hello\n")
        assert until(connection, b"\n") == b"HELLO\n"
        connection.sendall(b"bye\n")
        assert until(connection, b"never") == b"BYE\n"
    assert server.received[0].headers["Authorization"] == f"Bearer {TOKEN}"
    request = proxy.wait_for(subresource="exec")[0]
    assert (request.status, request.request_bytes, request.response_bytes) == (101, 10, 10)
    assert proxy.writes == 0


def test_what_a_client_sends_last_before_it_leaves_arrives(client: Client, server: ApiServer) -> None:
    line = b"x" * 99_999 + b"\n"
    with client.raw() as connection:
        connection.sendall(b"GET /deaf HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: spdy\r\n\r\n")
        until(connection, b"\r\n\r\n")
        connection.sendall(line * 30 + b"bye\n")
    for _ in range(30):
        assert server.said.get(timeout=PATIENCE) == line
    assert server.said.get(timeout=PATIENCE) == b"bye\n"


def test_an_upgrade_with_a_body_is_refused(client: Client, server: ApiServer) -> None:
    with client.raw() as connection:
        connection.sendall(
            b"POST /x HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\na"
        )
        assert until(connection, b"never").startswith(b"HTTP/1.1 400 ")
    assert server.received == []


def test_many_watches_at_once(proxy: ApiProxy, server: ApiServer) -> None:
    clients = [Client(proxy.kubeconfig) for _ in range(30)]
    responses = [client.watch() for client in clients]
    for watch in [server.watch() for _ in clients]:
        watch.events.put(b"{}\n")
    assert [response.readline() for response in responses] == [b"{}\n"] * 30
    for client, response in zip(clients, responses, strict=True):
        response.close()
        client.close()


def test_connections_for_which_there_is_no_room_wait_and_the_test_hears_of_it(
    server: ApiServer, tmp_path: Path
) -> None:
    proxy = ApiProxy(server.kubeconfig(tmp_path)).start()
    client = Client(proxy.kubeconfig)
    connection = socket.socket()
    with no_more_files():
        connection.connect((client.host, client.port))
        assert proxy.requests() == ()  # by the time this is answered, the proxy has tried
    with client.context.wrap_socket(connection, server_hostname=client.host) as late:
        late.sendall(f"GET {MAPS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert until(late, b"}").startswith(b"HTTP/1.1 200 ")
    with pytest.raises(FaultError, match="Too many open files"):
        proxy.close()


@contextmanager
def no_more_files() -> Generator[None]:
    """Let this process open nothing more for a while."""
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)


def test_the_end_of_the_proxy_ends_what_is_under_way(server: ApiServer, tmp_path: Path) -> None:
    with ApiProxy(server.kubeconfig(tmp_path)) as proxy:
        client = Client(proxy.kubeconfig)
        client.watch().close()
        watch = server.watch()
    client.close()
    assert watch.left.wait(PATIENCE)
    assert not [thread for thread in threading.enumerate() if thread.name == "rumpf-api-proxy"]
