"""The CustomResourceDefinition of a resource: its names, its versions, and the schema of each."""

from typing import Any

from rumpf.errors import DeclarationError, SchemaError
from rumpf.manifests.breaking import lost_between
from rumpf.manifests.crd_names import check_names, check_other_version, priority
from rumpf.manifests.crd_paths import check_paths, check_status
from rumpf.objects import Manifest
from rumpf.resource import Column, ObjectMeta, Resource
from rumpf.schema import Schema
from rumpf.schema.jsonpath import root
from rumpf.schema.markers import Cel, Immutable, Named, PreserveUnknown
from rumpf.schema.node import Node
from rumpf.schema.place import Place
from rumpf.schema.refusals import check_field
from rumpf.schema.rules import with_rules
from rumpf.schema.structure import object_node
from rumpf.schema.written import take_apart


def crd_for(resource: type[Resource]) -> Manifest:
    """Return the CRD of a resource and its other versions. What an API server would refuse is refused here,
    as far as that can be known without one: it alone compiles CEL.
    """  # noqa: D205 - two sentences
    if not hasattr(resource, "names"):
        raise DeclarationError(
            f"{resource.__name__} has no names",
            where=resource.__name__,
            remedy=f'write class {resource.__name__}(Resource, group="...", version="...", plural="...")',
        )
    names = resource.names
    check_names(names)
    for other in names.other_versions:
        check_names(other.names)
        check_other_version(names, other.names)
    versions = [(resource, _version(resource, stored=True))]
    versions += [(other, _version(other, stored=False)) for other in names.other_versions]
    _check_versions(versions)
    called: dict[str, Any] = {
        "kind": names.kind.kind,
        "listKind": names.list_kind,
        "plural": names.kind.plural,
        "singular": names.singular,
    }
    if names.short_names:
        called["shortNames"] = list(names.short_names)
    if names.categories:
        called["categories"] = list(names.categories)
    spec: dict[str, Any] = {
        "group": names.kind.group,
        "names": called,
        "scope": "Namespaced" if names.kind.namespaced else "Cluster",
        "versions": [version for _, version in sorted(versions, key=lambda each: priority(each[1]["name"]))],
    }
    if names.other_versions:
        spec["conversion"] = {"strategy": "None"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.kind.plural}.{names.kind.group}"},
        "spec": spec,
    }


def _version(resource: type[Resource], *, stored: bool) -> dict[str, Any]:
    names = resource.names
    schema = _root(resource)
    check_paths(resource.__name__, names, schema)
    version: dict[str, Any] = {"name": names.kind.version, "served": names.served, "storage": stored}
    if names.deprecated is not None:
        version |= {"deprecated": True} | (
            {"deprecationWarning": names.deprecated} if names.deprecated else {}
        )
    version["schema"] = {"openAPIV3Schema": schema}
    subresources: dict[str, Any] = {}
    if "status" in resource.model_fields:
        subresources["status"] = {}
    if names.scale is not None:
        selector = {"labelSelectorPath": names.scale.selector} if names.scale.selector else {}
        subresources["scale"] = {
            "specReplicasPath": names.scale.spec,
            "statusReplicasPath": names.scale.status,
            **selector,
        }
    if subresources:
        version["subresources"] = subresources
    if names.columns:
        version["additionalPrinterColumns"] = [_column(each) for each in names.columns]
    if names.selectable:
        version["selectableFields"] = [{"jsonPath": each} for each in names.selectable]
    return version


def _root(resource: type[Resource]) -> Schema:
    place = Place(resource.__name__)
    if resource.model_config.get("extra") == "allow":
        raise place.refuse(
            "it allows what it does not know, and an API server drops that", "leave out extra='allow'"
        )
    check_status(resource, place)
    metadata = _metadata(resource, place.field("metadata", "metadata"))
    node = object_node(resource, place, resource.names.cel, without=frozenset({"metadata"}))
    if resource.__doc__ is None or resource.__doc__ == Resource.__doc__:
        node.schema.pop("description", None)
    # The rules of the whole object speak of its metadata, too; the API server adds that by itself.
    known = Node(root(node.schema), node.rules)
    ruled = with_rules(known, resource.names.cel, place).schema
    properties = node.schema.get("properties", {}) | metadata
    return ruled | {"properties": properties}


def _metadata(resource: type[Resource], place: Place) -> Schema:
    info = resource.model_fields["metadata"]
    written, _ = take_apart(info.annotation, place, info.metadata)
    check_field(info, place)
    if not (isinstance(written.bare, type) and issubclass(written.bare, ObjectMeta)) or written.optional:
        raise place.refuse("metadata is the API server's own", "leave it out, or write ObjectMeta")
    if written.has(Cel, Immutable, PreserveUnknown):
        raise place.refuse(
            "a schema can only say how an object may be named",
            "write Annotated[ObjectMeta, Named(max_length=40)], or a rule of the whole resource:"
            ' cel=[Cel("self.metadata.name...", "...")]',
        )
    named = next(iter(written.all(Named)), None)
    if named is None:
        return {}
    bounds = {"maxLength": named.max_length, "pattern": named.pattern}
    name = {"type": "string", **{keyword: value for keyword, value in bounds.items() if value is not None}}
    return {"metadata": {"type": "object", "properties": {"name": name}}}


def _column(column: Column) -> dict[str, Any]:
    said: dict[str, Any] = {"name": column.title, "type": column.type, "jsonPath": column.path}
    if column.description:
        said["description"] = column.description
    if column.format:
        said["format"] = column.format
    if column.priority:
        said["priority"] = column.priority
    return said


def _check_versions(versions: list[tuple[type[Resource], dict[str, Any]]]) -> None:
    (stored, newest), *others = versions
    if not any(version["served"] for _, version in versions):
        raise DeclarationError(
            "no version is served, so nobody can have one of them",
            where=stored.__name__,
            remedy="serve one of them",
        )
    for other, version in others:
        for path, what in lost_between(
            version["schema"]["openAPIV3Schema"],
            newest["schema"]["openAPIV3Schema"],
            both_ways=version["served"],
        ):
            raise SchemaError(
                f"between {version['name']} and {newest['name']}, {what}: objects are not converted, only"
                " served as both, and this would lose what is in them or make them unreadable",
                where=f"{other.__name__} ({path})",
                remedy="give both versions the same field, optional in both; or make it another kind",
            )
