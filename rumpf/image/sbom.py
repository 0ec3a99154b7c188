"""The bill of materials of an image, as CycloneDX: the same for the same image, with no time in it."""

import uuid
from typing import Any
from urllib.parse import quote

from rumpf.image.inventory import Inventory, Package
from rumpf.image.reference import Reference

SPEC_VERSION = "1.6"
_CPE = "cpe:2.3:a:{name}:{name}:{version}:*:*:*:*:*:*:*"
_NAMESPACE = uuid.UUID("4f2d0a86-7a63-5c0e-9e39-7c7a0c1f5f11")


def bill_of_materials(
    reference: Reference, digest: str, architecture: str, found: Inventory
) -> dict[str, Any]:
    """Return the bill of materials of an image, for any program that reads CycloneDX."""
    name = f"{reference.registry}/{reference.repository}"
    itself = f"pkg:oci/{quote(reference.repository.rpartition('/')[2])}@{quote(digest)}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        # One bill for one image: whoever makes it again makes the same.
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, digest)}",
        "version": 1,
        "metadata": {
            "component": {
                "bom-ref": itself,
                "type": "container",
                "name": name,
                "version": digest,
                "purl": f"{itself}?repository_url={quote(name, safe='')}&arch={architecture}",
            },
            "tools": {"components": [{"type": "application", "name": "rumpf"}]},
        },
        "components": [_component(each, found.system) for each in found.packages],
        "dependencies": [
            {"ref": itself, "dependsOn": [purl(each, found.system) for each in found.packages]},
        ],
    }


def purl(package: Package, system: str) -> str:
    """Return the address of a package, by which scanners know it."""
    version = quote(package.version, safe="")
    if package.kind == "pypi":
        return f"pkg:pypi/{quote(package.name)}@{version}"
    if package.kind == "generic":
        return f"pkg:generic/{quote(package.name)}@{version}"
    distribution, _, _ = system.partition("-")
    qualifiers = [f"arch={package.architecture}"] if package.architecture else []
    qualifiers += [f"distro={system}"] if system else []
    asked = f"?{'&'.join(qualifiers)}" if qualifiers else ""
    return f"pkg:deb/{distribution or 'debian'}/{quote(package.name, safe='')}@{version}{asked}"


def _component(package: Package, system: str) -> dict[str, Any]:
    address = purl(package, system)
    component: dict[str, Any] = {
        "bom-ref": address,
        "type": "library",
        "name": package.name,
        "version": package.version,
        "purl": address,
    }
    if package.kind == "generic":
        # Nobody's package: scanners know its faults by this name alone.
        component |= {"type": "application", "cpe": _CPE.format(name=package.name, version=package.version)}
    if package.stripped:
        component["properties"] = [{"name": "rumpf:programs", "value": "removed"}]
    if package.licence:
        component["licenses"] = [{"license": {"name": package.licence}}]
    return component
