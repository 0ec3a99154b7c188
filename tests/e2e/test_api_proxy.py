"""The API proxy between real clients and a real API server, which itself is asked what is true."""

import asyncio
import base64
import json
import ssl
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
import yaml

from rumpf.errors import KubectlFailed
from rumpf.testing import Kubectl, RunningCluster
from rumpf.testing.proxy import ApiProxy, Kill

Moment = Literal["before", "after"]

PATIENCE = 60.0
WATCHES = 500

# An operator as small as can be: it looks at what is, and does what is missing. Two ConfigMaps and a
# label make three writes, whatever was done before it started.
OPERATOR = """
import base64, json, ssl, sys, urllib.error, urllib.request, yaml

config = yaml.safe_load(open(sys.argv[1]))
cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
context = ssl.create_default_context(cadata=authority)
maps = f"{cluster['server']}/api/v1/namespaces/{sys.argv[2]}/configmaps"

def ask(method, url, body=None, kind="application/json"):
    headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": kind, "User-Agent": "operator"}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, context=context) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return None

for name in ("first", "second"):
    if ask("GET", f"{maps}/{name}") is None:
        ask("POST", maps, {"metadata": {"name": name, "labels": {"of": "operator"}}})
if "done" not in ask("GET", f"{maps}/first")["metadata"]["labels"]:
    patch = {"metadata": {"labels": {"done": "yes"}}}
    ask("PATCH", f"{maps}/first", patch, "application/merge-patch+json")
"""

# Creates ConfigMaps from several threads at once, as fast as it can.
FLOOD = """
import base64, http.client, json, ssl, sys, threading, yaml
from urllib.parse import urlsplit

config = yaml.safe_load(open(sys.argv[1]))
cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
context = ssl.create_default_context(cadata=authority)
headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}

def create(thread):
    connection = http.client.HTTPSConnection(urlsplit(cluster["server"]).netloc, context=context)
    for number in range(50):
        body = json.dumps({"metadata": {"name": f"map-{thread}-{number}", "labels": {"of": "flood"}}})
        connection.request("POST", f"/api/v1/namespaces/{sys.argv[2]}/configmaps", body, headers)
        connection.getresponse().read()

for thread in range(8):
    threading.Thread(target=create, args=(thread,)).start()
"""


@pytest.fixture
def proxy(cluster: RunningCluster) -> Iterator[ApiProxy]:
    """A proxy before the cluster's API server."""
    with ApiProxy(cluster.kubeconfig, bodies=True) as proxy:
        yield proxy


@pytest.fixture
def through(proxy: ApiProxy, kubectl: Kubectl, namespace: str) -> Kubectl:
    """kubectl, a client written in Go, through the proxy."""
    return Kubectl(kubectl.binary, proxy.kubeconfig, namespace)


@contextmanager
def running(*command: str, stderr: int | None = None) -> "Generator[subprocess.Popen[str]]":
    """Run a program for the length of a block, at most."""
    with subprocess.Popen(command, text=True, stderr=stderr) as process:
        try:
            yield process
        finally:
            process.kill()


def run(script: str, proxy: ApiProxy, namespace: str) -> "AbstractContextManager[subprocess.Popen[str]]":
    """Run a client, which is known as `operator`."""
    kubeconfig = proxy.identity("operator").kubeconfig
    return running(sys.executable, "-c", script, str(kubeconfig), namespace)


def wait_until_done(through: Kubectl) -> "AbstractContextManager[subprocess.Popen[str]]":
    """Run a Go client that watches a ConfigMap until it says that it is done."""
    goal = ("--for=jsonpath={.data.done}=yes", f"--timeout={PATIENCE:g}s")
    return running(*through.command("wait", "configmap/watched", *goal))


DONE = ("patch", "configmap", "watched", "--patch", '{"data": {"done": "yes"}}')


def labels_of_maps(kubectl: Kubectl, of: str) -> dict[str, dict[str, str]]:
    """Ask the API server itself which ConfigMaps there are, and their labels."""
    found = json.loads(kubectl("get", "configmaps", f"--selector=of={of}", "--output=json"))
    return {item["metadata"]["name"]: item["metadata"]["labels"] for item in found["items"]}


STATES: list[dict[str, dict[str, str]]] = [
    {},
    {"first": {"of": "operator"}},
    {"first": {"of": "operator"}, "second": {"of": "operator"}},
    {"first": {"of": "operator", "done": "yes"}, "second": {"of": "operator"}},
]
"""What there is after none, one, two and all of the operator's writes."""


