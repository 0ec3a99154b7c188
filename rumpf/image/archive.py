"""The one form in which every image leaves rumpf: a deterministic archive that any engine loads.

It is an OCI layout that also carries docker's manifest.json, so containerd, docker and podman all
take it. Layers are not compressed: an archive is loaded from the same disk, where packing costs
more than it saves. The same settings and layers give the same bytes.
"""

import gzip
import hashlib
import io
import json
import secrets
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from rumpf.errors import ImageError
from rumpf.image.reference import Reference

Content = bytes | Path
"""What a file or a layer holds: the bytes, or the file of this machine that has them."""

EPOCH: Final = "1970-01-01T00:00:00Z"

_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"

# What the OCI specification knows of a container's settings; engines add words of their own.
_SETTINGS: Final = frozenset(
    ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Labels", "StopSignal", "User", "Volumes", "WorkingDir")
)


@dataclass(frozen=True, slots=True)
class Image:
    """What a container of it runs with, and its layers, uncompressed, the lowest first."""

    architecture: str
    settings: Mapping[str, object]
    layers: Sequence[Content]

    @property
    def environment(self) -> Sequence[str]:
        """The variables that it sets, as `NAME=value`."""
        return tuple(cast("list[str]", self.settings.get("Env") or []))


@dataclass(frozen=True, slots=True)
class _Blob:
    content: Content
    media_type: str
    digest: str
    size: int

    @classmethod
    def of(cls, content: Content, media_type: str) -> "_Blob":
        if isinstance(content, bytes):
            return cls(content, media_type, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
        with content.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(content, media_type, f"sha256:{digest}", content.stat().st_size)

    @property
    def member(self) -> str:
        return f"blobs/{self.digest.replace(':', '/')}"

    def descriptor(self) -> dict[str, object]:
        return {"digest": self.digest, "mediaType": self.media_type, "size": self.size}


def write(path: Path, reference: Reference, image: Image) -> str:
    """Write `image` to `path` under the name `reference`; return the digest of its manifest.

    `path` is replaced in one step, or left as it was. Settings that are empty are left out.
    """
    layers = [_Blob.of(content, _LAYER) for content in image.layers]
    platform = {"architecture": image.architecture, "os": "linux"}
    config = _json_blob(
        platform
        | {
            "config": {key: value for key, value in image.settings.items() if key in _SETTINGS and value},
            "created": EPOCH,
            "rootfs": {"diff_ids": [layer.digest for layer in layers], "type": "layers"},
        },
        _CONFIG,
    )
    manifest = _json_blob(
        {
            "config": config.descriptor(),
            "layers": [layer.descriptor() for layer in layers],
            "mediaType": _MANIFEST,
            "schemaVersion": 2,
        },
        _MANIFEST,
    )
    names = {
        "io.containerd.image.name": str(reference),
        "org.opencontainers.image.ref.name": reference.tag,
    }
    described = manifest.descriptor() | {"annotations": names, "platform": platform}
    docker = {
        "Config": config.member,
        "Layers": [layer.member for layer in layers],
        "RepoTags": [str(reference)],
    }
    members: dict[str, Content] = {blob.member: blob.content for blob in (*layers, config, manifest)}
    members["index.json"] = _json({"manifests": [described], "mediaType": _INDEX, "schemaVersion": 2})
    members["manifest.json"] = _json([docker])
    members["oci-layout"] = _json({"imageLayoutVersion": "1.0.0"})
    _replace(path, members)
    return manifest.digest


def digests(image: Image) -> list[str]:
    """Return the digests of an image's layers, the lowest first."""
    return [_Blob.of(content, _LAYER).digest for content in image.layers]


def read(path: Path, scratch: Path) -> Image:
    """Read what an engine saved as a docker archive; layers are unpacked into `scratch`."""
    try:
        with tarfile.open(path) as archive:
            (entry,) = cast("list[dict[str, object]]", json.load(_member(archive, "manifest.json")))
            config = cast("dict[str, object]", json.load(_member(archive, str(entry["Config"]))))
            layers = [
                _unpacked(_member(archive, name), scratch / f"layer-{number}.tar")
                for number, name in enumerate(cast("list[str]", entry["Layers"]))
            ]
    except (tarfile.TarError, OSError, ValueError, KeyError) as error:
        raise ImageError(
            f"what the engine saved cannot be read: {error}",
            remedy="see whether the disk is full, and build again",
            where=str(path),
        ) from error
    settings = cast("dict[str, object]", config.get("config") or {})
    # The builder's mark is its version: the same sources would differ with it.
    labels = cast("dict[str, str]", settings.get("Labels") or {})
    kept = {key: value for key, value in labels.items() if not key.startswith("io.buildah.")}
    return Image(str(config["architecture"]), settings | {"Labels": kept}, layers)


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file


def _unpacked(packed: IO[bytes], target: Path) -> Path:
    magic = packed.read(4)
    packed.seek(0)
    if magic == b"\x28\xb5\x2f\xfd":
        raise ValueError("a layer is packed with zstd, which is not understood here")
    source = gzip.GzipFile(fileobj=packed) if magic.startswith(b"\x1f\x8b") else packed
    with target.open("wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
    return target


def _replace(path: Path, members: Mapping[str, Content]) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with tarfile.open(partial, mode="w", format=tarfile.PAX_FORMAT) as archive:
                for name, content in sorted(members.items()):
                    add_file(archive, tarfile.TarInfo(name), content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise ImageError(
            f"the image cannot be written: {error.strerror}",
            remedy="name a place that is writable and has room",
            where=str(path),
        ) from error


def add_file(archive: tarfile.TarFile, info: tarfile.TarInfo, content: Content) -> None:
    """Add a file of `content`. A fresh `info` has no owner but root and no time but the epoch."""
    if isinstance(content, bytes):
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    else:
        with content.open("rb") as file:
            info.size = content.stat().st_size
            archive.addfile(info, file)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _json_blob(value: object, media_type: str) -> _Blob:
    return _Blob.of(_json(value), media_type)
