"""Networks cut and slowed, as the Pods see it."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from rumpf.errors import FaultError
from rumpf.image.oci import File, write_archive
from rumpf.testing import Faults, Kubectl, RunningCluster
from rumpf.testing.embedded import Embedded
from rumpf.testing.faults.world import World
from tests.e2e.inside import Object, Pods, apply, mounted, service

pytestmark = pytest.mark.nodes("real")

API_ADDRESSES = ("10.96.0.1 443", "172.31.255.1 6443", "kubernetes.default 443")


@pytest.fixture
def world(cluster: RunningCluster) -> World:
    """The inside of the cluster, to see what a fault leaves there."""
    assert isinstance(cluster, Embedded)
    return World(cluster.handle)


def test_a_pod_cut_from_the_api_server_loses_it_and_finds_it_again(pods: Pods, faults: Faults) -> None:
    pods.run("one", "other")
    assert all(pods.reaches_api("one", address) for address in API_ADDRESSES)
    with faults.cut("one", "api"):
        assert not any(pods.reaches_api("one", address) for address in API_ADDRESSES)
        assert pods.reaches_api("other"), "only the one is cut off"
        assert pods.reaches("one", pods.address("other")), "and only from the API server"
    assert all(pods.reaches_api("one", address) for address in API_ADDRESSES)


def test_an_open_connection_to_the_api_server_falls_silent_and_goes_on_afterwards(
    pods: Pods, faults: Faults
) -> None:
    pods.run("one")
    pods.sh("one", "mkfifo /in")
    pods.start("one", "nc 10.96.0.1 443 < /in > /out")
    pods.start("one", "exec sleep 1000 > /in")
    pods.until("one", "netstat -tn | grep -q ESTABLISHED")
    with faults.cut("one", "api"):
        pods.sh("one", r"printf 'GET / HTTP/1.0\r\n\r\n' > /in")
        assert pods.sh("one", "sleep 1; cat /out") == ""
    pods.until("one", "grep -q HTTPS /out")


def test_two_pods_cut_from_each_other_reach_all_but_each_other(
    pods: Pods, faults: Faults, kubectl: Kubectl
) -> None:
    pods.run("one", "two", "three")
    apply(kubectl, service("two"))
    pods.until("one", "wget -q -O - http://two:8080/")
    with faults.cut("one", "two"):
        assert not pods.reaches("one", pods.address("two"))
        assert not pods.reaches("two", pods.address("one"))
        assert not pods.reaches("one", "two"), "nor through a Service"
        assert pods.reaches("three", "two")
        assert pods.reaches("one", pods.address("three"))
        assert pods.reaches_api("one")
    assert pods.reaches("one", pods.address("two"))
    assert pods.reaches("two", pods.address("one"))
    assert pods.reaches("one", "two")


def test_a_pod_cut_from_everything_is_alone_but_can_still_be_looked_into(pods: Pods, faults: Faults) -> None:
    pods.run("one", "other")
    with faults.cut("one"):
        assert pods.sh("one", "echo still here") == "still here\n"
        assert not pods.reaches("one", pods.address("other"))
        assert not pods.reaches("other", pods.address("one"))
        assert not pods.reaches_api("one")
        assert not pods.tries("one", "timeout 1 nslookup kubernetes.default.svc.cluster.local")
    assert pods.reaches("one", pods.address("other"))
    assert pods.reaches("other", pods.address("one"))
    assert pods.reaches_api("one")
    assert pods.tries("one", "timeout 1 nslookup kubernetes.default.svc.cluster.local")


def test_of_two_cuts_the_one_that_still_lasts_still_cuts(pods: Pods, faults: Faults) -> None:
    pods.run("one")
    with faults.cut("one", "api"):
        with faults.cut("one", "api"):
            assert not pods.reaches_api("one")
        assert not pods.reaches_api("one")
    assert pods.reaches_api("one")


def test_nothing_of_a_cut_or_a_slow_wire_is_left_also_when_the_test_fails(
    pods: Pods, faults: Faults, world: World
) -> None:
    pods.run("one", "two")
    before = _network(world)

    def fail_during(fault: AbstractContextManager[None]) -> None:
        with pytest.raises(ZeroDivisionError), fault:
            _fail(_network(world) != before)

    fail_during(faults.cut("one"))
    fail_during(faults.cut("one", "api"))
    fail_during(faults.cut("one", "two"))
    fail_during(faults.slow("one", rate="1mbit"))
    assert _network(world) == before


def test_a_cut_that_cannot_be_undone_says_so_and_does_not_hide_why_the_test_failed(
    pods: Pods, faults: Faults, world: World
) -> None:
    pods.run("one")
    with pytest.raises(ZeroDivisionError) as failure, faults.cut("one", "api"):
        _fail(_take_away_the_rules(world))
    assert any("could not be undone" in note for note in failure.value.__notes__)
    with pytest.raises(FaultError, match="could not be undone"), faults.cut("one", "api"):
        assert _take_away_the_rules(world)


@pytest.mark.parametrize("receiver", ["slow", "other"])
def test_a_slow_pod_takes_long_both_to_receive_and_to_send(pods: Pods, faults: Faults, receiver: str) -> None:
    pods.run("slow", "other")
    sender = {"slow": "other", "other": "slow"}[receiver]
    pods.sh(sender, "dd if=/dev/zero of=/tmp/much bs=1k count=200")
    fetch = f"wget -q -O /dev/null http://{pods.address(sender)}:8080/much"
    assert pods.seconds(receiver, fetch) < 0.5
    with faults.slow("slow", rate="1mbit"):
        assert pods.seconds(receiver, fetch) > 1.2, "200 KiB at 1 Mbit/s take 1.6 s"
    assert pods.seconds(receiver, fetch) < 0.5


def test_a_delayed_pod_takes_that_much_longer_to_answer(pods: Pods, faults: Faults) -> None:
    pods.run("far", "other")
    fetch = f"wget -q -O /dev/null http://{pods.address('far')}:8080/"
    assert pods.seconds("other", fetch) < 0.2
    try:
        with faults.slow("far", delay="200ms"):
            assert pods.seconds("other", fetch) > 0.8, "twice there and back"
    except FaultError as error:
        if "sch_netem" not in error.what:
            raise
        pytest.skip(error.what)
    assert pods.seconds("other", fetch) < 0.2


def test_a_pod_may_go_while_its_network_is_disturbed(
    pods: Pods, faults: Faults, kubectl: Kubectl, world: World
) -> None:
    pods.run("one")
    before = _network(world)
    with faults.slow("one", rate="1mbit"), faults.cut("one"):
        kubectl("delete", "pod", "one", "--grace-period=1")
    assert not set(_network(world)) - set(before)


def test_a_pod_that_is_not_there_or_has_no_network_of_its_own_is_refused(pods: Pods, faults: Faults) -> None:
    pods.run("one")
    pods.run("lodger", script="sleep 1000", hostNetwork=True)
    with pytest.raises(FaultError, match="there is no such Pod"):
        faults.cut("nobody")
    with pytest.raises(FaultError, match="there is no such Pod"):
        faults.cut("one", "nobody")
    with pytest.raises(FaultError, match="no address of its own"):
        faults.slow("lodger", rate="1mbit")


def test_a_client_in_a_pod_works_through_the_api_proxy(
    pods: Pods, faults: Faults, kubectl: Kubectl, go_client: str
) -> None:
    with faults.proxy(for_pods=True) as proxy:
        apply(kubectl, *_creates_a_configmap(pods, go_client, proxy.kubeconfig))
        pods.wait_for("client", "{.status.phase}", "Succeeded")
        (request,) = proxy.requests(verb="create", resource="configmaps")
    assert request.status == 201
    assert "from-inside" in kubectl("get", "configmaps")


def test_a_client_in_a_pod_is_killed_right_before_its_write_and_does_it_when_it_is_back(
    pods: Pods, faults: Faults, kubectl: Kubectl, go_client: str
) -> None:
    with faults.proxy(for_pods=True) as proxy:
        with proxy.kill_before(lambda: faults.kill_container("client"), resource="configmaps") as kill:
            apply(kubectl, *_creates_a_configmap(pods, go_client, proxy.kubeconfig))
            kill.wait()
        pods.wait_for("client", "{.status.phase}", "Succeeded")
        statuses = [request.status for request in proxy.requests(verb="create", resource="configmaps")]
    assert statuses == [None, 201]
    assert pods.restarts("client") == 1


def test_a_cut_from_the_api_server_cuts_the_way_through_a_proxy_too(pods: Pods, faults: Faults) -> None:
    pods.run("one")
    with faults.proxy(for_pods=True) as proxy:
        connects = f"timeout 1 nc {proxy.server.removeprefix('https://').replace(':', ' ')} < /dev/null"
        assert pods.tries("one", connects)
        with faults.cut("one", "api"):
            assert not pods.tries("one", connects)
        assert pods.tries("one", connects)


@pytest.fixture(scope="module")
def go_client(cluster: RunningCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an image with kubectl and nothing else."""
    archive, name = tmp_path_factory.mktemp("image") / "kubectl.tar", "rumpf.local/kubectl:1"
    write_archive(archive, name=name, files={"/kubectl": File(cluster.kubectl, mode=0o755)})
    cluster.load(archive)
    return name