def kill_at(proxy: ApiProxy, moment: Moment, victim: "subprocess.Popen[str]", write: int) -> Kill:
    return (proxy.kill_before if moment == "before" else proxy.kill_after)(victim, write, client="operator")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_operator_that_crashes_at_every_write_converges_and_does_nothing_twice(
    proxy: ApiProxy, kubectl: Kubectl, namespace: str, moment: Moment
) -> None:
    crashes = 0
    while True:
        proxy.clear()
        with (
            run(OPERATOR, proxy, namespace) as operator,
            kill_at(proxy, moment, operator, crashes + 1) as kill,
        ):
            code = operator.wait(PATIENCE)
            if code == 0:
                assert not kill.fired
                break
            request = kill.wait(PATIENCE)
        assert code == -9
        # Seen from the API server: what it died before is not there, what it died after is.
        done = crashes + 1 if moment == "after" else crashes
        assert labels_of_maps(kubectl, "operator") == STATES[done]
        assert request.write == proxy.writes == crashes + 1
        # Started again, it does what is missing and nothing else.
        proxy.clear()
        with run(OPERATOR, proxy, namespace) as operator:
            assert operator.wait(PATIENCE) == 0
        assert proxy.writes == len(STATES) - 1 - done
        assert labels_of_maps(kubectl, "operator") == STATES[-1]
        kubectl("delete", "configmaps", "--selector=of=operator")
        crashes += 1
    assert crashes == proxy.writes == len(STATES) - 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_of_many_writes_at_once_the_api_server_has_exactly_those_that_came_before_the_crash(
    proxy: ApiProxy, kubectl: Kubectl, namespace: str, moment: Moment
) -> None:
    with run(FLOOD, proxy, namespace) as flood, kill_at(proxy, moment, flood, 100) as kill:
        kill.wait(PATIENCE)
        assert flood.wait(0) == -9
    counted = sorted(
        (each for each in proxy.requests(writes=True) if each.write), key=lambda each: each.write or 0
    )
    assert len(counted) == 100
    passed = counted if moment == "after" else counted[:-1]
    names = [json.loads(each.request_body or b"")["metadata"]["name"] for each in passed]
    assert sorted(labels_of_maps(kubectl, "flood")) == sorted(names)


def test_kubectl_works_through_the_proxy_and_everything_it_asked_is_known(
    proxy: ApiProxy, through: Kubectl, kubectl: Kubectl, namespace: str
) -> None:
    through("create", "configmap", "hello", "--from-literal=text=hi")
    assert kubectl("get", "configmap", "hello", "--output=jsonpath={.data.text}") == "hi"
    through("patch", "configmap", "hello", "--patch", '{"data": {"text": "ho"}}')
    through("delete", "configmap", "hello")
    writes = proxy.requests(writes=True)
    assert [(each.verb, each.resource, each.namespace, each.name, each.status) for each in writes] == [
        ("create", "configmaps", namespace, "", 201),
        ("patch", "configmaps", namespace, "hello", 200),
        ("delete", "configmaps", namespace, "hello", 200),
    ]
    assert all(each.user_agent.startswith("kubectl") and each.duration for each in writes)


