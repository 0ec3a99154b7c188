"""A real node as data: containerd, kubelet, kube-proxy, DNS, and the configuration of each.

The node lives in the cluster's own network, mount and process namespaces, so the paths are the
usual ones (`/run/containerd`, `/var/lib/kubelet`) and no two clusters meet.
"""

import json
from collections.abc import Mapping

from rumpf.cluster.containerd import SOCKET, containerd_config
from rumpf.cluster.controlplane import Credentials
from rumpf.cluster.layout import (
    DNS_DOMAIN,
    DNS_SERVICE_ADDRESS,
    NODE_ADDRESS,
    NODE_NAME,
    POD_RANGE,
    Layout,
)
from rumpf.cluster.plan import Component, File
from rumpf.image.pause import SANDBOX_IMAGE

_MTU = 1500


def node_files(credentials: Credentials, layout: Layout, snapshotter: str) -> tuple[File, ...]:
    """The configuration of every component of the node."""
    serving = credentials.authority.issue(
        f"system:node:{NODE_NAME}", groups=("system:nodes",), hosts=(NODE_NAME, NODE_ADDRESS, "127.0.0.1")
    )
    return (
        File("pki/kubelet.crt", serving.certificate),
        File("pki/kubelet.key", serving.key),
        File("pki/kubelet.kubeconfig", credentials.kubeconfig(f"system:node:{NODE_NAME}", "system:nodes")),
        File("pki/proxy.kubeconfig", credentials.kubeconfig("system:kube-proxy")),
        File("pki/coredns.kubeconfig", credentials.kubeconfig("rumpf:dns")),
        File("containerd.toml", containerd_config(layout, SANDBOX_IMAGE, snapshotter)),
        File("kubelet.json", _kubelet(layout)),
        File("proxy.json", _proxy(layout)),
        File("cni/10-pods.conflist", _pod_network()),
        File("Corefile", _dns(layout)),
        File("resolv.conf", "", mode=0o644),
    )


def node_components(binaries: Mapping[str, str], layout: Layout) -> tuple[Component, ...]:
    """The container runtime at once; what talks to the API server when that answers."""
    return (
        Component("containerd", (binaries["containerd"], f"--config={layout.path('containerd.toml')}")),
        Component(
            "kubelet",
            (
                binaries["kubelet"],
                f"--config={layout.path('kubelet.json')}",
                f"--kubeconfig={layout.path('pki', 'kubelet.kubeconfig')}",
                f"--hostname-override={NODE_NAME}",
                f"--node-ip={NODE_ADDRESS}",
            ),
            after="serving",
        ),
        Component(
            "kube-proxy", (binaries["kube-proxy"], f"--config={layout.path('proxy.json')}"), after="serving"
        ),
        Component("coredns", (binaries["coredns"], f"-conf={layout.path('Corefile')}"), after="serving"),
    )


def _kubelet(layout: Layout) -> str:
    return _json(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True, "cacheTTL": "2m"},
                "x509": {"clientCAFile": layout.path("pki", "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": layout.path("pki", "kubelet.crt"),
            "tlsPrivateKeyFile": layout.path("pki", "kubelet.key"),
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "clusterDNS": [DNS_SERVICE_ADDRESS],
            "clusterDomain": DNS_DOMAIN,
            "resolvConf": layout.path("resolv.conf"),
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": False,
            # The cluster shares the machine with everything else on it: it reserves and evicts nothing.
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "localStorageCapacityIsolation": False,
            "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
            "imageGCHighThresholdPercent": 100,
            "failSwapOn": False,
            "kubeAPIQPS": 1000,
            "kubeAPIBurst": 2000,
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
            "oomScoreAdj": 0,
            "registerWithTaints": [],
            "staticPodPath": "",
            "volumePluginDir": layout.path("flexvolume"),
            "serializeImagePulls": False,
            "shutdownGracePeriod": "0s",
            "nodeStatusUpdateFrequency": "10s",
            "syncFrequency": "30s",
            "volumeStatsAggPeriod": "-1s",
            "enableProfilingHandler": False,
            "logging": {"verbosity": 1},
        }
    )


def _proxy(layout: Layout) -> str:
    return _json(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": layout.path("pki", "proxy.kubeconfig")},
            "clusterCIDR": POD_RANGE,
            "hostnameOverride": NODE_NAME,
            "mode": "iptables",
            "iptables": {"minSyncPeriod": "0s", "syncPeriod": "30s"},
            "healthzBindAddress": "127.0.0.1:10256",
            "metricsBindAddress": "127.0.0.1:10249",
            # These are limits of the whole machine: not ours to change.
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
            "oomScoreAdj": 0,
        }
    )


def _pod_network() -> str:
    # A routed wire for each Pod instead of a bridge: replies of a Service pass the node's address
    # translation even where the kernel has no br_netfilter, and each wire can be cut or slowed alone.
    return _json(
        {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "ptp",
                    "mtu": _MTU,
                    "ipMasq": False,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": "/run/cni-addresses",
                        "ranges": [[{"subnet": POD_RANGE}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        }
    )


def _dns(layout: Layout) -> str:
    # Names outside the cluster are answered with "no such name" at once: there is no way out to ask.
    return f"""\
{DNS_DOMAIN}:53 in-addr.arpa:53 ip6.arpa:53 {{
    bind {NODE_ADDRESS}
    errors
    kubernetes {DNS_DOMAIN} in-addr.arpa ip6.arpa {{
        kubeconfig {layout.path("pki", "coredns.kubeconfig")}
        pods insecure
        ttl 5
    }}
}}
.:53 {{
    bind {NODE_ADDRESS}
    errors
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def _json(value: object) -> str:
    return json.dumps(value, indent=1)
