"""The faults that a test can inject: one call each, and each undoes itself at the end of its block."""

from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from rumpf.errors import FaultError
from rumpf.testing.faults import components, containers, network
from rumpf.testing.faults.edge import Block, Told
from rumpf.testing.faults.episodes import Episodes
from rumpf.testing.faults.pods import Pod, addressed, find_pod
from rumpf.testing.faults.slow import queueing, slow
from rumpf.testing.faults.volumes import fill
from rumpf.testing.faults.world import World

if TYPE_CHECKING:
    from rumpf.cluster import Cluster
    from rumpf.testing.proxy import ApiProxy
    from rumpf.testing.running import RunningCluster

_REMEDY = (
    "run these tests with --cluster embedded --nodes real (Linux, root or sudo), or with --cluster existing "
    "on what `rumpf cluster up` made"
)


class ProxyOptions(TypedDict, total=False):
    """What else an ApiProxy can be told; see there."""

    port: int
    bodies: bool
    folder: Path


class Faults:
    """Disturbs one cluster, really. A fault is a `with` block, and undone when that ends, however it ends.

    A Pod is named as `name`, in the test's namespace, or as `namespace/name`. All but `proxy` need a cluster
    of rumpf's own, and all that concern Pods need one with real nodes. Whatever cannot be done, or makes no
    sense, raises FaultError.
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
        __tracebackhide__ = True
        with Told():
            cluster = self._embedded("kill a component")
            components.check(cluster, component)
            return Block(components.killed(cluster, self.episodes, component))

    def kill(self, component: str) -> None:
        """Kill a component; it starts again by itself. Waits until it is back, as `killed` does."""
        __tracebackhide__ = True
        with Told():
            cluster = self._embedded("kill a component")
            components.check(cluster, component)
            components.kill(cluster, self.episodes, component)

    def frozen(self, component: str) -> AbstractContextManager[None]:
        """Freeze a component (SIGSTOP) for the block: its connections stay open, and it answers nothing."""
        __tracebackhide__ = True
        with Told():
            cluster = self._embedded("freeze a component")
            components.check(cluster, component)
            return Block(components.frozen(cluster, self.episodes, component))

    # The network.

    def cut(self, pod: str, other: str | None = None) -> AbstractContextManager[None]:
        """Drop all packets between a Pod and `other` for the block, also those of established connections.

        `other` is "api" (the API server, through its Service, any of its addresses, or an API proxy),
        another Pod, or None: everything, which includes the kubelet's network probes. `kubectl exec` and
        `logs` do not take the Pod's network and still work. Packets are lost in silence, as in a real
        partition: clients hang until their own timeouts. What "api" does not cut: calls that the API
        server makes to the Pod (webhooks), because they cannot be told from the kubelet's probes.
        """
        __tracebackhide__ = True
        with Told():
            world = self._world("cut a Pod's network")
            one = self._pod(world, pod)
            if other is None:
                what, rules = f"{one} cut off from everything", network.everything(one)
            elif other == network.API:
                what, rules = f"{one} cut off from the API server", network.to_api_server(one)
            else:
                two = self._pod(world, other)
                what, rules = f"{one} and {two} cut off", network.between(one, two)
            return Block(network.cut(world, self.episodes, what, rules))

    def slow(
        self, pod: str, *, rate: str | None = None, delay: str | None = None
    ) -> AbstractContextManager[None]:
        """Slow a Pod's network for the block, both ways: `rate` as "1mbit", `delay` as "100ms" (each way).

        A delay takes a kernel with sch_netem; FaultError where it has none.
        """
        __tracebackhide__ = True
        with Told():
            world = self._world("slow a Pod's network")
            discipline = queueing(rate, delay)
            return Block(slow(world, self.episodes, self._pod(world, pod), discipline))

    # Containers and their volumes.

    def kill_container(self, pod: str, container: str | None = None, signal: str = "KILL") -> None:
        """Send a signal to the main process of a Pod's container, the first one if not named.

        After KILL, waits until the Pod's status tells of it, so that a wait for Ready waits for the next
        one. What comes next is the kubelet's: there is nothing to undo.
        """
        __tracebackhide__ = True
        with Told():
            world = self._world("kill a container")
            found = find_pod(world, self.namespace, pod)
            containers.kill_container(world, self.episodes, found, container, signal)

    def fill(self, pod: str, path: str, *, container: str | None = None) -> AbstractContextManager[None]:
        """Fill the volume at `path` in a Pod for the block, until nothing more fits.

        Only a small file system of its own: a PersistentVolumeClaim's, or an emptyDir's with `medium:
        Memory` and a `sizeLimit`. Everything else is refused, or it would be the machine's disk.
        """
        __tracebackhide__ = True
        with Told():
            world = self._world("fill a volume")
            found = find_pod(world, self.namespace, pod)
            return Block(fill(world, self.episodes, found, path, container))

    # Requests.

    def proxy(
        self, *, for_pods: bool = False, **options: Unpack[ProxyOptions]
    ) -> AbstractContextManager["ApiProxy"]:
        """Put an API proxy before the cluster's API server for the block; its clients use its kubeconfig.

        It listens on the loopback. With `for_pods`, it listens at this machine's end of an embedded
        cluster's wire, where Pods reach it too, and nobody else.
        """
        __tracebackhide__ = True
        with Told():
            world = self._world("reach a proxy on this machine from a Pod") if for_pods else None
            return Block(self._proxied(world, options))

    @contextmanager
    def _proxied(self, world: World | None, options: ProxyOptions) -> Generator["ApiProxy"]:
        from rumpf.testing.proxy import ApiProxy

        with ExitStack() as stack:
            bind = "127.0.0.1"
            if world is not None:
                from rumpf.cluster.layout import POD_RANGE

                stack.enter_context(network.way_out(world, self.episodes, POD_RANGE))
                bind = world.cluster.machine_address or ""
            with ApiProxy(self.cluster.kubeconfig, bind=bind, **options) as proxy:
                yield proxy

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
