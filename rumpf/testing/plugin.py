"""The pytest plugin: a cluster for the session, a namespace for each test, a report where one fails.

Installed with rumpf, and idle until a test asks for one of its fixtures. docs/testing.md tells more.
"""

import shlex
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import pytest

from rumpf.errors import RumpfError
from rumpf.testing.faults import Faults
from rumpf.testing.kubectl import Kubectl
from rumpf.testing.logs import Logs
from rumpf.testing.namespaces import create_namespace, delete_namespace
from rumpf.testing.operators import Operators
from rumpf.testing.report import sections
from rumpf.testing.running import RunningCluster
from rumpf.testing.settings import Settings, add_options

if TYPE_CHECKING:
    from rumpf.cluster import ClusterSpec

_WORKER_SAYS = "rumpf"


@dataclass
class Scene:
    """What one test has of the cluster, for the report if it fails."""

    kubectl: Kubectl | None = None
    pods_run: bool = True
    faults: Faults | None = None
    logs: Logs | None = None
    failed: bool = False


@dataclass
class Notes:
    """What is to be said at the end of the run."""

    lines: list[str] = field(default_factory=list[str])


_SETTINGS = pytest.StashKey[Settings]()
_NOTES = pytest.StashKey[Notes]()
_SCENE = pytest.StashKey[Scene]()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the options."""
    add_options(parser, pluginmanager)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and get ready without doing anything yet."""
    config.addinivalue_line(
        "markers",
        "nodes(kind, ...): this test needs nodes of that kind (real, fake, none); it is skipped, with the "
        "reason, where the cluster has others",
    )
    config.stash[_SETTINGS] = Settings(config)
    config.stash[_SETTINGS].check()
    config.stash[_NOTES] = Notes()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs other nodes than there are, before a cluster comes up for it."""
    if item.get_closest_marker("nodes"):
        _skip_on_other_nodes(item, *item.config.stash[_SETTINGS].nodes)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Attach to a failed test's report what a person would look for."""
    report = cast("pytest.TestReport", (yield))
    scene = item.stash.get(_SCENE, None)
    if scene is not None and report.failed:
        scene.failed = True
        if report.when != "teardown":
            report.sections += [(f"rumpf: {title}", text) for title, text in _found(scene)]
    return report  # type: ignore[return-value]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which clusters are still up, and why Pods were simulated."""
    lines = dict.fromkeys(config.stash[_NOTES].lines)
    if lines:
        terminalreporter.section("rumpf")
        for line in lines:
            terminalreporter.line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker of pytest-xdist would say to the one that prints."""
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_WORKER_SAYS] = session.config.stash[_NOTES].lines


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: "_Worker") -> None:
    """Hear what a worker of pytest-xdist would say."""
    # One that crashed has put nothing out.
    output: dict[str, list[str]] = getattr(node, "workeroutput", {})
    node.config.stash[_NOTES].lines += output.get(_WORKER_SAYS, [])


class _Worker(Protocol):
    """As much of pytest-xdist, which may not be there, as is used."""

    config: pytest.Config


@pytest.fixture(scope="session")
def cluster_spec(request: pytest.FixtureRequest) -> "ClusterSpec":
    """What an embedded cluster is to be like; override it for another version, an audit log, more nodes."""
    return _settings(request).spec()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, cluster_spec: "ClusterSpec") -> Iterator[RunningCluster]:
    """The cluster that --cluster and --nodes ask for; with pytest-xdist, each worker has its own."""
    settings, notes = _settings(request), request.config.stash[_NOTES]
    with ExitStack() as stack:
        with _told_plainly():
            running = stack.enter_context(settings.cluster(cluster_spec))
        _, reason = settings.nodes
        if running.nodes == "fake" and not settings.chose_nodes:
            notes.lines.append(f"Pods were only simulated (fake nodes): {reason}")
        if settings.keep:
            notes.lines += _kept(running)
        yield running


@pytest.fixture
def namespace(request: pytest.FixtureRequest, cluster: RunningCluster) -> Iterator[str]:
    """The name of a namespace that is this test's own; afterwards it is deleted, and its Pods killed at once.

    With --keep-cluster, a failed test's namespace stays as it is.
    """
    # Only now is it known what nodes an existing cluster has.
    _skip_on_other_nodes(cast("pytest.Item", request.node), cluster.nodes, f"the cluster is {cluster.name}")
    everybody = Kubectl(cluster.kubectl, cluster.kubeconfig)
    name = create_namespace(everybody, request.node.nodeid)
    scene = _scene(request)
    scene.kubectl, scene.pods_run = everybody.within(name), cluster.nodes == "real"
    yield name
    if scene.failed and _settings(request).keep:
        by_hand = f"kubectl --kubeconfig {shlex.quote(str(cluster.kubeconfig))} -n {name} get events,pods"
        request.config.stash[_NOTES].lines.append(f"  {request.node.nodeid} failed here:\n    {by_hand}")
    else:
        delete_namespace(everybody, name)


@pytest.fixture
def kubectl(cluster: RunningCluster, namespace: str) -> Kubectl:
    """Run kubectl as a function, as administrator, in the test's own namespace."""
    return Kubectl(cluster.kubectl, cluster.kubeconfig, namespace)


