"""What the tests of ConfigWatcher share."""

import dataclasses
from collections.abc import Iterator

import pytest

from rumpf.cluster import ClusterSpec, up
from rumpf.testing import Kubectl, Logs, Operators, RunningCluster
from rumpf.testing.embedded import Embedded
from tests.e2e.configwatcher.house import House
from tests.e2e.configwatcher.stage import IMAGE, Stage


@pytest.fixture(scope="session")
def fake_cluster(cluster_spec: ClusterSpec) -> Iterator[RunningCluster]:
    """A cluster in which Pods are Ready at once, and leave at once: for what does not depend on them.

    A module whose tests are to run there says: `cluster = on_fake_nodes`.
    """
    handle = up(dataclasses.replace(cluster_spec, name=f"{cluster_spec.name}-fake", nodes="fake"))
    yield Embedded(handle)
    handle.down()


@pytest.fixture(scope="session")
def house(fake_cluster: RunningCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The operator that tests on fake nodes share."""
    made = House(fake_cluster, tmp_path_factory.mktemp("house"))
    yield made
    made.close()


@pytest.fixture
def stage(
    request: pytest.FixtureRequest,
    cluster: RunningCluster,
    kubectl: Kubectl,
    operators: Operators,
    rumpf_logs: Logs,
) -> Iterator[Stage]:
    """ConfigWatchers, and what they watch, in the test's own namespace; CRD and rights are installed.

    Other grants than the default ones: `parametrize("stage", [{"secrets": True}], indirect=True)`.
    """
    if cluster.nodes == "real":
        # It would be loaded into whichever cluster asks first.
        made = Stage(kubectl, operators, request.getfixturevalue("busybox"))
    else:
        made = Stage(kubectl, operators, IMAGE, request.getfixturevalue("house"))
        rumpf_logs.add("operator that is shared", made.shared_log)
    if cluster.nodes == "real" or hasattr(request, "param"):
        made.install(**getattr(request, "param", {}))
    made.begin()
    yield made
    made.close()
