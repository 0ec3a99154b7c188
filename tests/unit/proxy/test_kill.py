import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from rumpf.errors import FaultError, UsageError
from rumpf.testing.proxy import ApiProxy, Identity, Kill, except_leases_and_events
from tests.unit.proxy.apiserver import PATIENCE, ApiServer
from tests.unit.proxy.clients import MAPS, Client, until

QUIET = 0.05
"""Seconds in which nothing must come. What is wrong comes within a few thousandths."""

Moment = Literal["before", "after"]
Start = Callable[..., "subprocess.Popen[str]"]

# A client without any library but sockets: it starts in no time. Each argument is the work of one thread,
# which begins when a line is read; it has a connection of its own and does one request after the other.
# What was answered is printed.
CLIENT = """
import json, os, socket, ssl, sys, threading
config = json.loads(sys.argv[1])
context = ssl.create_default_context(cadata=config["authority"])

def work(requests):
    plain = socket.create_connection((config["host"], config["port"]))
    connection = context.wrap_socket(plain, server_hostname=config["host"])
    for method, path, body in requests:
        head = f"{method} {path} HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Bearer {config['token']}\\r\\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\\r\\n\\r\\n{body}".encode())
        got = b""
        while not got.endswith(b"}"):
            piece = connection.recv(65536)
            if not piece:
                os._exit(3)
            got += piece
        os.write(1, f"{body}\\n".encode())

threads = [threading.Thread(target=work, args=(json.loads(argument),)) for argument in sys.argv[2:]]
for thread in threads:
    sys.stdin.readline()
    thread.start()
for thread in threads:
    thread.join()
"""
LEASE = "/apis/coordination.k8s.io/v1/namespaces/here/leases/leader"


@pytest.fixture
def identity(proxy: ApiProxy) -> Identity:
    """The operator that is to die."""
    return proxy.identity("operator")