def _creates_a_configmap(pods: Pods, image: str, kubeconfig: Path) -> tuple[Object, Object]:
    """Return a Pod that creates a ConfigMap with that kubeconfig, and the Secret that this is in."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "proxy"},
        "stringData": {"kubeconfig": kubeconfig.read_text()},
    }
    volume = mounted(secret={"secretName": "proxy"})
    volume["container"] |= {
        "image": image,
        "command": ["/kubectl", "--kubeconfig=/data/kubeconfig", f"--namespace={pods.kubectl.namespace}"],
        "args": ["create", "configmap", "from-inside"],
    }
    return secret, pods.manifest("client", restartPolicy="OnFailure", **volume)


def _network(world: World) -> list[str]:
    """Return what a fault could leave: rules of ours, and queueing disciplines."""
    rules = [line for line in world.run("iptables-save").splitlines() if "rumpf-" in line]
    names = [line.split()[0] for line in world.run("ip", "netns", "list").splitlines()]
    queues = [
        line for name in names for line in world.run("tc", "-netns", name, "qdisc", "show").splitlines()
    ]
    return sorted(rules + queues + world.run("tc", "qdisc", "show").splitlines())


def _fail(as_expected: object) -> None:
    """Fail the way that a test does; it must come to that as expected."""
    assert as_expected
    raise ZeroDivisionError


def _take_away_the_rules(world: World) -> list[str]:
    rules = [line for line in world.run("iptables-save", "-t", "filter").splitlines() if "rumpf-" in line]
    taken = "\n".join(["*filter", *(rule.replace("-A", "-D", 1) for rule in rules), "COMMIT", ""])
    world.run("iptables-restore", "--noflush", given=taken)
    return rules
