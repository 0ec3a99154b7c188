"""Which claims get a volume, and what kind of volume that is."""

from typing import Any

import pytest

from rumpf.cluster.volumes import is_released, size_of, volume_for, wants_volume


def claim(**spec: object) -> dict[str, Any]:
    return {
        "metadata": {"name": "data", "namespace": "shop", "uid": "0815"},
        "spec": {
            "storageClassName": "standard",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            **spec,
        },
        "status": {"phase": "Pending"},
    }


def volume(phase: str = "Released", **spec: object) -> dict[str, Any]:
    made = volume_for(claim(), "/volumes/pvc-0815")
    return {**made, "spec": {**made["spec"], **spec}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("quantity", "size"),
    [
        ("1Gi", 2**30),
        ("0.5Gi", 2**29),
        (".5Gi", 2**29),
        ("500M", 500 * 10**6),
        ("1", 1),
        ("+1", 1),
        ("1k", 1000),
        ("1Ki", 1024),
        ("1.5", 2),
        ("1m", 1),
        ("1500m", 2),
        ("1u", 1),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12e-1", 2),
        ("1E", 10**18),
        ("1Ei", 2**60),
        ("0.1Gi", 107_374_183),
        ("123456789123456789", 123456789123456789),
    ],
)
def test_a_quantity_is_read_as_kubernetes_reads_it_and_rounded_up(quantity: str, size: int) -> None:
    assert size_of(quantity) == size


@pytest.mark.parametrize("quantity", ["", "Gi", "1gi", "1KB", "1 Gi", "-1", "1e", "1.2.3", "1Gi5", "e3", "."])
def test_anything_else_is_no_quantity(quantity: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        size_of(quantity)


def test_a_claim_of_our_class_that_waits_wants_a_volume() -> None:
    assert wants_volume(claim())
    assert wants_volume(claim(volumeMode="Filesystem"))


@pytest.mark.parametrize(
    "spec",
    [
        {"storageClassName": "fast"},
        {"storageClassName": ""},
        {"storageClassName": None},
        {"volumeMode": "Block"},
        {"volumeName": "pv-1"},
    ],
)
def test_any_other_claim_is_somebody_elses(spec: dict[str, object]) -> None:
    assert not wants_volume(claim(**spec))


def test_a_claim_that_is_bound_or_goes_wants_nothing() -> None:
    assert not wants_volume({**claim(), "status": {"phase": "Bound"}})
    going = claim()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not wants_volume(going)


def test_a_volume_is_bound_to_its_claim_from_the_first_moment() -> None:
    made = volume_for(claim(), "/volumes/pvc-0815")
    assert made["metadata"]["name"] == "pvc-0815"
    assert made["spec"]["claimRef"] == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": "shop",
        "name": "data",
        "uid": "0815",
    }
    assert made["spec"]["capacity"] == {"storage": "1Gi"}
    assert made["spec"]["local"] == {"path": "/volumes/pvc-0815"}


def test_a_volume_that_lost_its_claim_is_taken_away() -> None:
    assert is_released(volume())


def test_a_volume_that_is_in_use_or_to_be_kept_or_somebody_elses_stays() -> None:
    assert not is_released(volume(phase="Bound"))
    assert not is_released(volume(persistentVolumeReclaimPolicy="Retain"))
    foreign = volume()
    foreign["metadata"]["annotations"] = {"pv.kubernetes.io/provisioned-by": "kubernetes.io/host-path"}
    assert not is_released(foreign)
    going = volume()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not is_released(going)
