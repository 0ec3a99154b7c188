"""One release file from the network to the disk: resumed where it stopped, checked before anyone sees it."""

import http.client
import os
import random
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from rumpf.cluster.assets.catalog import Release
from rumpf.cluster.assets.store import Site, sha256_of
from rumpf.console import Advance
from rumpf.errors import ChecksumMismatch, DownloadFailed, UsageError

_PATIENCE = 20.0
_TRIES = 4
_PAUSE = 0.2
_PIECE = 1 << 18
_PARTIAL, _RANGE_WRONG = 206, 416

_REMEDY = (
    "check the network (HTTPS_PROXY is used where set), point RUMPF_MIRROR at a mirror, "
    "or put the binary into a folder named by RUMPF_BIN"
)


class Unreachable(DownloadFailed):
    """The host itself does not answer: its other files need not be tried."""


class _Cut(Exception):
    """The connection ended before the file did."""


def mirrored(url: str) -> str:
    """Where `url` is really fetched from: <RUMPF_MIRROR>/<host>/<path> where that is set."""
    mirror = os.environ.get("RUMPF_MIRROR", "").rstrip("/")
    if not mirror:
        return url
    if urlsplit(mirror).scheme not in {"http", "https"}:
        raise UsageError(
            "not an http or https URL", where=f"RUMPF_MIRROR={mirror}", remedy="write it as https://host/path"
        )
    return f"{mirror}/{url.removeprefix('https://')}"


def download(release: Release, site: Site, label: str) -> Path:
    """The release file, whole and verified; the caller deletes it.

    What arrives goes to a .part file that outlives an interruption of any kind; the next call goes on
    from there. A file with another sha256 is deleted and refused.
    """
    url = mirrored(release.url)
    folder = site.store.root / "downloads"
    part = folder / f"{release.sha256[:16]}-{release.url.rpartition('/')[2]}.part"
    with site.store.writing():
        folder.mkdir(parents=True, exist_ok=True)
    resumed = part.exists()
    _fetch(url, part, site, label)
    found = sha256_of(part)
    if resumed and found != release.sha256:
        # What lay there may be to blame, not the server: one clean try decides.
        site.console.say(f"{label}: what an earlier download left does not fit; starting over")
        part.unlink()
        _fetch(url, part, site, label)
        found = sha256_of(part)
    if found != release.sha256:
        part.unlink()
        raise ChecksumMismatch(
            f"the file has sha256 {found}, pinned is {release.sha256}; it was deleted",
            where=url,
            remedy="do not use that source: it does not serve what upstream released",
        )
    return part.rename(part.with_suffix(""))


def _fetch(url: str, part: Path, site: Site, label: str) -> None:
    """Receive until it is whole; go on after every cut, as long as something arrives now and then."""
    begun = _size(part)
    tries = 0
    while True:
        before = _size(part)
        try:
            return _receive(url, part, site, label)
        except (_Cut, OSError) as error:
            after = _size(part)
            tries = tries + 1 if after <= before else 1
            never_answered = isinstance(error, OSError) and after == begun
            if tries >= _TRIES or never_answered or isinstance(error, urllib.error.HTTPError):
                raise _failed(url, error) from error
            site.console.say(f"{label}: {_words(error)}; going on from byte {after}")
        time.sleep(min(_PAUSE * 2**tries, 5.0) * random.uniform(0.5, 1.0))  # noqa: S311 (jitter, no secret)


def _receive(url: str, part: Path, site: Site, label: str) -> None:
    start = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "rumpf"})  # noqa: S310 (http or https)
    if start:
        request.add_header("Range", f"bytes={start}-")
    with _opened(request, part) as answer:
        if start and not _continues(answer, start):
            start = 0  # it sends all of it again: no Range there
        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        with site.console.bar(label, total) as advance, site.store.writing():
            advance(start)
            _copy(answer, part, advance, append=bool(start))
    if total is not None and _size(part) < total:
        raise _Cut("the connection was cut")


def _opened(request: urllib.request.Request, part: Path) -> http.client.HTTPResponse:
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_PATIENCE)  # noqa: S310
    except http.client.HTTPException as error:
        raise _Cut(f"no HTTP answer ({type(error).__name__})") from error
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == _RANGE_WRONG:
            # There is no more than we have: whole, or wrong. The checksum tells; here, begin anew.
            part.unlink(missing_ok=True)
            raise _Cut("the server has no more than what is here") from error
        raise
    return answer


def _continues(answer: http.client.HTTPResponse, start: int) -> bool:
    return answer.status == _PARTIAL and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _copy(answer: http.client.HTTPResponse, part: Path, advance: Advance, *, append: bool) -> None:
    # No buffers on either side: what has arrived is on the disk, whatever happens to this process.
    with part.open("ab" if append else "wb", buffering=0) as file:
        while True:
            try:
                piece = answer.read1(_PIECE)
            except (OSError, http.client.HTTPException) as error:
                # Kept apart from what the disk says: that must not be tried again.
                raise _Cut(f"the connection was cut ({_words(error)})") from error
            if not piece:
                return
            rest = memoryview(piece)
            while rest:
                rest = rest[file.write(rest) :]
            advance(len(piece))


def _size(part: Path) -> int:
    with suppress(FileNotFoundError):
        return part.stat().st_size
    return 0


def _failed(url: str, error: Exception) -> DownloadFailed:
    no_answer = isinstance(error, OSError) and not isinstance(error, urllib.error.HTTPError)
    kind = Unreachable if no_answer else DownloadFailed
    return kind(f"the download failed: {_words(error)}", where=url, remedy=_REMEDY)


def _words(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    words = reason.strerror if isinstance(reason, OSError) else None
    return words or str(reason) or type(error).__name__
