"""The samples of operators on a cluster: each is made where it is not there, and waited for."""

from collections.abc import Iterable

from rumpf.api import Api
from rumpf.errors import ApiError, InstallError
from rumpf.install.applying import MANAGER, Change
from rumpf.install.asking import NOT_FOUND, patiently, read, refusal
from rumpf.install.kinds import DEPLOYMENT
from rumpf.kinds import Kind
from rumpf.manifests.reading import parts
from rumpf.objects import Deployment, Manifest

_DEFAULT_NAMESPACE = "default"


async def make(api: Api, sample: Manifest, known: Iterable[Kind] = ()) -> Change:
    """Create a sample, if it is not there: one that somebody has changed stays so.

    The API server is asked what kinds there are, but for those that are `known`.
    """
    metadata = sample["metadata"]
    name, what = metadata["name"], f"{sample['kind']} {metadata['name']}"
    try:
        names = (sample["apiVersion"], sample["kind"])
        own = [each for each in known if (each.api_version, each.kind) == names]
        kind = own[0] if own else await _kind(api, sample, what)
        namespace = metadata.get("namespace", _DEFAULT_NAMESPACE) if kind.namespaced else ""
        if await read(api, kind, namespace, name) is not None:
            return Change(kind.kind, namespace, name, "unchanged")
        placed = {**sample, "metadata": {**metadata, **({"namespace": namespace} if namespace else {})}}
        await patiently(lambda: api.apply(placed, kind, manager=MANAGER))
    except ApiError as error:
        raise refusal(error, what) from error
    return Change(kind.kind, namespace, name, "created")


async def unavailable(api: Api, samples: Iterable[Change]) -> list[str]:
    """Return those Deployments among the samples whose Pods are not all there, as `namespace/name`."""
    waiting: list[str] = []
    for each in samples:
        if each.kind == DEPLOYMENT.kind:
            found = await read(api, DEPLOYMENT, each.namespace, each.name)
            if found is None or not Deployment(found).ready:
                waiting.append(f"{each.namespace}/{each.name}")
    return waiting


async def _kind(api: Api, sample: Manifest, what: str) -> Kind:
    """Ask the API server what it calls the kind of a sample."""
    group, _, version = str(sample["apiVersion"]).rpartition("/")
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    try:
        served = await patiently(lambda: api.request("GET", path))
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise
        served = {}
    for each in parts(served, "resources"):
        if each["kind"] == sample["kind"] and "/" not in each["name"]:
            return Kind(group, version, each["kind"], each["name"], each["namespaced"])
    raise InstallError(
        f"{sample['apiVersion']} with this kind is not served",
        where=what,
        remedy="name what this version of Kubernetes, or one of the operators, serves",
    )
