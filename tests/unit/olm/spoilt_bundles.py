"""Bundles with one thing wrong: how each is spoilt, and which rule must say so."""

import base64
import json
import random
from collections.abc import Callable
from typing import Any

from tests.unit.olm.good import Draft, Json

Spoil = Callable[[Draft], object]
ANNOTATION = "operators.operatorframework.io.bundle"


def deployment(body: Json) -> Json:
    found: Json = body["spec"]["install"]["spec"]["deployments"][0]
    return found


def pod(body: Json) -> Json:
    found: Json = deployment(body)["spec"]["template"]["spec"]
    return found


def container(body: Json) -> Json:
    found: Json = pod(body)["containers"][0]
    return found


def notes(body: Json) -> dict[str, str]:
    found: dict[str, str] = body["metadata"]["annotations"]
    return found


def put(*path: str | int, value: object) -> Spoil:
    """Spoil the CSV: have a value at a path."""

    def change(body: Any) -> None:  # noqa: ANN401 - JSON
        for step in path[:-1]:
            body = body[step]
        body[path[-1]] = value

    return lambda draft: draft.csv(change)


def drop(*path: str | int) -> Spoil:
    """Spoil the CSV: have nothing at a path."""

    def change(body: Any) -> None:  # noqa: ANN401 - JSON
        for step in path[:-1]:
            body = body[step]
        del body[path[-1]]

    return lambda draft: draft.csv(change)


def put_crd(*path: str | int, value: object) -> Spoil:
    """Spoil the CRD: have a value at a path."""

    def change(body: Any) -> None:  # noqa: ANN401 - JSON
        for step in path[:-1]:
            body = body[step]
        body[path[-1]] = value

    return lambda draft: draft.crd(change)


def grant(**rule: list[str]) -> Spoil:
    """Spoil the CSV: have one more rule."""
    return lambda draft: draft.csv(
        lambda body: body["spec"]["install"]["spec"]["permissions"][0]["rules"].append(rule)
    )


def note(name: str, value: str) -> Spoil:
    """Spoil the CSV: have another annotation."""
    return lambda draft: draft.csv(lambda body: notes(body).update({name: value}))


def label(name: str, value: str | None) -> Spoil:
    """Spoil metadata/annotations.yaml."""

    def change(found: Json) -> None:
        if value is None:
            del found[f"{ANNOTATION}.{name}"]
        else:
            found[f"{ANNOTATION}.{name}"] = value

    return lambda draft: draft.annotations(change)


def thing(kind: str, api: str = "v1", **body: object) -> Spoil:
    """Spoil the bundle: have one more object."""
    whole = {"apiVersion": api, "kind": kind, "metadata": {"name": "more"}, **body}
    return lambda draft: draft.add("more", whole)


def lose(path: str) -> Spoil:
    """Spoil the bundle: have no such file."""
    return lambda draft: draft.files.pop(path)


def write(path: str, text: str) -> Spoil:
    """Spoil the bundle: have another file."""
    return lambda draft: draft.files.update({path: text})


def no_manifests(draft: Draft) -> None:
    draft.files = {path: text for path, text in Draft().files.items() if not path.startswith("manifests/")}


def no_metadata(draft: Draft) -> None:
    for path in [path for path in draft.files if path.startswith("metadata/")]:
        del draft.files[path]


def second_csv(draft: Draft) -> None:
    draft.files["manifests/second.yaml"] = draft.files[draft.CSV]


def second_crd(draft: Draft) -> None:
    draft.files["manifests/second.yaml"] = draft.files[draft.CRD]


def two_in_one_file(draft: Draft) -> None:
    service = draft.files.pop("manifests/note-operator-service.yaml")
    draft.files["manifests/note-operator-poddisruptionbudget.yaml"] += f"---\n{service}"


def large(share: float) -> Spoil:
    """Spoil the bundle: have as much in it, packed, as this share of what it may have."""
    noise = random.Random(1).randbytes(int((1 << 20) * share * 3 / 4))  # noqa: S311 - only to be incompressible
    data = base64.b64encode(noise).decode()
    return lambda draft: draft.add(
        "large", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"}, "data": {"x": data}}
    )


