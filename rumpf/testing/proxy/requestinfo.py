"""What a request asks of Kubernetes, read from its method and URL exactly as the API server reads it.

The rules are those of the API server's own RequestInfo, which authorization and audit use too: what is
recorded here has the words that an RBAC rule has.
"""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

VERBS = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})

_REVIEW_GROUPS = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
_CONNECTIONS = frozenset({"exec", "attach", "portforward", "proxy"})
_NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """One request in Kubernetes' words; a path that names no resource has only a verb and a path."""

    verb: str
    path: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def is_write(self) -> bool:
        """Whether it asks for a change.

        Status and other subresources count, and so do dry runs. Reviews (SubjectAccessReview,
        TokenReview...) do not: they are questions that happen to be asked by POST and leave nothing
        behind. Neither do exec, attach, port-forward and proxy: they open a connection.
        """
        if self.verb not in WRITE_VERBS or not self.resource:
            return False
        if self.group in _REVIEW_GROUPS and self.resource.endswith("reviews"):
            return False
        return self.subresource not in _CONNECTIONS


# An operator asks for the same few URLs over and over, and every microsecond here is added to a request.
@lru_cache(maxsize=1024)
def parse(method: str, target: str) -> RequestInfo:
    """Read the request line's method and target."""
    url = urlsplit(target)
    path = unquote(url.path)
    match path.strip("/").split("/"):
        case ["api", version, first, *rest]:
            group = ""
        case ["apis", group, version, first, *rest]:
            pass
        case _:
            return RequestInfo(verb=method.lower(), path=path)

    verb = VERBS.get(method, "")
    parts = [first, *rest]
    if first in {"watch", "proxy"}:  # the verb in the path: deprecated, and still served
        verb, parts = first, rest
        if not parts:
            return RequestInfo(verb=verb, path=path, group=group, version=version)

    namespace = ""
    match parts:
        case ["namespaces", namespace, inside, *_] if inside not in _NAMESPACE_SUBRESOURCES:
            del parts[:2]
        case ["namespaces", namespace, *_]:
            pass
        case _:
            pass

    resource, name, subresource, *_ = (*parts, "", "")
    if verb == "proxy":  # what follows is a path of whatever is behind
        subresource = ""
    if not name and verb == "get":
        query = parse_qsl(url.query, keep_blank_values=True)
        verb = "watch" if _is_on("watch", query) else "list"
        name = _name_selected(query)
    elif not name and verb == "delete":
        verb = "deletecollection"
    return RequestInfo(
        verb=verb,
        path=path,
        group=group,
        version=version,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )


def _is_on(parameter: str, query: list[tuple[str, str]]) -> bool:
    """Whether a boolean parameter is on: anything is, even nothing, but `false` and `0`."""
    for key, value in query:
        if key == parameter:
            return value.lower() not in {"false", "0"}
    return False


def _name_selected(query: list[tuple[str, str]]) -> str:
    """Return the one name that a field selector asks for, as `kubectl get --watch NAME` does."""
    selector = next((value for key, value in query if key == "fieldSelector"), "")
    for term in selector.split(","):
        field, equals, name = term.partition("=")
        if equals and field == "metadata.name":
            name = name.removeprefix("=")
            return "" if name in {".", ".."} or "/" in name or "%" in name else name
    return ""
