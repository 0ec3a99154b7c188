"""The fields of a ClusterServiceVersion and their types: what OLM cannot read at all, or never looks at."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.loading import Loaded

ANY: Any = object()
"""Stands for whatever there is."""
MORE: Any = ...
"""Stands for further fields, which are Kubernetes' own."""
_OBJECT = {MORE: ANY}
_AMOUNT = (int, str)
"""A number, or a percentage."""
_RULE = {name: [str] for name in ("apiGroups", "nonResourceURLs", "resourceNames", "resources", "verbs")}
_RULES = [{"serviceAccountName": str, "rules": [_RULE]}]
_DESCRIPTOR = {"path": str, "displayName": str, "description": str, "x-descriptors": [str], "value": ANY}
_CRD = {
    "name": str,
    "version": str,
    "kind": str,
    "displayName": str,
    "description": str,
    "resources": [{"name": str, "kind": str, "version": str}],
    "specDescriptors": [_DESCRIPTOR],
    "statusDescriptors": [_DESCRIPTOR],
    "actionDescriptors": [_DESCRIPTOR],
}
_API = _CRD | {"group": str, "deploymentName": str, "containerPort": int}
_WEBHOOK = {
    "generateName": str,
    "type": str,
    "deploymentName": str,
    "containerPort": int,
    "targetPort": ANY,
    "rules": [ANY],
    "failurePolicy": str,
    "matchPolicy": str,
    "objectSelector": ANY,
    "sideEffects": str,
    "timeoutSeconds": int,
    "admissionReviewVersions": [str],
    "reinvocationPolicy": str,
    "webhookPath": str,
    "conversionCRDs": [str],
}
_METADATA = {"annotations": {str: str}, "labels": {str: str}, "name": str, MORE: ANY}
_CONTAINER = {
    "args": [str],
    "command": [str],
    "env": [{"name": str, "value": str, "valueFrom": _OBJECT}],
    "envFrom": [_OBJECT],
    "image": str,
    "imagePullPolicy": str,
    "lifecycle": _OBJECT,
    "livenessProbe": _OBJECT,
    "name": str,
    "ports": [{"containerPort": int, "name": str, "protocol": str, MORE: ANY}],
    "readinessProbe": _OBJECT,
    "resources": {"limits": _OBJECT, "requests": _OBJECT, MORE: ANY},
    "securityContext": {
        "allowPrivilegeEscalation": bool,
        "capabilities": {"add": [str], "drop": [str]},
        "privileged": bool,
        "readOnlyRootFilesystem": bool,
        "runAsNonRoot": bool,
        "runAsUser": int,
        MORE: ANY,
    },
    "startupProbe": _OBJECT,
    "volumeMounts": [{"mountPath": str, "name": str, "readOnly": bool, "subPath": str, MORE: ANY}],
    "workingDir": str,
    MORE: ANY,
}
_POD = {
    "affinity": {"nodeAffinity": _OBJECT, "podAffinity": _OBJECT, "podAntiAffinity": _OBJECT},
    "automountServiceAccountToken": bool,
    "containers": [_CONTAINER],
    "enableServiceLinks": bool,
    "hostNetwork": bool,
    "initContainers": [_CONTAINER],
    "nodeSelector": {str: str},
    "priorityClassName": str,
    "securityContext": {"runAsNonRoot": bool, "runAsUser": int, "seccompProfile": _OBJECT, MORE: ANY},
    "serviceAccountName": str,
    "terminationGracePeriodSeconds": int,
    "tolerations": [_OBJECT],
    "topologySpreadConstraints": [_OBJECT],
    "volumes": [{"name": str, MORE: ANY}],
    MORE: ANY,
}
_DEPLOYMENT = {
    "minReadySeconds": int,
    "paused": bool,
    "progressDeadlineSeconds": int,
    "replicas": int,
    "revisionHistoryLimit": int,
    "selector": {"matchExpressions": [_OBJECT], "matchLabels": {str: str}},
    "strategy": {"rollingUpdate": {"maxSurge": _AMOUNT, "maxUnavailable": _AMOUNT}, "type": str},
    "template": {"metadata": _METADATA, "spec": _POD},
}
_SPEC = {
    "annotations": {str: str},
    "apiservicedefinitions": {"owned": [_API], "required": [_API]},
    "cleanup": {"enabled": bool},
    "customresourcedefinitions": {"owned": [_CRD], "required": [_CRD]},
    "description": str,
    "displayName": str,
    "icon": [{"base64data": str, "mediatype": str}],
    "install": {
        "strategy": str,
        "spec": {
            "deployments": [{"name": str, "label": {str: str}, "spec": _DEPLOYMENT}],
            "permissions": _RULES,
            "clusterPermissions": _RULES,
        },
    },
    "installModes": [{"type": str, "supported": bool}],
    "keywords": [str],
    "labels": {str: str},
    "links": [{"name": str, "url": str}],
    "maintainers": [{"name": str, "email": str}],
    "maturity": str,
    "minKubeVersion": str,
    "nativeAPIs": [{"group": str, "version": str, "kind": str}],
    "provider": {"name": str, "url": str},
    "relatedImages": [{"name": str, "image": str}],
    "release": str,
    "replaces": str,
    "selector": ANY,
    "skips": [str],
    "version": str,
    "webhookdefinitions": [_WEBHOOK],
}
_CSV = {
    "apiVersion": str,
    "kind": str,
    "metadata": {
        "annotations": {str: str},
        "creationTimestamp": ANY,
        "finalizers": [str],
        "generateName": str,
        "labels": {str: str},
        "name": str,
        "namespace": str,
        "ownerReferences": [ANY],
    },
    "spec": _SPEC,
    "status": ANY,
}
_LONGEST = 40
_NAMES = {
    "categories": [str],
    "kind": str,
    "listKind": str,
    "plural": str,
    "shortNames": [str],
    "singular": str,
    MORE: ANY,
}
_COLUMN = {
    "description": str,
    "format": str,
    "jsonPath": str,
    "name": str,
    "priority": int,
    "type": str,
    MORE: ANY,
}
_VERSION = {
    "additionalPrinterColumns": [_COLUMN],
    "deprecated": bool,
    "deprecationWarning": str,
    "name": str,
    "schema": {"openAPIV3Schema": _OBJECT, MORE: ANY},
    "selectableFields": [_OBJECT],
    "served": bool,
    "storage": bool,
    "subresources": {"scale": _OBJECT, "status": _OBJECT, MORE: ANY},
    MORE: ANY,
}
_DEFINITION = {
    "apiVersion": str,
    "kind": str,
    "metadata": _METADATA,
    "spec": {
        "conversion": {"strategy": str, "webhook": _OBJECT, MORE: ANY},
        "group": str,
        "names": _NAMES,
        "preserveUnknownFields": bool,
        "scope": str,
        "versions": [_VERSION],
        MORE: ANY,
    },
    MORE: ANY,
}
_TYPES: Mapping[object, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    _AMOUNT: "a number or a percentage",
}


