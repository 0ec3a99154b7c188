"""What the API proxy adds to a request: direct and through it, in pairs, in one run.

    python bench/proxy.py --kubeconfig PATH    against the API server of a kubeconfig
    python bench/proxy.py                      against an embedded cluster of its own, without nodes

The proxy runs in this process, as in a test; the client is another process, as an operator is.
"""

import argparse
import base64
import http.client
import json
import secrets
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from rumpf.cluster import ClusterSpec, up
from rumpf.cluster.client import load_chain
from rumpf.console import for_stream
from rumpf.testing.proxy import ApiProxy

PAIRS = 1500
WARM_UP = 100
CONNECTIONS = 8
BURST = 250  # requests per connection
NAMESPACE = f"bench-proxy-{secrets.token_hex(3)}"
LIST_OBJECTS, LIST_OBJECT_BYTES = 50, 1_000_000


@dataclass(frozen=True)
class Server:
    """How a client reaches an API server."""

    host: str
    port: int
    context: ssl.SSLContext
    headers: dict[str, str]

    def connect(self) -> http.client.HTTPSConnection:
        """Open a connection that is kept alive."""
        return http.client.HTTPSConnection(self.host, self.port, context=self.context)


def server_of(kubeconfig: Path) -> Server:
    """Read a kubeconfig that has everything inline."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(
        cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
    )
    headers = {"User-Agent": "bench", "Accept": "application/json", "Content-Type": "application/json"}
    if "client-certificate-data" in user:
        certificate, key = user["client-certificate-data"], user["client-key-data"]
        load_chain(context, base64.b64decode(certificate).decode(), base64.b64decode(key).decode())
    if "token" in user:
        headers["Authorization"] = f"Bearer {user['token']}"
    url = urlsplit(str(cluster["server"]))
    return Server(url.hostname or "", url.port or 443, context, headers)


def ask(
    server: Server, connection: http.client.HTTPSConnection, method: str, path: str, body: str | None = None
) -> bytes:
    """Make one request; return its answer."""
    connection.request(method, path, body=body, headers=server.headers)
    response = connection.getresponse()
    answer = response.read()
    if response.status >= http.client.BAD_REQUEST:
        raise SystemExit(f"{method} {path}: {response.status} {answer.decode(errors='replace')}")
    return answer


def config_map(name: str, text: str) -> str:
    """Return a ConfigMap with one text in it."""
    return json.dumps({"metadata": {"name": name}, "data": {"text": text}})


def in_pairs(name: str, direct: Callable[[int], None], proxied: Callable[[int], None], pairs: int) -> None:
    """Time two ways of doing the same in turns, so that whatever else happens strikes both."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(pairs + WARM_UP):
        for way, taken in zip((direct, proxied), times, strict=True):
            began = time.perf_counter()
            way(number)
            taken.append(time.perf_counter() - began)
    (d50, d99), (p50, p99) = (percentiles(taken[WARM_UP:]) for taken in times)
    print(
        f"{name:30} direct p50 {d50:7.3f} p99 {d99:7.3f} ms | proxy p50 {p50:7.3f} p99 {p99:7.3f} ms"
        f" | added p50 {p50 - d50:6.3f} p99 {p99 - d99:6.3f} ms",
        flush=True,
    )


