"""Fake nodes as data: kwok plays the kubelets, and its stages say how Pods and Nodes move on."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rumpf.cluster.controlplane import Credentials
from rumpf.cluster.layout import Layout
from rumpf.cluster.plan import Component, File

MARK = "rumpf.dev/fake-node"
_RANGE = "10.244.0.1/16"


def fake_files(credentials: Credentials) -> tuple[File, ...]:
    """Its kubeconfig and its stages."""
    stages = "\n---\n".join(json.dumps(stage, indent=1) for stage in _stages())
    return (
        File("pki/kwok.kubeconfig", credentials.kubeconfig("rumpf:kwok")),
        File("kwok.yaml", stages + "\n"),
    )


def fake_component(binaries: Mapping[str, str], layout: Layout) -> Component:
    """kwok, in charge of every node that carries our mark."""
    return Component(
        "kwok",
        (
            binaries["kwok"],
            f"--kubeconfig={layout.path('pki', 'kwok.kubeconfig')}",
            f"--config={layout.path('kwok.yaml')}",
            f"--manage-nodes-with-label-selector={MARK}=true",
            f"--cidr={_RANGE}",
            "--node-ip=127.0.0.1",
            "--node-lease-duration-seconds=40",
        ),
        after="ready",
    )


def fake_nodes(count: int) -> Iterator[dict[str, Any]]:
    """The Node objects, each with room for everything."""
    room = {"cpu": "256", "memory": "1Ti", "pods": "10000", "ephemeral-storage": "1Ti"}
    for number in range(count):
        name = f"fake-{number}"
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "labels": {
                    MARK: "true",
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                },
            },
            "status": {"allocatable": room, "capacity": room},
        }


def _stages() -> Iterator[dict[str, Any]]:
    absent = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
    ready = '.status.conditions.[] | select( .type == "Ready" ) | .status'
    yield _stage(
        "node-becomes-ready",
        "Node",
        [{"key": ready, "operator": "NotIn", "values": ["True"]}],
        {"statusTemplate": _NODE},
    )
    yield _stage(
        "pod-becomes-ready",
        "Pod",
        [absent, {"key": ".status.phase", "operator": "In", "values": ["Pending"]}],
        {"statusTemplate": _POD_RUNNING},
    )
    yield _stage(
        "pod-of-a-job-completes",
        "Pod",
        [
            absent,
            {"key": ".status.phase", "operator": "In", "values": ["Running"]},
            {"key": ".metadata.ownerReferences.[].kind", "operator": "In", "values": ["Job"]},
        ],
        {"statusTemplate": _POD_SUCCEEDED},
    )
    yield _stage(
        "pod-is-deleted",
        "Pod",
        [{"key": ".metadata.deletionTimestamp", "operator": "Exists"}],
        {"finalizers": {"empty": True}, "delete": True},
    )


def _stage(name: str, kind: str, expressions: list[dict[str, Any]], then: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": expressions},
            "next": then,
        },
    }


# Go templates, rendered by kwok with the object as `.`; the result is merged into its status.
_NODE = """
{{ $now := Now }}
phase: Running
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
addresses:
- type: InternalIP
  address: {{ NodeIP | Quote }}
- type: Hostname
  address: {{ .metadata.name | Quote }}
nodeInfo:
  architecture: amd64
  operatingSystem: linux
  osImage: fake
  kernelVersion: fake
  kubeletVersion: kwok-{{ Version }}
  kubeProxyVersion: kwok-{{ Version }}
  containerRuntimeVersion: kwok-{{ Version }}
  machineID: ""
  systemUUID: ""
  bootID: ""
"""

_POD_RUNNING = """
{{ $now := Now }}
phase: Running
startTime: {{ $now | Quote }}
conditions:
{{ range $type := list "Initialized" "Ready" "ContainersReady" }}
- type: {{ $type | Quote }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
{{ range .spec.readinessGates }}
- type: {{ .conditionType | Quote }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  started: true
  restartCount: 0
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
initContainerStatuses:
{{ range .spec.initContainers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  restartCount: 0
  {{ if eq ( or .restartPolicy "" ) "Always" }}
  started: true
  state:
    running:
      startedAt: {{ $now | Quote }}
  {{ else }}
  started: false
  state:
    terminated:
      exitCode: 0
      reason: Completed
      startedAt: {{ $now | Quote }}
      finishedAt: {{ $now | Quote }}
  {{ end }}
{{ end }}
hostIP: "127.0.0.1"
hostIPs:
- ip: "127.0.0.1"
{{ $network := or .spec.hostNetwork false }}
{{ $addresses := PodIPsWith .spec.nodeName $network .metadata.uid .metadata.name .metadata.namespace }}
{{ with $addresses }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
"""

_POD_SUCCEEDED = """
{{ $now := Now }}
{{ $pod := . }}
phase: Succeeded
conditions:
{{ range $type := list "Ready" "ContainersReady" }}
- type: {{ $type | Quote }}
  status: "False"
  reason: PodCompleted
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
containerStatuses:
{{ range $index, $container := .spec.containers }}
- name: {{ $container.name | Quote }}
  image: {{ $container.image | Quote }}
  imageID: ""
  ready: false
  started: false
  restartCount: 0
  state:
    terminated:
      exitCode: 0
      reason: Completed
      startedAt: {{ ( index $pod.status.containerStatuses $index ).state.running.startedAt | Quote }}
      finishedAt: {{ $now | Quote }}
{{ end }}
"""