def unused_account(body: Json) -> None:
    body["spec"]["install"]["spec"]["permissions"][0]["serviceAccountName"] = "somebody"


def init_container(body: Json) -> None:
    first = {key: value for key, value in container(body).items() if key != "resources"}
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        first.pop(probe)
    pod(body)["initContainers"] = [first | {"name": "first"}]


def unwatched(body: Json) -> None:
    container(body)["env"] = [each for each in container(body)["env"] if each["name"] != "WATCH_NAMESPACE"]


def converting(body: Json) -> None:
    body["spec"]["webhookdefinitions"] = [
        {
            "type": "ConversionWebhook",
            "generateName": "convert",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "deploymentName": "note-operator",
            "conversionCRDs": ["notes.notes.example.com"],
        }
    ]


def example(**changes: object) -> Spoil:
    """Spoil the CSV: have an example with other fields."""

    def change(body: Json) -> None:
        found = json.loads(notes(body)["alm-examples"])
        found[0].update(changes)
        notes(body)["alm-examples"] = json.dumps(found)

    return lambda draft: draft.csv(change)


def other_kind(body: Json) -> None:
    body["spec"]["customresourcedefinitions"]["owned"][0] |= {"kind": "Letter"}


MODES = ("spec", "installModes")
OWNED = ("spec", "customresourcedefinitions", "owned", 0)
INSTALL = ("spec", "install", "spec")
FIRST = ("spec", "versions", 0)