def percentiles(taken: list[float]) -> tuple[float, float]:
    """Return median and 99th percentile in milliseconds."""
    cuts = statistics.quantiles(taken, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def latency(direct: Server, proxied: Server) -> None:
    """Time single requests on connections that are kept, and on fresh ones."""
    ways = [(server, server.connect()) for server in (direct, proxied)]
    maps = f"/api/v1/namespaces/{NAMESPACE}/configmaps"

    def get(way: int) -> Callable[[int], None]:
        server, connection = ways[way]
        return lambda _: void(ask(server, connection, "GET", f"/api/v1/namespaces/{NAMESPACE}"))

    def put(way: int) -> Callable[[int], None]:
        server, connection = ways[way]
        name = f"put-{way}"
        ask(server, connection, "POST", maps, config_map(name, ""))
        return lambda number: void(
            ask(server, connection, "PUT", f"{maps}/{name}", config_map(name, str(number) * 200))
        )

    def fresh(way: int) -> Callable[[int], None]:
        server, _ = ways[way]

        def once(_: int) -> None:
            connection = server.connect()
            ask(server, connection, "GET", f"/api/v1/namespaces/{NAMESPACE}")
            connection.close()

        return once

    in_pairs("get", get(0), get(1), PAIRS)
    in_pairs("update", put(0), put(1), PAIRS // 2)
    in_pairs("get, new connection each", fresh(0), fresh(1), PAIRS // 5)


def void(_: object) -> None:
    """Drop a result."""


def throughput(direct: Server, proxied: Server) -> None:
    """Count small requests per second on several connections at once."""
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(5):
        for server, rate in zip((direct, proxied), rates, strict=True):
            rate.append(burst(server))
    d, p = (statistics.median(rate) for rate in rates)
    print(
        f"{f'gets/s, {CONNECTIONS} connections':30} direct {d:9.0f} | proxy {p:9.0f} | {p / d:5.2f} x",
        flush=True,
    )


def burst(server: Server) -> float:
    """Return gets per second."""

    def client() -> None:
        connection = server.connect()
        for _ in range(BURST):
            ask(server, connection, "GET", f"/api/v1/namespaces/{NAMESPACE}")
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return CONNECTIONS * BURST / (time.perf_counter() - began)


def big_lists(direct: Server, proxied: Server) -> None:
    """Time a list of many megabytes."""
    connection = direct.connect()
    maps = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    for number in range(LIST_OBJECTS):
        ask(direct, connection, "POST", maps, config_map(f"big-{number}", "x" * LIST_OBJECT_BYTES))
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(5):
        for server, rate in zip((direct, proxied), rates, strict=True):
            connection = server.connect()
            began = time.perf_counter()
            size = len(ask(server, connection, "GET", maps))
            rate.append(size / 1e6 / (time.perf_counter() - began))
            connection.close()
    d, p = (statistics.median(rate) for rate in rates)
    name = f"list of {LIST_OBJECTS * LIST_OBJECT_BYTES / 1e6:.0f} MB, MB/s"
    print(f"{name:30} direct {d:9.0f} | proxy {p:9.0f} | {p / d:5.2f} x", flush=True)


def client(direct: Server, proxied: Server) -> None:
    """Be the client: measure everything."""
    connection = direct.connect()
    ask(direct, connection, "POST", "/api/v1/namespaces", json.dumps({"metadata": {"name": NAMESPACE}}))
    try:
        latency(direct, proxied)
        throughput(direct, proxied)
        big_lists(direct, proxied)
    finally:
        connection = direct.connect()  # the API server closes what is idle for long
        ask(direct, connection, "DELETE", f"/api/v1/namespaces/{NAMESPACE}/configmaps")
        ask(direct, connection, "DELETE", f"/api/v1/namespaces/{NAMESPACE}")


@contextmanager
def own_cluster() -> Generator[Path]:
    """Bring a control plane up for this run alone."""
    cluster = up(ClusterSpec(name=NAMESPACE, nodes="none"), console=for_stream())
    try:
        yield cluster.kubeconfig
    finally:
        cluster.down()


def measure(kubeconfig: Path) -> None:
    """Run the proxy here and the client in a process of its own."""
    with ApiProxy(kubeconfig) as proxy:
        subprocess.run([sys.executable, __file__, "--client", kubeconfig, proxy.kubeconfig], check=True)
        print(f"{len(proxy.requests())} requests passed, {proxy.writes} of them writes")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--client", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client:
        client(*(server_of(path) for path in arguments.client))
    elif arguments.kubeconfig:
        measure(arguments.kubeconfig)
    else:
        with own_cluster() as kubeconfig:
            measure(kubeconfig)


if __name__ == "__main__":
    main()
