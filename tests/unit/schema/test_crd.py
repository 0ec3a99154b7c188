"""The names, versions and paths of a resource are checked when its CRD is made."""

import re
from typing import Annotated, Any

import pytest

from rumpf import Cel, Column, Model, Resource, Scale, Status
from rumpf.errors import DeclarationError, SchemaError
from rumpf.manifests import crd_for
from rumpf.manifests.crd_names import priority
from rumpf.resource import ObjectMeta
from rumpf.schema.markers import Immutable


class Spec(Model):
    replicas: int = 1
    text: str = ""
    tags: tuple[str, ...] = ()


class CountStatus(Status):
    replicas: int = 0


def resource(**names: Any) -> type[Resource]:  # noqa: ANN401 - keywords of a class statement
    said: dict[str, Any] = {"group": "myorg.dev", "version": "v1", "plural": "things"} | names

    class Thing(Resource, **said):
        spec: Spec = Spec()
        status: CountStatus = CountStatus()

    return Thing


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ({"group": "myorg"}, "'myorg' is no API group"),
        ({"group": "MyOrg.dev"}, "'MyOrg.dev' is no API group"),
        ({"group": "x." + "y" * 64}, "is no API group"),
        ({"group": "apps.k8s.io"}, "'apps.k8s.io' belongs to Kubernetes"),
        ({"group": "kubernetes.io"}, "'kubernetes.io' belongs to Kubernetes"),
        ({"version": "1.0"}, "'1.0' is no version"),
        ({"version": "v0"}, "'v0' is no version"),
        ({"kind": "thing"}, "'thing' is no kind"),
        ({"plural": "Things"}, "'Things' cannot be a plural"),
        ({"singular": "a thing"}, "'a thing' cannot be a singular"),
        ({"short_names": ["T"]}, "'T' cannot be a short name"),
        ({"categories": ["all!"]}, "'all!' cannot be a category"),
        ({"short_names": ["th", "th"]}, "the name 'th' is there twice"),
        ({"short_names": ["things"]}, "the name 'things' is there twice"),
        ({"columns": [Column("A", ".spec.text"), Column("A", ".spec.text")]}, "two columns have this title"),
        ({"columns": [Column("A", "spec.text")]}, "leads nowhere: 'spec.text' cannot be read"),
        ({"columns": [Column("A", ".spec.text", format="iso")]}, "'iso' is no format of a column"),
        ({"columns": [Column("A", ".spec.text", type="date")]}, "a column of type date would stay empty"),
        ({"columns": [Column("A", ".spec.tags", type="number")]}, "a column of type number would stay empty"),
        ({"scale": Scale(spec=".status.replicas")}, "is not a path of plain names below .spec."),
        ({"scale": Scale(spec=".spec.tags[0]")}, "is not a path of plain names below .spec."),
        ({"scale": Scale(status=".status.count")}, ".status.count leads nowhere"),
        ({"scale": Scale(selector=".spec.replicas")}, ".spec.replicas is of type integer"),
        ({"selectable": [".metadata.name"]}, ".metadata.name can be selected by or not"),
        ({"selectable": [f".spec.text{number}" for number in range(9)]}, "9 selectable fields"),
        ({"served": False}, "no version is served"),
        ({"cel": [Cel("self.sepc.replicas > 0", "must be more")]}, "speaks of self.sepc, which is not there"),
    ],
    ids=str,
)
def test_a_name_or_path_that_an_api_server_would_refuse_is_refused_here(
    names: dict[str, Any], what: str
) -> None:
    with pytest.raises(DeclarationError, match=re.escape(what)) as refused:
        crd_for(resource(**names))
    assert str(refused.value).startswith(names.get("kind", "Thing"))


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ({"group": "other.dev"}, "its group is 'other.dev', and that of v1 is 'myorg.dev'"),
        ({"kind": "OldThing", "singular": "thing"}, 'all their names in common: kind="Thing"'),
        ({"namespaced": False}, "its scope is False, and that of v1 is True"),
        ({"short_names": ["ot"]}, "it has short names of its own"),
        ({"version": "v1"}, "this version is there twice"),
        ({"other_versions": [resource(version="v1alpha1")]}, "it names further versions itself"),
    ],
)
def test_what_is_no_other_version_of_the_same_resource_is_refused(names: dict[str, Any], what: str) -> None:
    other = resource(**({"version": "v1beta1"} | names))
    with pytest.raises(DeclarationError, match=re.escape(what)):
        crd_for(resource(other_versions=[other]))


def test_a_version_whose_objects_the_stored_one_would_not_read_is_refused_though_it_is_not_served() -> None:
    class Generous(Model):
        replicas: int | str = 1
        text: str = ""
        tags: tuple[str, ...] = ()

    class Thing(Resource, group="myorg.dev", version="v1beta1", plural="things", served=False):
        spec: Generous = Generous()
        status: CountStatus = CountStatus()

    with pytest.raises(
        SchemaError, match=r"Thing \(\.spec\.replicas\).*type changed \(int-or-string is now integer\)"
    ):
        crd_for(resource(other_versions=[Thing]))


def test_a_version_that_is_not_served_may_lack_what_is_new() -> None:
    class Small(Model):
        text: str = ""

    class Thing(Resource, group="myorg.dev", version="v1beta1", plural="things", served=False):
        spec: Small = Small()
        status: CountStatus = CountStatus()

    versions = crd_for(resource(other_versions=[Thing]))["spec"]["versions"]
    assert [(each["name"], each["served"], each["storage"]) for each in versions] == [
        ("v1beta1", False, False),
        ("v1", True, True),
    ]


def test_versions_stand_from_the_oldest_to_the_newest() -> None:
    names = ["v2", "v1", "v1beta2", "v1beta1", "v1alpha1", "v10", "v2alpha1"]
    assert sorted(names, key=priority) == ["v1alpha1", "v2alpha1", "v1beta1", "v1beta2", "v1", "v2", "v10"]


def test_a_resource_without_names_is_refused() -> None:
    class Shared(Resource):
        spec: Spec

    with pytest.raises(DeclarationError, match="Shared has no names"):
        crd_for(Shared)


def test_a_resource_without_a_status_has_no_status_subresource() -> None:
    class Plain(Resource, group="myorg.dev", version="v1", plural="plains", columns=[]):
        spec: Spec

    version = crd_for(Plain)["spec"]["versions"][0]
    assert "subresources" not in version
    assert "additionalPrinterColumns" not in version


@pytest.mark.parametrize(
    ("annotation", "what"),
    [
        (Annotated[ObjectMeta, Immutable()], "a schema can only say how an object may be named"),
        (Spec, "metadata is the API server's own"),
    ],
)
def test_metadata_is_left_to_the_api_server(annotation: Any, what: str) -> None:  # noqa: ANN401
    def body(namespace: dict[str, Any]) -> None:
        namespace["__annotations__"] = {"metadata": annotation}

    from types import new_class

    names = {"group": "myorg.dev", "version": "v1", "plural": "odds"}
    with pytest.raises(SchemaError, match=what):
        crd_for(new_class("Odd", (Resource,), names, body))
