"""What a CSV says of its kinds against the schemas of its CRDs: examples, and what a console shows."""

import json
from collections.abc import Iterator

from rumpf.olm.checking.finding import Problem, error, warning
from rumpf.olm.checking.loading import Loaded
from rumpf.olm.checking.reading import numbered, record, records, text, texts
from rumpf.olm.vocabulary import EXAMPLES
from rumpf.schema.conform import faults


def examples(bundle: Loaded) -> Iterator[Problem]:
    """Examples are such that the API server takes them."""
    try:
        found: object = json.loads(text(bundle.csv, "metadata", "annotations", EXAMPLES) or "[]")
    except ValueError:
        return
    schemas = {
        (
            f"{text(crd.body, 'spec', 'group')}/{text(version, 'name')}",
            text(crd.body, "spec", "names", "kind"),
        ): (record(version, "schema", "openAPIV3Schema"))
        for crd in bundle.crds
        for version in records(crd.body, "spec", "versions")
    }
    for number, each in numbered({"found": found}, "found"):
        where = f"{bundle.csv_file}, metadata.annotations.{EXAMPLES}[{number}]"
        schema = schemas.get((text(each, "apiVersion"), text(each, "kind")), {})
        properties = record(schema, "properties")
        for field in ("spec", "status"):
            if field in each and field in properties:
                for fault in faults(each[field], properties[field], f".{field}"):
                    yield error("examples", where, fault, "mend the example")
        for field in texts(schema, "required"):
            if field not in each:
                yield error("examples", where, f".{field}: it is required", "mend the example")
        if not text(each, "metadata", "name"):
            yield error("examples", where, "it has no name", "name it")


def descriptors(bundle: Loaded) -> Iterator[Problem]:
    """What a console is told about fields is about fields that there are."""
    for number, owned in numbered(bundle.csv, "spec", "customresourcedefinitions", "owned"):
        for crd in bundle.crds:
            for version in records(crd.body, "spec", "versions"):
                if (crd.name, text(version, "name")) != (text(owned, "name"), text(owned, "version")):
                    continue
                properties = record(version, "schema", "openAPIV3Schema", "properties")
                for key, field in (("specDescriptors", "spec"), ("statusDescriptors", "status")):
                    for each in records(owned, key):
                        if not _has(record(properties, field), text(each, "path")):
                            yield warning(
                                "descriptors",
                                f"{bundle.csv_file}, owned[{number}].{key}",
                                f"there is no .{field}.{text(each, 'path')}",
                                "name a field that there is",
                            )


def _has(schema: object, path: str) -> bool:
    found = schema
    for step in path.replace("[", ".[").split("."):
        if step.startswith("["):
            found = record(found, "items") or record(found, "additionalProperties")
        else:
            found = record(found, "properties", step) or record(found, "additionalProperties")
        if not found:
            return False
    return True
