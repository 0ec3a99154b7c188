"""The control plane as data: etcd, the API server, the controllers, the scheduler.

etcd listens on a unix socket in the cluster's folder (0700): no port, no certificates of its own.
Leader election is off (there is one of each), and so is fsync: the data lives as long as the cluster.
"""

import json
from collections.abc import Mapping

from rumpf.cluster.kubeconfig import kubeconfig
from rumpf.cluster.layout import (
    API_SERVICE_ADDRESS,
    DNS_DOMAIN,
    NODE_ADDRESS,
    POD_RANGE,
    SERVICE_RANGE,
    Layout,
)
from rumpf.cluster.pki import Authority, signing_key
from rumpf.cluster.plan import Component, File

ISSUER = f"https://kubernetes.default.svc.{DNS_DOMAIN}"
ETCD_SOCKET = "etcd.sock"
# The defaults (20 requests a second) spare a shared API server; here they only make people wait.
_NO_WAITING = ("--kube-api-qps=2000", "--kube-api-burst=4000")
API_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    f"kubernetes.default.svc.{DNS_DOMAIN}",
)


class Credentials:
    """The authorities of one cluster, and who gets what from them."""

    def __init__(self, name: str, layout: Layout) -> None:
        self._name = name
        self._layout = layout
        self.authority = Authority(f"rumpf-{name}")
        self._front = Authority(f"rumpf-{name}-front-proxy")

    def kubeconfig(self, user: str, *groups: str, server: str | None = None) -> str:
        """A kubeconfig for `user`: certificate inside, verified both ways."""
        return kubeconfig(
            name=self._name,
            server=server or self._layout.api_local,
            authority=self.authority.certificate,
            client=self.authority.issue(user, groups=groups),
        )

    def admin(self) -> str:
        """The kubeconfig that the person who started the cluster gets."""
        return kubeconfig(
            name=f"rumpf-{self._name}",
            server=self._layout.api_url,
            authority=self.authority.certificate,
            client=self.authority.issue("rumpf-admin", groups=("system:masters",)),
        )

    def files(self) -> tuple[File, ...]:
        """What the API server reads, and the kubeconfigs of the controllers and the scheduler."""
        hosts = (
            *API_NAMES,
            "localhost",
            "127.0.0.1",
            API_SERVICE_ADDRESS,
            NODE_ADDRESS,
            self._layout.api_public,
        )
        serving = self.authority.issue("kube-apiserver", hosts=tuple(dict.fromkeys(hosts)))
        to_kubelet = self.authority.issue("kube-apiserver-kubelet-client")
        aggregator = self._front.issue("front-proxy-client")
        return (
            File("pki/ca.crt", self.authority.certificate, mode=0o644),
            File("pki/front-proxy-ca.crt", self._front.certificate, mode=0o644),
            File("pki/apiserver.crt", serving.certificate),
            File("pki/apiserver.key", serving.key),
            File("pki/apiserver-kubelet.crt", to_kubelet.certificate),
            File("pki/apiserver-kubelet.key", to_kubelet.key),
            File("pki/front-proxy.crt", aggregator.certificate),
            File("pki/front-proxy.key", aggregator.key),
            File("pki/service-account.key", signing_key()),
            # One identity for all controllers: an account for each of them costs 30 token requests
            # at start, and nobody audits the controllers of a throw-away cluster.
            File(
                "pki/controller-manager.kubeconfig",
                self.kubeconfig("system:kube-controller-manager", "system:masters"),
            ),
            File("pki/scheduler.kubeconfig", self.kubeconfig("system:kube-scheduler")),
            # The controllers sign CertificateSigningRequests with it.
            File("pki/ca.key", self.authority.key),
        )


def etcd(binaries: Mapping[str, str]) -> Component:
    """The store. Its peer and client URLs are names only: it listens on sockets."""
    return Component(
        "etcd",
        (
            binaries["etcd"],
            "--data-dir=etcd",
            f"--listen-client-urls=unix://{ETCD_SOCKET}",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=unix://etcd-peer.sock",
            "--initial-advertise-peer-urls=http://127.0.0.1:2380",
            "--initial-cluster=default=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
            "--snapshot-count=10000",
            "--log-level=warn",
        ),
    )


def api_server(
    binaries: Mapping[str, str], layout: Layout, *, audit: bool = False, trust_new_nodes: bool = False
) -> Component:
    """The API server: RBAC and Node authorization, anonymous access off, default admission.

    `trust_new_nodes`: a new Node takes Pods at once, not only when a controller has seen it Ready.
    """
    pki = layout.path("pki")
    reconciler = "lease" if layout.link else "none"
    auditing = (
        (
            f"--audit-policy-file={layout.path('audit-policy.yaml')}",
            f"--audit-log-path={layout.path('logs', 'audit.log')}",
        )
        if audit
        else ()
    )
    return Component(
        "kube-apiserver",
        (
            binaries["kube-apiserver"],
            f"--etcd-servers=unix://{ETCD_SOCKET}",
            f"--bind-address={layout.api_bind}",
            f"--secure-port={layout.api_port}",
            f"--advertise-address={NODE_ADDRESS}",
            f"--endpoint-reconciler-type={reconciler}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--client-ca-file={pki}/ca.crt",
            "--anonymous-auth=false",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={pki}/service-account.key",
            f"--service-account-signing-key-file={pki}/service-account.key",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet.key",
            "--kubelet-preferred-address-types=InternalIP",
            f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki}/front-proxy.crt",
            f"--proxy-client-key-file={pki}/front-proxy.key",
            "--allow-privileged=true",
            "--profiling=false",
            *(["--disable-admission-plugins=TaintNodesByCondition"] if trust_new_nodes else []),
            *auditing,
        ),
        # The others collect garbage twice as often as Go would, to be small. Here that would cost
        # a tenth of the processor in every test, and 0.4 s at start.
        env={"GOGC": "100"},
    )


def controllers(binaries: Mapping[str, str], layout: Layout) -> Component:
    """The controller manager."""
    pki = layout.path("pki")
    return Component(
        "kube-controller-manager",
        (
            binaries["kube-controller-manager"],
            f"--kubeconfig={pki}/controller-manager.kubeconfig",
            f"--service-account-private-key-file={pki}/service-account.key",
            f"--root-ca-file={pki}/ca.crt",
            f"--cluster-signing-cert-file={pki}/ca.crt",
            f"--cluster-signing-key-file={pki}/ca.key",
            f"--cluster-cidr={POD_RANGE}",
            f"--flex-volume-plugin-dir={layout.path('flexvolume')}",
            "--leader-elect=false",
            *_NO_WAITING,
            "--secure-port=0",
            "--profiling=false",
        ),
        after="ready",
    )


def scheduler(binaries: Mapping[str, str], layout: Layout) -> Component:
    """The scheduler."""
    return Component(
        "kube-scheduler",
        (
            binaries["kube-scheduler"],
            f"--kubeconfig={layout.path('pki')}/scheduler.kubeconfig",
            "--leader-elect=false",
            *_NO_WAITING,
            "--secure-port=0",
            "--profiling=false",
        ),
        after="ready",
    )


def audit_files() -> tuple[File, ...]:
    """The policy of a cluster that records who asked for what (no bodies: they may hold secrets)."""
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    }
    return (File("audit-policy.yaml", json.dumps(policy)),)