@pytest.fixture
def start(identity: Identity) -> Iterator[Start]:
    """Start a client whose threads wait for `go`; each argument is the work of one of its threads."""
    started: list[subprocess.Popen[str]] = []
    known = Client(identity.kubeconfig)
    config = {"host": known.host, "port": known.port, "token": known.token}
    config["authority"] = authority(identity.kubeconfig)

    def start(*threads: list[tuple[str, str, str]]) -> "subprocess.Popen[str]":
        command = [sys.executable, "-ISc", CLIENT, json.dumps(config), *map(json.dumps, threads)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def authority(kubeconfig: Path) -> str:
    data = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["certificate-authority-data"]
    return base64.b64decode(data).decode()


def go(process: "subprocess.Popen[str]", *, threads: int = 1) -> None:
    """Let its next threads begin."""
    assert process.stdin is not None
    process.stdin.write("\n" * threads)
    process.stdin.flush()


def writes(*bodies: str) -> list[tuple[str, str, str]]:
    return [("POST", MAPS, body) for body in bodies]


def kill_at(proxy: ApiProxy, moment: Moment, victim: "subprocess.Popen[str]", write: int) -> Kill:
    return (proxy.kill_before if moment == "before" else proxy.kill_after)(victim, write)


def pidfds() -> list[Path]:
    """Return the handles on processes that this one has."""
    links = Path("/proc/self/fd").iterdir()
    return [link for link in links if link.is_symlink() and "pidfd" in str(link.readlink())]


@pytest.mark.parametrize("write", [1, 2, 3])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_client_is_killed_at_exactly_the_write_that_was_asked_for(
    proxy: ApiProxy, server: ApiServer, start: Start, moment: Moment, write: int
) -> None:
    process = start(writes("one", "two", "three", "four"))
    with kill_at(proxy, moment, process, write) as kill:
        assert not kill.fired
        go(process)
        request = kill.wait(PATIENCE)
        assert process.poll() == -9  # dead by now, not soon
    bodies = ["one", "two", "three", "four"]
    arrived = write if moment == "after" else write - 1
    assert [body.decode() for body in server.writes] == bodies[:arrived]
    assert len(server.received) == arrived  # not even a head of the others
    assert process.communicate()[0].split() == bodies[: write - 1]  # and the client was told of none
    assert (kill.fired, kill.request, kill.seen, proxy.writes) == (True, request, write, write)
    assert request.request_body == bodies[write - 1].encode()
    assert request.status == (201 if moment == "after" else None)
    assert request.injected == (f"killed {moment} write {write}",)
    assert not pidfds()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_of_writes_at_once_those_received_first_are_done_and_the_others_are_not(
    proxy: ApiProxy, server: ApiServer, start: Start, moment: Moment
) -> None:
    names = [[f"{thread}-{number}" for number in range(40)] for thread in range(6)]
    process = start(*[writes(*each) for each in names])
    with kill_at(proxy, moment, process, 20) as kill:
        go(process, threads=len(names))
        kill.wait(PATIENCE)
    first = sorted(
        (each for each in proxy.requests(writes=True) if each.write), key=lambda each: each.write or 0
    )
    assert len(first) == 20  # no write was counted, so none passed, after the one at which it died
    passed = first if moment == "after" else first[:-1]
    assert sorted(server.writes) == sorted(each.request_body or b"" for each in passed)
    assert len(server.received) == len(passed)
    told = process.communicate()[0].split()
    assert set(told) <= {body.decode() for body in server.writes}
    assert (first[-1].request_body or b"").decode() not in told


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_death_waits_for_earlier_writes_that_are_not_answered_yet(
    proxy: ApiProxy, server: ApiServer, start: Start, moment: Moment
) -> None:
    server.gate.clear()
    process = start([("PUT", f"{MAPS}/slow", "early")], [("POST", MAPS, "late")])
    with kill_at(proxy, moment, process, 2) as kill:
        go(process)
        until_true(lambda: bool(server.writes))
        go(process)
        with pytest.raises(FaultError, match="2 of the 2 writes"):
            kill.wait(QUIET)
        assert process.poll() is None
        server.gate.set()
        kill.wait(PATIENCE)
    assert server.writes == ([b"early", b"late"] if moment == "after" else [b"early"])


def until_true(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.parametrize("begun", ["earlier", "later"])
def test_once_its_death_is_decided_nothing_else_of_the_client_passes_and_others_are_served(
    proxy: ApiProxy, server: ApiServer, start: Start, client: Client, begun: str
) -> None:
    server.gate.clear()
    write, read = [("PUT", f"{MAPS}/slow", "last")], [("GET", f"{MAPS}/never", "")]
    process = start(read, write) if begun == "earlier" else start(write, read)
    with proxy.hold(verb="get", name="never") as held, proxy.kill_after(process, 1) as kill:
        go(process)
        proxy.wait_for(name=["slow", "never"], answered=False)
        go(process)
        until_true(lambda: bool(server.writes))
        proxy.wait_for(name="never", answered=False)
        held.stop()
        assert client.ask("GET", MAPS).status == 200
        server.gate.set()
        kill.wait(PATIENCE)
    assert client.ask("GET", MAPS).status == 200
    assert [each.path for each in server.received] == [f"{MAPS}/slow", MAPS, MAPS]


def test_its_watches_do_not_tell_it_what_became_of_its_last_write(
    proxy: ApiProxy, server: ApiServer, start: Start, identity: Identity
) -> None:
    watching = Client(identity.kubeconfig)
    with watching.raw() as connection:
        head = f"GET {MAPS}?watch=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {watching.token}\r\n\r\n"
        connection.sendall(head.encode())
        until(connection, b"\r\n\r\n")
        watch = server.watch()
        server.gate.clear()
        process = start([("PUT", f"{MAPS}/slow", "last")])
        with proxy.kill_after(process, 1) as kill:
            go(process)
            until_true(lambda: len(server.received) == 2)
            watch.events.put(b'{"type":"MODIFIED"}\n')
            server.gate.set()
            kill.wait(PATIENCE)
        assert until(connection, b"never") == b""


def test_a_write_that_was_on_its_way_in_parts_never_arrives_whole(
    proxy: ApiProxy, server: ApiServer, identity: Identity
) -> None:
    one, other = Client(identity.kubeconfig), Client(identity.kubeconfig)
    dying, dead = threading.Event(), threading.Event()

    def die() -> None:
        dying.set()
        assert dead.wait(PATIENCE)

    with one.raw() as connection:
        head = f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {one.token}\r\n"
        connection.sendall(f"{head}Content-Length: 6\r\n\r\nabc".encode())
        until_true(lambda: len(server.received) == 1)
        with proxy.kill_before(die, 1) as kill:
            other.start("POST", MAPS, b"{}")
            assert dying.wait(PATIENCE)
            connection.sendall(b"def")
            until_true(lambda: proxy.requests()[0].request_bytes == 6)
            dead.set()
            kill.wait(PATIENCE)
        assert until(connection, b"never") == b""
    other.close()
    assert [each.whole for each in server.received] == [False]


def test_a_request_that_the_dead_had_sent_on_a_fresh_connection_does_not_pass_and_a_new_one_does(
    proxy: ApiProxy, server: ApiServer, start: Start, identity: Identity
) -> None:
    heir = Client(identity.kubeconfig)
    process = start(writes("one"))
    request = f"GET {MAPS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {heir.token}\r\n\r\n".encode()
    with heir.raw() as connection:  # opened by the client, before it died; who it is shows only now
        heir.raw().close()
        with proxy.kill_before(process, 1) as kill:
            go(process)
            kill.wait(PATIENCE)
        connection.sendall(request)
        assert until(connection, b"}") == b""
    assert server.received == []
    assert heir.ask("GET", MAPS).status == 200
    heir.close()


def test_a_client_that_is_started_again_goes_on_from_there(
    proxy: ApiProxy, server: ApiServer, start: Start
) -> None:
    for write in (1, 2):
        process = start(writes("one", "two"))
        with proxy.kill_before(process, write) as kill:
            go(process)
            kill.wait(PATIENCE)
    process = start(writes("one", "two"))
    go(process)
    assert process.communicate()[0].split() == ["one", "two"]
    assert server.writes == [b"one", b"one", b"two"]


def test_a_kill_that_is_not_reached_says_how_far_it_got(proxy: ApiProxy, start: Start) -> None:
    process = start(writes("one", "two"))
    with proxy.kill_before(process, 3, resource="configmaps") as kill:
        go(process)
        assert process.wait(PATIENCE) == 0
        with pytest.raises(
            FaultError,
            match=r"kill before write 3 of resource='configmaps': not killed .* 2 of the 3 .* by itself",
        ):
            kill.wait(0.01)
    assert not kill.fired
    assert kill.request is None


def test_a_write_that_had_begun_before_the_kill_was_armed_does_not_count(
    proxy: ApiProxy, server: ApiServer, client: Client
) -> None:
    died = threading.Event()
    with client.raw() as connection:
        connection.sendall(f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc".encode())
        proxy.wait_for(verb="create", answered=False)
        with proxy.kill_before(died.set, 1) as kill:
            connection.sendall(b"def")
            assert until(connection, b"}").startswith(b"HTTP/1.1 201 ")
            assert (kill.seen, proxy.writes) == (0, 1)
            client.start("POST", MAPS, b"{}")
            kill.wait(PATIENCE)
    assert server.writes == [b"abcdef"]


def test_a_kill_is_disarmed_with_its_block(proxy: ApiProxy, start: Start) -> None:
    process = start(writes("one"))
    with proxy.kill_before(process, 1) as kill:
        pass
    go(process)
    assert process.communicate()[0].split() == ["one"]
    assert kill.seen == 0
    assert not pidfds()


def test_only_writes_that_are_meant_are_counted(proxy: ApiProxy, server: ApiServer, start: Start) -> None:
    process = start(
        [("PUT", LEASE, "lease"), ("GET", MAPS, ""), *writes("one"), ("PUT", LEASE, "again"), *writes("two")]
    )
    with proxy.kill_before(process, 2, matching=except_leases_and_events) as kill:
        go(process)
        kill.wait(PATIENCE)
    assert server.writes == [b"lease", b"one", b"again"]
    assert len(proxy.requests(writes=True, matching=except_leases_and_events)) == 2


def test_a_write_can_be_picked_by_its_body(proxy: ApiProxy, server: ApiServer, start: Start) -> None:
    process = start(writes("one", "two" * 30_000, "three"))
    with proxy.kill_before(process, matching=lambda request: b"two" in (request.request_body or b"")) as kill:
        go(process)
        kill.wait(PATIENCE)
    assert server.writes == [b"one"]


def test_a_write_that_the_proxy_itself_refuses_is_one(
    proxy: ApiProxy, server: ApiServer, start: Start
) -> None:
    process = start(writes("one", "two"))
    with proxy.refuse(409, times=1), proxy.kill_after(process, 1) as kill:
        go(process)
        assert kill.wait(PATIENCE).status == 409
    assert server.received == []
    assert process.communicate()[0] == ""


def test_a_client_that_asks_before_it_sends_is_asked_to_send_and_the_api_server_is_not(
    proxy: ApiProxy, server: ApiServer, client: Client
) -> None:
    died = threading.Event()
    with client.raw() as connection, proxy.kill_before(died.set, 1) as kill:
        head = f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head.encode())
        assert until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        kill.wait(PATIENCE)
        assert until(connection, b"never") == b""
    assert died.is_set()
    assert server.received == []


def test_a_function_can_do_the_killing_and_the_connection_lasts_until_it_is_done(
    proxy: ApiProxy, client: Client
) -> None:
    killing, dead = threading.Event(), threading.Event()

    def kill_container() -> None:
        killing.set()
        assert dead.wait(PATIENCE)

    with proxy.kill_before(kill_container, 1) as kill:
        client.start("POST", MAPS, b"{}")
        assert killing.wait(PATIENCE)
        client.connection.sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.connection.sock.recv(1)
        assert not kill.fired
        dead.set()
        kill.wait(PATIENCE)
        client.connection.sock.settimeout(PATIENCE)
        assert client.connection.sock.recv(1) == b""


def test_a_function_that_fails_to_kill_fails_the_wait(proxy: ApiProxy, client: Client) -> None:
    with proxy.kill_before(lambda: 1 // 0, 1) as kill:
        client.start("POST", MAPS, b"{}")
        with pytest.raises(ZeroDivisionError):
            kill.wait(PATIENCE)
        assert not kill.fired


def test_an_answer_that_never_came_whole_is_no_write_that_was_done(
    proxy: ApiProxy, server: ApiServer, start: Start
) -> None:
    server.gate.clear()
    process = start([("PUT", f"{MAPS}/slow", "last")])
    with proxy.kill_after(process, 1) as kill:
        go(process)
        until_true(lambda: bool(server.writes))
        server.die()
        with pytest.raises(FaultError, match="whether the write was done is not known"):
            kill.wait(PATIENCE)
    assert process.wait(PATIENCE) == -9


def test_a_client_that_gives_up_on_its_last_write_dies_after_it_all_the_same(
    proxy: ApiProxy, server: ApiServer, client: Client
) -> None:
    server.gate.clear()
    died = threading.Event()
    with proxy.kill_after(died.set, 1) as kill:
        client.start("PUT", f"{MAPS}/slow", b"last")
        until_true(lambda: bool(server.writes))
        client.close()
        server.gate.set()
        assert kill.wait(PATIENCE).status == 200
    assert died.is_set()


def test_the_proxy_can_end_while_a_client_is_dying(server: ApiServer, tmp_path: Path) -> None:
    server.gate.clear()
    with ApiProxy(server.kubeconfig(tmp_path)) as proxy:
        client = Client(proxy.kubeconfig)
        kill = proxy.kill_after(lambda: None, 1)
        client.start("PUT", f"{MAPS}/slow", b"last")
        until_true(lambda: bool(server.writes))
    client.close()
    with pytest.raises(FaultError, match="ended before the client was dead"):
        kill.wait(0)
    server.gate.set()


def test_who_cannot_be_killed_is_refused(proxy: ApiProxy) -> None:
    for pid in (os.getpid(), 1, 0, -1):
        with pytest.raises(UsageError, match="not a process to kill"):
            proxy.kill_after(pid, 1)
    with pytest.raises(UsageError, match="no write 0"):
        proxy.kill_before(os.getppid(), 0)


def test_who_is_dead_already_is_refused_reaped_or_not(proxy: ApiProxy) -> None:
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(FaultError, match=f"process {ended.pid} has ended already"):
            proxy.kill_before(ended.pid, 1)
        ended.wait()
        with pytest.raises(FaultError, match=f"process {ended.pid} has ended already"):
            proxy.kill_before(ended.pid, 1)
        ended.pid = os.getppid()  # as if the PID were another process's by now
        with pytest.raises(FaultError, match="has ended already"):
            proxy.kill_before(ended, 1)
    assert not pidfds()
