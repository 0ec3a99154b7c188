import pytest

from rumpf.testing.proxy.requestinfo import RequestInfo, parse


def info(verb: str, path: str, **words: str) -> RequestInfo:
    return RequestInfo(verb=verb, path=path, **words)


CORE = {"version": "v1"}
APPS = {"group": "apps", "version": "v1"}
PODS = {**CORE, "resource": "pods"}


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/", info("get", "/")),
        ("GET", "/healthz?verbose", info("get", "/healthz")),
        ("POST", "/version", info("post", "/version")),
        ("GET", "/api", info("get", "/api")),
        ("GET", "/api/v1", info("get", "/api/v1")),
        ("GET", "/apis/apps/v1", info("get", "/apis/apps/v1")),
        ("GET", "/api/v1/pods", info("list", "/api/v1/pods", **PODS)),
        ("HEAD", "/api/v1/pods", info("list", "/api/v1/pods", **PODS)),
        ("GET", "/api/v1/pods/", info("list", "/api/v1/pods/", **PODS)),
        ("GET", "/api/v1/pods?watch=1", info("watch", "/api/v1/pods", **PODS)),
        ("GET", "/api/v1/pods?watch", info("watch", "/api/v1/pods", **PODS)),
        ("GET", "/api/v1/pods?watch=False", info("list", "/api/v1/pods", **PODS)),
        ("GET", "/api/v1/pods?watch=0&watch=1", info("list", "/api/v1/pods", **PODS)),
        ("GET", "/api/v1/watch/pods", info("watch", "/api/v1/watch/pods", **PODS)),
        ("OPTIONS", "/api/v1/pods", info("", "/api/v1/pods", **PODS)),
    ],
)
def test_a_path_without_a_name_is_a_list_a_watch_or_no_resource_at_all(
    method: str, target: str, expected: RequestInfo
) -> None:
    assert parse(method, target) == expected


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/namespaces/n/pods", {"verb": "list", **PODS}),
        ("POST", "/api/v1/namespaces/n/pods", {"verb": "create", **PODS}),
        ("DELETE", "/api/v1/namespaces/n/pods", {"verb": "deletecollection", **PODS}),
        ("DELETE", "/api/v1/namespaces/n/pods/p", {"verb": "delete", **PODS, "name": "p"}),
        ("PUT", "/api/v1/namespaces/n/pods/p", {"verb": "update", **PODS, "name": "p"}),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/n/deployments/d/status",
            {"verb": "patch", **APPS, "resource": "deployments", "name": "d", "subresource": "status"},
        ),
        (
            "POST",
            "/api/v1/namespaces/n/pods/p/exec",
            {"verb": "create", **PODS, "name": "p", "subresource": "exec"},
        ),
        (
            "GET",
            "/api/v1/namespaces/n/services/s:http/proxy/a/b",
            {"verb": "get", **CORE, "resource": "services", "name": "s:http", "subresource": "proxy"},
        ),
        ("GET", "/api/v1/proxy/namespaces/n/pods/p/a/b", {"verb": "proxy", **PODS, "name": "p"}),
        ("GET", "/api/v1/namespaces/n", {"verb": "get", **CORE, "resource": "namespaces", "name": "n"}),
        (
            "PUT",
            "/api/v1/namespaces/n/finalize",
            {"verb": "update", **CORE, "resource": "namespaces", "name": "n", "subresource": "finalize"},
        ),
    ],
)
def test_a_path_with_a_namespace_is_read_as_the_api_server_reads_it(
    method: str, path: str, expected: dict[str, str]
) -> None:
    assert parse(method, path) == RequestInfo(path=path, namespace="n", **expected)


def test_namespaces_themselves_are_in_no_namespace() -> None:
    assert parse("GET", "/api/v1/namespaces") == info(
        "list", "/api/v1/namespaces", **CORE, resource="namespaces"
    )


def test_a_field_selector_for_one_name_names_the_object() -> None:
    got = parse("GET", "/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Da%2Cmetadata.name%3Dp")
    assert (got.verb, got.name) == ("watch", "p")


@pytest.mark.parametrize("selector", ["metadata.name!%3Dp", "metadata.name%3D..", "metadata.name%3Da/b", "x"])
def test_no_other_field_selector_does(selector: str) -> None:
    assert parse("GET", f"/api/v1/pods?fieldSelector={selector}").name == ""


def test_escapes_in_a_path_are_undone() -> None:
    assert parse("GET", "/api/v1/namespaces/n/pods/a%3Ab").name == "a:b"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/namespaces/n/pods"),
        ("PATCH", "/apis/example.dev/v1/namespaces/n/messages/m/status"),
        ("DELETE", "/api/v1/namespaces/n/pods"),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/n/leases/l"),
        ("POST", "/api/v1/namespaces/n/pods/p/eviction"),
        ("POST", "/api/v1/namespaces/n/pods?dryRun=All"),
    ],
)
def test_what_asks_for_a_change_is_a_write(method: str, path: str) -> None:
    assert parse(method, path).is_write


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/namespaces/n/pods/p"),
        ("GET", "/api/v1/pods?watch=true"),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
        ("POST", "/apis/authorization.k8s.io/v1/namespaces/n/localsubjectaccessreviews"),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews"),
        ("POST", "/api/v1/namespaces/n/pods/p/exec"),
        ("POST", "/api/v1/namespaces/n/pods/p/portforward"),
        ("DELETE", "/api/v1/namespaces/n/services/s/proxy/x"),
        ("POST", "/graphql"),
    ],
)
def test_reads_questions_and_connections_are_not(method: str, path: str) -> None:
    assert not parse(method, path).is_write