def test_who_a_client_is_to_the_api_server_depends_on_its_token(
    proxy: ApiProxy, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    def whoami(kubeconfig: Path) -> str:
        client = Kubectl(kubectl.binary, kubeconfig, namespace)
        return client("auth", "whoami", "--output=jsonpath={.status.userInfo.username}")

    account = f"system:serviceaccount:{namespace}:tester"
    kubectl("create", "serviceaccount", "tester")
    token = kubectl("create", "token", "tester").strip()
    administrator = whoami(proxy.kubeconfig)
    assert administrator == whoami(kubectl.kubeconfig)
    # An identity that bears the token, and a client that shows the token itself, as a Pod does.
    assert whoami(proxy.identity("tester", token=token).kubeconfig) == account
    config = yaml.safe_load(proxy.kubeconfig.read_text())
    own = tmp_path / "own"
    config["users"][0]["user"]["token"] = token
    own.write_text(json.dumps(config))
    assert whoami(own) == account
    config["users"][0]["user"]["token"] = "nobody's"  # noqa: S105 - that is the point
    own.write_text(json.dumps(config))
    with pytest.raises(KubectlFailed, match=r"Unauthorized|logged in"):
        whoami(own)
    clients = {each.client for each in proxy.requests(resource="selfsubjectreviews", status=201)}
    assert clients == {"default", "tester", account}
    assert proxy.writes == 0


def test_a_go_client_comes_back_after_too_many_requests(
    proxy: ApiProxy, through: Kubectl, kubectl: Kubectl
) -> None:
    with proxy.refuse(429, verb="create", resource="configmaps", times=2, retry_after=1) as refused:
        through("create", "configmap", "late")
    assert [each.status for each in proxy.requests(verb="create")] == [429, 429, 201]
    assert refused.hits == 2
    assert kubectl("get", "configmap", "late", "--output=name") == "configmap/late\n"


def test_a_write_that_is_held_while_another_is_done_meets_a_real_conflict(
    proxy: ApiProxy, through: Kubectl, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl("create", "configmap", "shared")
    manifest = tmp_path / "stale.json"
    manifest.write_text(kubectl("get", "configmap", "shared", "--output=json"))
    replace = through.command("replace", f"--filename={manifest}")
    with proxy.hold(verb="update") as held, running(*replace, stderr=subprocess.PIPE) as replacing:
        proxy.wait_for(verb="update", answered=False)
        kubectl("label", "configmap", "shared", "whose=theirs")
        held.stop()
        _, said = replacing.communicate(timeout=PATIENCE)
    assert "Conflict" in said
    assert proxy.requests(verb="update")[0].status == 409


@pytest.mark.parametrize("clean", [False, True], ids=["closed", "ended"])
def test_a_go_client_watches_again_when_its_watch_is_cut_and_misses_nothing(
    proxy: ApiProxy, through: Kubectl, kubectl: Kubectl, *, clean: bool
) -> None:
    kubectl("create", "configmap", "watched")
    with wait_until_done(through) as waiting:
        proxy.wait_for(verb="watch", resource="configmaps")
        with proxy.hold(resource="configmaps"):
            (cut,) = proxy.cut_watches(resource="configmaps", clean=clean)
            kubectl(*DONE)
        assert waiting.wait(PATIENCE) == 0
    assert proxy.requests(verb="watch", resource="configmaps")[-1].number > cut.number


def test_a_go_client_does_not_see_what_happens_while_its_watch_is_stalled_and_sees_it_then(
    proxy: ApiProxy, through: Kubectl, kubectl: Kubectl
) -> None:
    kubectl("create", "configmap", "watched")
    with wait_until_done(through) as waiting:
        (watch,) = proxy.wait_for(verb="watch", resource="configmaps")
        with proxy.stalled_watches(resource="configmaps"):
            kubectl(*DONE)
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.wait(0.5)
        assert waiting.wait(PATIENCE) == 0
    (after,) = proxy.requests(verb="watch")
    assert (after.number, after.injected) == (watch.number, ("stalled",))


def test_hundreds_of_watches_are_open_at_once_and_all_see_the_same(
    proxy: ApiProxy, kubectl: Kubectl, namespace: str
) -> None:
    seen = asyncio.run(watch_often(proxy, kubectl, namespace))
    assert seen == ["ADDED crowd"] * WATCHES
    proxy.wait_for(verb="watch", times=WATCHES, matching=lambda request: request.duration is not None)


async def watch_often(proxy: ApiProxy, kubectl: Kubectl, namespace: str) -> list[str]:
    config: dict[str, Any] = yaml.safe_load(proxy.kubeconfig.read_text())
    authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])
    context = ssl.create_default_context(cadata=authority.decode())
    request = (
        f"GET /api/v1/namespaces/{namespace}/configmaps?watch=1&labelSelector=of%3Dcrowd HTTP/1.1\r\n"
        f"Host: x\r\nAuthorization: Bearer {config['users'][0]['user']['token']}\r\n\r\n"
    )
    url = urlsplit(proxy.server)

    async def watch() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=context)
        writer.write(request.encode())
        await reader.readuntil(b"\r\n\r\n")
        return reader, writer

    async def see(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        await reader.readline()  # the length of the chunk
        event = json.loads(await reader.readline())
        writer.transport.abort()
        return f"{event['type']} {event['object']['metadata']['name']}"

    async with asyncio.timeout(PATIENCE):
        watches = await asyncio.gather(*(watch() for _ in range(WATCHES)))
        manifest = json.dumps(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "crowd", "labels": {"of": "crowd"}},
            }
        )
        await asyncio.to_thread(kubectl, "create", "--filename=-", input=manifest)
        return await asyncio.gather(*(see(*each) for each in watches))


def test_while_it_is_down_a_go_client_is_refused(proxy: ApiProxy, through: Kubectl) -> None:
    with proxy.down(), pytest.raises(KubectlFailed, match="refused"):
        through("get", "configmaps")
    through("get", "configmaps")


@pytest.mark.nodes("real")
def test_commands_run_in_a_pod_through_the_proxy(
    proxy: ApiProxy, through: Kubectl, kubectl: Kubectl, busybox: str
) -> None:
    kubectl(
        "run", "shell", f"--image={busybox}", "--image-pull-policy=Never", "--command", "--", "sleep", "600"
    )
    kubectl("wait", "pod/shell", "--for=condition=Ready", "--timeout=60s")
    assert through("exec", "--stdin", "shell", "--", "tr", "a-z", "A-Z", input="hello\n") == "HELLO\n"
    (request,) = proxy.requests(subresource="exec")
    assert (request.status, request.is_write) == (101, False)
