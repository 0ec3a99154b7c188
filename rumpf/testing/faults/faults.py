"""The faults that a test can inject: one call each, and each undoes itself at the end of its block."""

from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from rumpf.errors import FaultError
from rumpf.testing.faults import components, containers, network
from rumpf.testing.faults.episodes import Episodes
from rumpf.testing.faults.pods import Pod, addressed, find_pod
from rumpf.testing.faults.slow import slow
from rumpf.testing.faults.volumes import fill
from rumpf.testing.faults.world import World

if TYPE_CHECKING:
    from rumpf.cluster import Cluster
    from rumpf.testing.proxy import ApiProxy
    from rumpf.testing.running import RunningCluster

_REMEDY = "run these tests with --cluster embedded --nodes real (Linux, root or sudo)"


class ProxyOptions(TypedDict, total=False):
    """What else an ApiProxy can be told; see there."""

    port: int
    bodies: bool
    folder: Path


class Faults:
    """Disturbs one cluster, really. A fault is a `with` block, and undone when that ends, however it ends.

    A Pod is named as `name`, in the test's namespace, or as `namespace/name`. All but `proxy` need an
    embedded cluster, and all that concern Pods need one with real nodes; else they raise FaultError.
    """

    def __init__(self, cluster: "RunningCluster", namespace: str = "default") -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.episodes = Episodes()
        """What was done so far, and when."""

    # The cluster's own processes.

    def killed(self, component: str) -> AbstractContextManager[None]:
        """Kill kube-apiserver, etcd, or another component; it stays down for the block.

        Afterwards waits until the API server is ready and as many nodes are Ready as before.
        """
        return components.killed(self._embedded("kill a component"), self.episodes, component)

    def kill(self, component: str) -> None:
        """Kill a component; it starts again by itself. Waits until it is back, as `killed` does."""
        components.kill(self._embedded("kill a component"), self.episodes, component)

    def frozen(self, component: str) -> AbstractContextManager[None]:
        """Freeze a component (SIGSTOP) for the block: its connections stay open, and it answers nothing."""
        return components.frozen(self._embedded("freeze a component"), self.episodes, component)

    # The network.

    def cut(self, pod: str, other: str | None = None) -> AbstractContextManager[None]:
        """Drop all packets between a Pod and `other` for the block, also those of established connections.

        `other` is "api" (the API server, through its Service, any of its addresses, or an API proxy),
        another Pod, or None: everything, which includes the kubelet's network probes. `kubectl exec` and
        `logs` do not take the Pod's network and still work. Packets are lost in silence, as in a real
        partition: clients hang until their own timeouts. What "api" does not cut: calls that the API
        server makes to the Pod (webhooks), because they cannot be told from the kubelet's probes.
        """
        world = self._world("cut a Pod's network")
        one = self._pod(world, pod)
        if other is None:
            return network.cut(
                world, self.episodes, f"{one} cut off from everything", network.everything(one)
            )
        if other == network.API:
            return network.cut(
                world, self.episodes, f"{one} cut off from the API server", network.to_api_server(one)
            )
        two = self._pod(world, other)
        return network.cut(world, self.episodes, f"{one} and {two} cut off", network.between(one, two))

    def slow(
        self, pod: str, *, rate: str | None = None, delay: str | None = None
    ) -> AbstractContextManager[None]:
        """Slow a Pod's network for the block, both ways: `rate` as "1mbit", `delay` as "100ms" (each way).

        A delay takes a kernel with sch_netem; FaultError where it has none.
        """
        world = self._world("slow a Pod's network")
        return slow(world, self.episodes, self._pod(world, pod), rate, delay)

    # Containers and their volumes.

    def kill_container(self, pod: str, container: str | None = None, signal: str = "KILL") -> None:
        """Send a signal to the main process of a Pod's container, the first one if not named.

        After KILL, waits until the Pod's status tells of it, so that a wait for Ready waits for the next
        one. What comes next is the kubelet's: there is nothing to undo.
        """
        world = self._world("kill a container")
        containers.kill_container(
            world, self.episodes, find_pod(world, self.namespace, pod), container, signal
        )

    def fill(self, pod: str, path: str, *, container: str | None = None) -> AbstractContextManager[None]:
        """Fill the volume at `path` in a Pod for the block, until nothing more fits.

        Only a small file system of its own: a PersistentVolumeClaim's, or an emptyDir's with `medium:
        Memory` and a `sizeLimit`. Everything else is refused, or it would be the machine's disk.
        """
        world = self._world("fill a volume")
        return fill(world, self.episodes, find_pod(world, self.namespace, pod), path, container)

    # Requests.

    @contextmanager
    def proxy(self, *, for_pods: bool = False, **options: Unpack[ProxyOptions]) -> Generator["ApiProxy"]:
        """Put an API proxy before the cluster's API server for the block; its clients use its kubeconfig.

        It listens on the loopback. With `for_pods`, it listens at this machine's end of an embedded
        cluster's wire, where Pods reach it too, and nobody else.
        """
        from rumpf.testing.proxy import ApiProxy

        with ExitStack() as stack:
            bind = "127.0.0.1"
            if for_pods:
                bind = stack.enter_context(self._way_to_machine())
            with ApiProxy(self.cluster.kubeconfig, bind=bind, **options) as proxy:
                yield proxy

    @contextmanager
    def _way_to_machine(self) -> Generator[str]:
        from rumpf.cluster.layout import POD_RANGE

        world = self._world("reach a proxy on this machine from a Pod")
        with network.way_out(world, self.episodes, POD_RANGE):
            yield world.cluster.machine_address or ""

    # Its end.

    def close(self) -> None:
        """Undo what still lasts. Called at the end of the test."""
        self.episodes.close()

    def _embedded(self, deed: str) -> "Cluster":
        from rumpf.testing.embedded import Embedded

        if not isinstance(self.cluster, Embedded):
            raise FaultError(
                f"cannot {deed}: this cluster is not rumpf's own ({self.cluster.backend})",
                remedy=_REMEDY,
                where=self.cluster.name,
            )
        return self.cluster.handle

    def _world(self, deed: str) -> World:
        cluster = self._embedded(deed)
        if cluster.nodes != "real":
            raise FaultError(
                f"cannot {deed}: no Pods run here ({cluster.nodes} nodes)",
                remedy=_REMEDY,
                where=cluster.name,
            )
        return World(cluster)

    def _pod(self, world: World, name: str) -> Pod:
        return addressed(find_pod(world, self.namespace, name))