@pytest.fixture
def faults(request: pytest.FixtureRequest, cluster: RunningCluster, namespace: str) -> Iterator[Faults]:
    """The faults that this test can inject. Each ends with its block, and all end with the test."""
    injected = Faults(cluster, namespace)
    _scene(request).faults = injected
    yield injected
    with _told_plainly():
        injected.close()


@pytest.fixture
def rumpf_logs(request: pytest.FixtureRequest) -> Logs:
    """Where to add logs (files, or functions that return text) that are shown if this test fails."""
    logs = Logs()
    _scene(request).logs = logs
    return logs


@pytest.fixture
def operators(kubectl: Kubectl, namespace: str, tmp_path: Path, rumpf_logs: Logs) -> Iterator[Operators]:
    """The project's operators, to be run in the test's namespace with their own RBAC, and killed at will."""
    running = Operators(kubectl, namespace, tmp_path, rumpf_logs)
    yield running
    running.close()


@pytest.fixture(scope="session")
def busybox(request: pytest.FixtureRequest, cluster: RunningCluster) -> str:
    """The name of an image with a shell and busybox's other programs, in the cluster's nodes."""
    from rumpf.cluster.busybox import IMAGE, busybox_archive
    from rumpf.testing.progress import Progress

    if cluster.nodes == "real":
        with _told_plainly():
            cluster.load(busybox_archive(Progress(request.config)))
    return IMAGE


@contextmanager
def _told_plainly() -> Generator[None]:
    """Turn our own errors into failures without a traceback: the message says it all."""
    try:
        yield
    except RumpfError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def _settings(request: pytest.FixtureRequest) -> Settings:
    return request.config.stash[_SETTINGS]


def _skip_on_other_nodes(item: pytest.Item, nodes: str, reason: str) -> None:
    for marker in item.iter_markers("nodes"):
        if not marker.args or not {"real", "fake", "none"}.issuperset(marker.args):
            # Else a slip of the pen would skip the test for ever.
            pytest.fail(f"nodes{marker.args}: the marker takes real, fake and none", pytrace=False)
        if nodes not in marker.args:
            because = f": {reason}" if reason else ""
            pytest.skip(f"needs {' or '.join(marker.args)} nodes; there are {nodes} ones{because}")


def _scene(request: pytest.FixtureRequest) -> Scene:
    return cast("pytest.Item", request.node).stash.setdefault(_SCENE, Scene())


def _found(scene: Scene) -> Generator[tuple[str, str]]:
    if scene.faults is not None and scene.faults.episodes.all:
        yield "faults", "\n".join(str(episode) for episode in scene.faults.episodes.all)
    if scene.kubectl is not None:
        yield from sections(scene.kubectl, pods_run=scene.pods_run)
    if scene.logs is not None:
        yield from scene.logs.tails()


def _kept(running: RunningCluster) -> Iterator[str]:
    nodes = {"real": "", "fake": ", fake nodes", "none": ", no nodes"}[running.nodes]
    yield f"cluster {running.name} ({running.backend}{nodes}) is still up:"
    yield f"  look inside:  export KUBECONFIG={shlex.quote(str(running.kubeconfig))}"
    if running.ended_by:
        yield f"  end it:       {running.ended_by}"
