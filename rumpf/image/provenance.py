"""Where an image comes from: an in-toto statement with SLSA's provenance, as far as it can be known here.

It says what went in, not who built it or when: nobody signs it, and the same sources give the same one.
"""

import hashlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://rumpf.dev/image-build/v1"
_GIT_SECONDS = 30


def provenance(
    name: str, digest: str, source: Path, base: str | None, layers: Sequence[str]
) -> dict[str, Any]:
    """Return the statement about an image that was built from a folder.

    `base` is the image that it starts from, `layers` are the digests of its layers, those of the base first.
    """
    algorithm, _, value = digest.partition(":")
    parameters = {"containerfile": f"{source.name}/Containerfile"} | ({"base": base} if base else {})
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {algorithm: value}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": parameters,
                "internalParameters": {"layers": list(layers)},
                "resolvedDependencies": [*_commit(source), *_files(source)],
            },
            "runDetails": {"builder": {"id": "https://rumpf.dev/image-build"}},
        },
    }


def _files(source: Path) -> Iterator[dict[str, Any]]:
    for path in sorted({source / "Containerfile", *source.glob("requirements*.txt")}):
        if path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            yield {"name": f"{source.name}/{path.name}", "digest": {"sha256": digest}}


def _commit(source: Path) -> Iterator[dict[str, Any]]:
    """Yield the commit that the folder is of, if it is of one and nothing was changed since."""
    commit, changes = _git(source, "rev-parse", "HEAD"), _git(source, "status", "--porcelain")
    if commit and not changes:
        where = _git(source, "config", "--get", "remote.origin.url")
        named = {"uri": f"git+{where}"} if where and "@" not in where else {"name": "source"}
        yield named | {"digest": {"gitCommit": commit}}
    elif commit:
        yield {"name": "source", "annotations": {"changedSince": commit}}


def _git(source: Path, *words: str) -> str:
    command = ["git", "-C", str(source), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_GIT_SECONDS)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