SPOILT: dict[str, tuple[Spoil, str, str]] = {
    # Form
    "no manifests": (no_manifests, "default/layout", "error"),
    "no metadata": (no_metadata, "default/layout", "error"),
    "no CSV": (lose(Draft.CSV), "default/layout", "error"),
    "two CSVs": (second_csv, "default/layout", "error"),
    "a folder below manifests": (write("manifests/more/x.yaml", "a: 1"), "default/layout", "error"),
    "a hidden file": (write("manifests/.hidden", "a: 1"), "default/layout", "error"),
    "a file that is no YAML": (write("manifests/x.yaml", "a: [1"), "default/readable", "error"),
    "a file that is no object": (write("manifests/x.yaml", "a: 1"), "default/readable", "error"),
    "an empty file": (write("manifests/x.yaml", ""), "default/readable", "error"),
    "two objects in a file": (two_in_one_file, "beyond/one-object-a-file", "error"),
    "no annotations": (write(Draft.ANNOTATIONS, "{}"), "default/annotations", "error"),
    "no media type": (label("mediatype.v1", None), "default/annotations", "error"),
    "another media type": (label("mediatype.v1", "plain+v0"), "default/annotations", "error"),
    "no folder of manifests": (label("manifests.v1", None), "default/annotations", "error"),
    "no folder of metadata": (label("metadata.v1", None), "default/annotations", "error"),
    "no package": (label("package.v1", None), "default/annotations", "error"),
    "no channels": (label("channels.v1", None), "default/annotations", "error"),
    "empty channels": (label("channels.v1", ""), "default/annotations", "error"),
    "an empty default channel": (label("channel.default.v1", ""), "default/annotations", "error"),
    "an annotation that is a number": (
        lambda draft: draft.annotations(lambda found: found.update({"example.com/x": 1})),
        "default/annotations",
        "error",
    ),
    "an unknown dependency": (
        write("metadata/dependencies.yaml", "dependencies: [{type: olm.crd, value: {}}]"),
        "default/dependencies",
        "error",
    ),
    "a dependency on a kind without version": (
        write("metadata/dependencies.yaml", "dependencies: [{type: olm.gvk, value: {group: a.b, kind: C}}]"),
        "default/dependencies",
        "error",
    ),
    "a dependency on a package in no range": (
        write(
            "metadata/dependencies.yaml",
            "dependencies: [{type: olm.package, value: {packageName: a, version: newest}}]",
        ),
        "default/dependencies",
        "error",
    ),
    # Objects
    "a Deployment": (thing("Deployment", "apps/v1"), "default/kinds", "error"),
    "a Namespace": (thing("Namespace"), "default/kinds", "error"),
    "an object in a namespace": (
        thing("ConfigMap", metadata={"name": "x", "namespace": "y"}),
        "default/metadata",
        "error",
    ),
    "an object without a name": (thing("ConfigMap", metadata={"labels": {}}), "default/metadata", "error"),
    "a label that is none": (
        thing("ConfigMap", metadata={"name": "x", "labels": {"a b": "c"}}),
        "default/metadata",
        "error",
    ),
    "an annotation that is none": (
        thing("ConfigMap", metadata={"name": "x", "annotations": {"a b": "c"}}),
        "default/metadata",
        "error",
    ),
    "a finalizer that is none": (
        thing("ConfigMap", metadata={"name": "x", "finalizers": ["a b"]}),
        "default/metadata",
        "error",
    ),
    "an owner without a uid": (
        thing(
            "ConfigMap",
            metadata={"name": "x", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}]},
        ),
        "default/metadata",
        "error",
    ),
    "the Deployment's own account": (
        thing("ServiceAccount", metadata={"name": "note-operator"}),
        "default/service-account",
        "error",
    ),
    "too large": (large(1.2), "default/size", "error"),
    "nearly too large": (large(0.9), "default/size", "warning"),
    # The CSV
    "no apiVersion": (drop("apiVersion"), "default/required", "error"),
    "no displayName": (drop("spec", "displayName"), "default/required", "error"),
    "no install strategy": (drop("spec", "install"), "default/required", "error"),
    "no name of the strategy": (drop("spec", "install", "strategy"), "default/required", "error"),
    "no deployments": (drop(*INSTALL, "deployments"), "default/required", "error"),
    "a name with capitals": (put("metadata", "name", value="Note.v0.2.0"), "default/names", "error"),
    "a name that is too long": (
        put("metadata", "name", value=f"note{'-long' * 12}.v0.2.0"),
        "default/names",
        "error",
    ),
    "replaces what has no such name": (put("spec", "replaces", value="note_v1"), "default/names", "error"),
    "install modes that are no list": (put(*MODES, value="all"), "default/shape", "error"),
    "a display name that is a number": (put("spec", "displayName", value=7), "default/shape", "error"),
    "replicas that are a word": (
        lambda draft: draft.csv(lambda body: deployment(body)["spec"].update(replicas="two")),
        "default/shape",
        "error",
    ),
    "a variable that is a number": (
        lambda draft: draft.csv(lambda body: container(body)["env"].append({"name": "X", "value": 1})),
        "default/shape",
        "error",
    ),
    "a field of the Deployment that there is not": (
        lambda draft: draft.csv(lambda body: deployment(body)["spec"].update(replica=2)),
        "beyond/known-fields",
        "warning",
    ),
    "examples that are no JSON": (note("alm-examples", "[{"), "default/examples", "error"),
    "examples that are no list": (note("alm-examples", '"x"'), "default/examples", "error"),
    "an example of another kind": (example(kind="Letter"), "default/examples", "error"),
    "no example": (drop("metadata", "annotations", "alm-examples"), "default/examples", "warning"),
    "an owned kind without example": (note("alm-examples", "[]"), "default/examples", "warning"),
    "examples twice": (note("olm.examples", "[]"), "default/examples", "warning"),
    "an owned name without group": (put(*OWNED, "name", value="notes"), "default/owned", "error"),
    "no install modes": (drop(*MODES), "default/install-modes", "error"),
    "no supported mode": (
        lambda draft: draft.csv(
            lambda body: [each.update(supported=False) for each in body["spec"]["installModes"]]
        ),
        "default/install-modes",
        "error",
    ),
    "a conversion webhook in some namespaces": (
        lambda draft: draft.csv(converting),
        "default/install-modes",
        "error",
    ),
    "no minKubeVersion": (drop("spec", "minKubeVersion"), "default/kubernetes", "warning"),
    "half a minKubeVersion": (put("spec", "minKubeVersion", value="1.28"), "default/kubernetes", "error"),
    "an annotation in the wrong case": (
        note("olm.skiprange", ">=0.1.0 <0.2.0"),
        "default/annotation-names",
        "error",
    ),
    "properties in an annotation": (note("olm.properties", "[]"), "default/annotation-names", "warning"),
    # CRDs
    "an owned CRD that is missing": (lose(Draft.CRD), "default/crds", "error"),
    "an owned version that is missing": (put(*OWNED, "version", value="v2"), "default/crds", "error"),
    "a CRD that is not owned": (lambda draft: draft.csv(other_kind), "default/crds", "error"),
    "a CRD twice": (second_crd, "default/crds", "error"),
    "a CRD of an unknown API": (
        put_crd("apiVersion", value="apiextensions.k8s.io/v2"),
        "default/crd",
        "error",
    ),
    "a CRD that is served by word": (put_crd(*FIRST, "served", value="yes"), "default/shape", "error"),
    "a CRD with another name": (
        put_crd("metadata", "name", value="others.notes.example.com"),
        "default/crd",
        "error",
    ),
    "a group without a dot": (put_crd("spec", "group", value="notes"), "default/crd", "error"),
    "a group of Kubernetes": (put_crd("spec", "group", value="notes.k8s.io"), "default/crd", "error"),
    "a CRD that keeps what it does not know": (
        put_crd("spec", "preserveUnknownFields", value=True),
        "default/crd",
        "error",
    ),
    "a CRD of a beta": (
        put_crd("apiVersion", value="apiextensions.k8s.io/v1beta1"),
        "operatorhub/removed-apis",
        "error",
    ),
    "an unknown scope": (put_crd("spec", "scope", value="Global"), "default/crd", "error"),
    "a plural with capitals": (put_crd("spec", "names", "plural", value="Notes"), "default/crd", "error"),
    "a short name that is none": (
        put_crd("spec", "names", "shortNames", value=["n!"]),
        "default/crd",
        "error",
    ),
    "a list kind like its kind": (put_crd("spec", "names", "listKind", value="Note"), "default/crd", "error"),
    "no stored version": (put_crd(*FIRST, "storage", value=False), "default/crd", "error"),
    "a version that is none": (put_crd(*FIRST, "name", value="1"), "default/crd", "error"),
    "a warning of what is not deprecated": (
        put_crd(*FIRST, "deprecationWarning", value="old"),
        "default/crd",
        "error",
    ),
    "a column without a path": (
        put_crd(*FIRST, "additionalPrinterColumns", value=[{"name": "x", "type": "string"}]),
        "default/crd",
        "error",
    ),
    "a column of no type": (
        put_crd(*FIRST, "additionalPrinterColumns", value=[{"name": "x", "type": "text", "jsonPath": ".x"}]),
        "default/crd",
        "error",
    ),
    "an unknown conversion": (
        put_crd("spec", "conversion", value={"strategy": "Some"}),
        "default/crd",
        "error",
    ),
    "a related image without name": (
        put("spec", "relatedImages", value=[{"name": "x", "image": ""}]),
        "default/related-images",
        "error",
    ),
    "a related image that is none": (
        put("spec", "relatedImages", value=[{"name": "x", "image": "a b"}]),
        "default/related-images",
        "error",
    ),
    "a release that the name does not say": (
        put("spec", "release", value="2"),
        "default/release-name",
        "error",
    ),
    # OperatorHub
    "no provider": (drop("spec", "provider"), "operatorhub/provider", "error"),
    "a maintainer without e-mail": (
        put("spec", "maintainers", value=[{"name": "x"}]),
        "operatorhub/maintainers",
        "error",
    ),
    "an e-mail address that is none": (
        put("spec", "maintainers", value=[{"name": "x", "email": "x at y"}]),
        "operatorhub/maintainers",
        "error",
    ),
    "a link without address": (put("spec", "links", value=[{"name": "x"}]), "operatorhub/links", "error"),
    "an address that is none": (
        put("spec", "links", value=[{"name": "x", "url": "example.com"}]),
        "operatorhub/links",
        "error",
    ),
    "no version": (drop("spec", "version"), "operatorhub/version", "error"),
    "version 0.0.0": (put("spec", "version", value="0.0.0"), "operatorhub/version", "error"),
    "a version that no number is": (put("spec", "version", value="one"), "operatorhub/version", "error"),
    "no icon": (drop("spec", "icon"), "operatorhub/icon", "warning"),
    "two icons": (
        lambda draft: draft.csv(lambda body: body["spec"]["icon"].append(body["spec"]["icon"][0])),
        "operatorhub/icon",
        "error",
    ),
    "an icon without type": (put("spec", "icon", 0, "mediatype", value=""), "operatorhub/icon", "error"),
    "an icon that is a film": (
        put("spec", "icon", 0, "mediatype", value="video/mp4"),
        "operatorhub/icon",
        "error",
    ),
    "an unknown level": (note("capabilities", "Everything"), "operatorhub/capabilities", "error"),
    "an unknown category": (note("categories", "Developer Tools, Games"), "operatorhub/categories", "error"),
    "a budget of an API that is gone": (
        thing("PodDisruptionBudget", "policy/v1beta1", spec={"maxUnavailable": 1}),
        "operatorhub/removed-apis",
        "error",
    ),
    "a role of an API that is gone": (
        thing("Role", "rbac.authorization.k8s.io/v1beta1", rules=[]),
        "operatorhub/removed-apis",
        "error",
    ),
    "a rule about what was removed": (
        grant(apiGroups=["policy"], resources=["podsecuritypolicies"], verbs=["list"]),
        "operatorhub/removed-apis",
        "warning",
    ),
    # Good practices
    "no requests": (
        lambda draft: draft.csv(lambda body: container(body).pop("resources")),
        "good-practices/requests",
        "warning",
    ),
    "no requests of an init container": (
        lambda draft: draft.csv(init_container),
        "good-practices/requests",
        "warning",
    ),
    "no request of memory": (
        lambda draft: draft.csv(lambda body: container(body)["resources"]["requests"].pop("memory")),
        "good-practices/requests",
        "warning",
    ),
    "nothing to install": (put(*INSTALL, value={}), "good-practices/requests", "error"),
    "a CRD without description": (drop(*OWNED, "description"), "good-practices/descriptions", "warning"),
    "an odd channel": (label("channels.v1", "stable,alpha"), "good-practices/channel-names", "warning"),
    "may create CRDs": (
        grant(apiGroups=["apiextensions.k8s.io"], resources=["customresourcedefinitions"], verbs=["create"]),
        "good-practices/making-crds",
        "warning",
    ),
    "a name without version": (
        put("metadata", "name", value="note-operator"),
        "good-practices/bundle-names",
        "warning",
    ),
    "a name without v": (
        put("metadata", "name", value="note-operator.0.2.0"),
        "good-practices/bundle-names",
        "warning",
    ),
    # Platforms
    "no architecture": (drop("metadata", "labels"), "multiarch/labels", "warning"),
    "an unknown architecture": (
        put("metadata", "labels", "operatorframework.io/arch.x86", value="supported"),
        "multiarch/labels",
        "warning",
    ),
    "an architecture that says nothing": (
        put("metadata", "labels", "operatorframework.io/arch.arm64", value="yes"),
        "multiarch/labels",
        "warning",
    ),
    "no affinity": (
        lambda draft: draft.csv(lambda body: pod(body).pop("affinity")),
        "multiarch/affinity",
        "warning",
    ),
    "an affinity to less than it runs on": (
        put("metadata", "labels", "operatorframework.io/arch.arm64", value="supported"),
        "multiarch/affinity",
        "warning",
    ),
    # Further objects
    "a budget of none": (
        thing("PodDisruptionBudget", "policy/v1", spec={"maxUnavailable": 0}),
        "objects/budgets",
        "error",
    ),
    "a budget of all": (
        thing("PodDisruptionBudget", "policy/v1", spec={"minAvailable": "100%"}),
        "objects/budgets",
        "error",
    ),
    "a priority for everybody": (
        thing("PriorityClass", "scheduling.k8s.io/v1", globalDefault=True, value=1),
        "objects/priorities",
        "error",
    ),
    "a role over budgets": (
        thing(
            "Role",
            "rbac.authorization.k8s.io/v1",
            rules=[{"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": ["create"]}],
        ),
        "objects/roles",
        "warning",
    ),
    "a role over OpenShift's constraints": (
        thing(
            "ClusterRole",
            "rbac.authorization.k8s.io/v1",
            rules=[
                {
                    "apiGroups": ["security.openshift.io"],
                    "resources": ["securitycontextconstraints"],
                    "resourceNames": ["restricted"],
                    "verbs": ["update"],
                }
            ],
        ),
        "objects/roles",
        "error",
    ),
    # Beyond
    "a skipRange that is none": (note("olm.skipRange", ">=0.1.0 and <0.2.0"), "beyond/upgrade", "error"),
    "an empty skipRange": (note("olm.skipRange", ""), "beyond/upgrade", "error"),
    "a skipRange without all numbers": (note("olm.skipRange", "<1.0"), "beyond/upgrade", "error"),
    "replaces itself": (put("spec", "replaces", value="note-operator.v0.2.0"), "beyond/upgrade", "error"),
    "replaces what is newer": (
        put("spec", "replaces", value="note-operator.v0.3.0"),
        "beyond/upgrade",
        "warning",
    ),
    "a name of another version": (put("spec", "version", value="0.3.0"), "beyond/upgrade", "warning"),
    "an install mode twice": (
        lambda draft: draft.csv(
            lambda body: body["spec"]["installModes"].append({"type": "AllNamespaces", "supported": True})
        ),
        "beyond/modes",
        "error",
    ),
    "an unknown install mode": (
        lambda draft: draft.csv(
            lambda body: body["spec"]["installModes"].append({"type": "Here", "supported": True})
        ),
        "beyond/modes",
        "error",
    ),
    "not for all namespaces": (
        put("spec", "installModes", 3, "supported", value=False),
        "beyond/modes",
        "warning",
    ),
    "nobody tells it where to look": (lambda draft: draft.csv(unwatched), "beyond/scope", "warning"),
    "depends on another package": (
        write(
            "metadata/dependencies.yaml",
            'dependencies: [{type: olm.package, value: {packageName: a, version: ">=1.0.0"}}]',
        ),
        "beyond/both-olms",
        "warning",
    ),
    "brings kopf's peering": (
        lambda draft: draft.add(
            "peering",
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": "kopfpeerings.kopf.dev"},
                "spec": {"group": "kopf.dev"},
            },
        ),
        "beyond/both-olms",
        "warning",
    ),
    "serves an API of its own": (
        put(
            "spec",
            "apiservicedefinitions",
            value={"owned": [{"name": "x", "group": "a.b", "version": "v1", "kind": "X"}]},
        ),
        "beyond/both-olms",
        "warning",
    ),
    "an unknown strategy": (put("spec", "install", "strategy", value="helm"), "beyond/strategy", "error"),
    "another API of the CSV": (
        put("apiVersion", value="operators.coreos.com/v1"),
        "beyond/strategy",
        "error",
    ),
    "two deployments of one name": (
        lambda draft: draft.csv(
            lambda body: body["spec"]["install"]["spec"]["deployments"].append(deployment(body))
        ),
        "beyond/strategy",
        "error",
    ),
    "an empty description": (put("spec", "description", value="Notes."), "beyond/words", "warning"),
    "a description without headings": (
        put("spec", "description", value="Notes. " * 50),
        "beyond/words",
        "warning",
    ),
    "nobody maintains it": (drop("spec", "maintainers"), "beyond/words", "warning"),
    "no links": (drop("spec", "links"), "beyond/words", "warning"),
    "no keywords": (drop("spec", "keywords"), "beyond/words", "warning"),
    "no level": (drop("metadata", "annotations", "capabilities"), "beyond/words", "warning"),
    "no categories": (drop("metadata", "annotations", "categories"), "beyond/words", "warning"),
    "an icon that is no base64": (put("spec", "icon", 0, "base64data", value="???"), "beyond/icon", "error"),
    "an icon of another type": (
        put("spec", "icon", 0, "mediatype", value="image/png"),
        "beyond/icon",
        "warning",
    ),
    "an icon that cannot be scaled": (
        put("spec", "icon", 0, "mediatype", value="image/gif"),
        "beyond/icon",
        "warning",
    ),
    "an example that the schema refuses": (example(spec={"text": ""}), "beyond/examples", "error"),
    "an example with a field that there is not": (
        example(spec={"text": "a", "mood": "b"}),
        "beyond/examples",
        "error",
    ),
    "an example without a spec": (example(spec=None), "beyond/examples", "error"),
    "a descriptor of no field": (
        put(*OWNED, "specDescriptors", value=[{"path": "mood", "displayName": "Mood"}]),
        "beyond/descriptors",
        "warning",
    ),
    "a default channel that it is not in": (
        label("channel.default.v1", "stable-v1"),
        "beyond/annotated",
        "warning",
    ),
    "manifests elsewhere": (label("manifests.v1", "objects/"), "beyond/annotated", "error"),
    "another package's name": (label("package.v1", "letter-operator"), "beyond/annotated", "warning"),
    "a Dockerfile that says otherwise": (
        lambda draft: draft.files.update(
            Dockerfile=draft.files["Dockerfile"].replace("registry+v1", "plain+v0")
        ),
        "beyond/annotated",
        "warning",
    ),
    "a Dockerfile with a base": (
        lambda draft: draft.files.update(Dockerfile=draft.files["Dockerfile"].replace("scratch", "busybox")),
        "beyond/annotated",
        "warning",
    ),
    "a scorecard that is not there": (lose("tests/scorecard/config.yaml"), "beyond/annotated", "warning"),
    "an image by its tag": (
        lambda draft: draft.csv(lambda body: container(body).update(image="registry.example.com/note:1")),
        "beyond/pins",
        "warning",
    ),
    "a related image by its tag": (
        lambda draft: draft.csv(
            lambda body: body["spec"]["relatedImages"].append(
                {"name": "x", "image": "registry.example.com/x:1"}
            )
        ),
        "beyond/pins",
        "warning",
    ),
    "an image that is not related": (drop("spec", "relatedImages"), "beyond/pins", "warning"),
    "a field that there is not": (put("spec", "displayname", value="Note"), "beyond/known-fields", "warning"),
    "rights for everything": (
        grant(apiGroups=["*"], resources=["*"], verbs=["*"]),
        "beyond/policies/no-wildcard",
        "warning",
    ),
    "a right to become anybody": (
        grant(apiGroups=[""], resources=["users"], verbs=["impersonate"]),
        "beyond/policies/no-cluster-admin",
        "warning",
    ),
    "a group with its version": (
        grant(apiGroups=["apps/v1"], resources=["deployments"], verbs=["list"]),
        "beyond/policies/rules-that-grant",
        "warning",
    ),
    "a privileged container": (
        lambda draft: draft.csv(lambda body: container(body)["securityContext"].update(privileged=True)),
        "beyond/policies/restricted-pods",
        "warning",
    ),
    "no limit of memory": (
        lambda draft: draft.csv(lambda body: container(body)["resources"].pop("limits")),
        "beyond/policies/requests-set",
        "warning",
    ),
    "no probe": (
        lambda draft: draft.csv(lambda body: container(body).pop("readinessProbe")),
        "beyond/policies/probed",
        "warning",
    ),
    "rights for nobody": (lambda draft: draft.csv(unused_account), "beyond/accounts", "error"),
}
