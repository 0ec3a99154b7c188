"""The provider of volumes as data: how it is started, and who it is to the API server."""

from rumpf.cluster.controlplane import Credentials
from rumpf.cluster.interpreter import python
from rumpf.cluster.layout import Layout
from rumpf.cluster.plan import Component, File

_KUBECONFIG = ("pki", "volumes.kubeconfig")


def volumes_file(credentials: Credentials) -> File:
    """Its kubeconfig."""
    return File("/".join(_KUBECONFIG), credentials.kubeconfig("rumpf:volumes"))


def volumes_component(layout: Layout) -> Component:
    """The process; on a real node it mounts, else it only says so."""
    folder = (layout.path("volumes"),) if layout.link else ()
    argv = (*python("rumpf.cluster.volumes"), layout.path(*_KUBECONFIG), *folder)
    return Component("volumes", argv, after="ready")