def shape(bundle: Loaded) -> Iterator[Problem]:
    """Each field has the type that OLM reads."""
    shaped = [(bundle.csv_file, bundle.csv, _CSV)]
    shaped += [(each.file, each.body, _DEFINITION) for each in bundle.crds]
    for file, body, wanted in shaped:
        for path, what, unknown in compare(body, wanted, ""):
            if not unknown:
                yield error("shape", f"{file}, {path}", what, "write what OLM reads there")


def known_fields(bundle: Loaded) -> Iterator[Problem]:
    """There is no field that OLM does not know: it would be dropped without a word."""
    for path, what, unknown in compare(bundle.csv, _CSV, ""):
        if unknown:
            yield warning("known-fields", f"{bundle.csv_file}, {path}", what, "is it written right?")


def compare(  # noqa: C901 - one branch for each form that a value can have
    value: object,
    shape_: Any,  # noqa: ANN401
    path: str,
) -> Iterator[tuple[str, str, bool]]:
    """Yield where a value is not of its shape: the path, what is wrong, whether only its name is unknown."""
    if shape_ is ANY or value is None:
        return
    if isinstance(shape_, dict):
        fields: dict[Any, Any] = shape_
        if not isinstance(value, Mapping):
            yield path, f"{_shown(value)} is no object", False
            return
        for name, each in cast("Mapping[str, object]", value).items():
            here = f"{path}.{name}" if path else str(name)
            if str in fields:
                yield from compare(each, fields[str], here)
            elif name in fields:
                yield from compare(each, fields[name], here)
            elif MORE not in fields:
                yield here, "OLM knows no such field", True
    elif isinstance(shape_, list):
        if not isinstance(value, list):
            yield path, f"{_shown(value)} is no list", False
            return
        for number, each in enumerate(cast("list[object]", value)):
            yield from compare(each, shape_[0], f"{path}[{number}]")
    elif type(value) not in (shape_ if isinstance(shape_, tuple) else (shape_,)):
        yield path, f"{_shown(value)} is not {_TYPES[shape_]}", False


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
