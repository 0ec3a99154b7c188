"""Release downloads: verified, resumed, and given up for the next source; from a real server."""

import socket
import threading

import pytest

from rumpf.cluster.assets import CNI_PLUGINS, download, golang
from rumpf.cluster.assets.catalog import this_platform, upstreams
from rumpf.cluster.assets.store import Site, Store
from rumpf.errors import AssetError, ChecksumMismatch, UsageError
from tests.unit.assets.origin import Origin
from tests.unit.assets.scene import (
    CNI_URL,
    COREDNS_URL,
    ETCD,
    ETCD_URL,
    HERE,
    KWOK_URL,
    Scene,
    archive,
    binary,
)

KWOK = binary("kwok version v0.8.0 go1.26.8 (linux/amd64)")


@pytest.fixture
def release(scene: Scene, origin: Origin) -> Origin:
    """Publish kwok, and pin what is published."""
    origin.files[KWOK_URL] = KWOK
    scene.pin("kwok", KWOK_URL, KWOK)
    return origin


def no_pip(_: str) -> None:
    return None


@pytest.fixture(autouse=True)
def downloads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this Python from getting a Go to build with, and the pauses between tries short."""
    monkeypatch.setattr(golang, "find_spec", no_pip)
    monkeypatch.setattr(download, "_PAUSE", 0.01)


def test_a_release_is_downloaded_checked_and_run_once(scene: Scene, release: Origin) -> None:
    path = scene.assets().ensure(["kwok"])["kwok"]

    assert path.read_bytes() == KWOK
    assert path.stat().st_mode & 0o777 == 0o755
    assert f"kwok 0.8.0: downloading {release.url}{KWOK_URL}" in scene.told
    assert scene.told.bars == [("kwok", len(KWOK), len(KWOK))]
    (row,) = scene.assets().rows(["kwok"])
    assert (row.source, row.version) == ("cache", "0.8.0")
    assert row.note == f"downloaded from {release.url.removeprefix('http://')}"
    assert scene.left_over() == []


def test_what_is_missing_says_where_it_would_come_from(scene: Scene, release: Origin) -> None:
    (row,) = scene.assets().rows(["kwok"])

    assert (row.source, row.version, row.path) == ("missing", "0.8.0", None)
    assert row.note == f"comes from https:/{KWOK_URL}, else is built from source"
    assert release.requests == []


def test_an_archive_is_unpacked_for_the_binary_alone(scene: Scene, origin: Origin) -> None:
    etcd = binary("etcd Version: 3.6.14")
    origin.files[ETCD_URL] = archive(
        {
            f"{ETCD}/README.md": b"hello",
            f"{ETCD}/etcd": etcd,
            "../../escape": b"outside",
        }
    )
    scene.pin("etcd", ETCD_URL, origin.files[ETCD_URL])

    path = scene.assets().ensure(["etcd"])["etcd"]

    assert path.read_bytes() == etcd
    assert {each.name for each in path.parent.iterdir()} == {"etcd", ".etcd.json"}
    assert scene.left_over() == []


def test_one_archive_serves_all_binaries_of_an_upstream(scene: Scene, origin: Origin) -> None:
    members = {f"./{name}": binary(f"CNI {name} plugin v1.9.1") for name in CNI_PLUGINS}
    origin.files[CNI_URL] = archive(members)
    scene.pin("cni", CNI_URL, origin.files[CNI_URL])

    paths = scene.assets().ensure(CNI_PLUGINS)

    assert {path.name for path in paths.values()} == CNI_PLUGINS
    assert len({path.parent for path in paths.values()}) == 1
    assert len(origin.requests) == 1


def test_an_archive_without_the_binary_is_not_a_success(scene: Scene, origin: Origin) -> None:
    origin.files[ETCD_URL] = archive({f"{ETCD}/README.md": b"hello"})
    scene.pin("etcd", ETCD_URL, origin.files[ETCD_URL])

    with pytest.raises(AssetError, match="the archive has no etcd in it"):
        scene.assets().ensure(["etcd"])


def test_a_wrong_checksum_is_refused_and_the_file_deleted(scene: Scene, release: Origin) -> None:
    release.files[KWOK_URL] = KWOK.replace(b"echo", b"evil", 1)

    with pytest.raises(
        AssetError, match=r"the file has sha256 [0-9a-f]{64}, pinned is [0-9a-f]{64}; it was deleted"
    ):
        scene.assets().ensure(["kwok"])

    assert "it was deleted" in scene.told
    assert scene.left_over() == []
    assert scene.assets().rows(["kwok"])[0].source == "missing"


def test_a_wrong_checksum_is_what_the_error_is_when_nothing_else_can_be_tried(
    scene: Scene, release: Origin
) -> None:
    pinned = next(each for each in upstreams("1.36") if each.name == "kwok").release("kwok", this_platform())
    assert pinned
    release.files[KWOK_URL] = b"something else"

    with pytest.raises(ChecksumMismatch, match="-> do not use that source"):
        download.download(pinned, Site(Store(scene.cache), this_platform(), scene.told), "kwok")


def test_a_truncated_download_is_resumed_from_where_it_stopped(scene: Scene, release: Origin) -> None:
    release.cut_after = [100_000, 50_000]

    assert scene.assets().ensure(["kwok"])["kwok"].read_bytes() == KWOK

    assert [asked for _, asked in release.requests] == ["", "bytes=100000-", "bytes=150000-"]
    assert "going on from byte 100000" in scene.told


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(scene: Scene, release: Origin) -> None:
    release.cut_after = [100_000, 0, 0, 0, 0]
    with pytest.raises(AssetError, match="the connection was cut"):
        scene.assets().ensure(["kwok"])
    asked_before = len(release.requests)
    assert len(scene.left_over()) == 1
    release.cut_after = []

    assert scene.assets().ensure(["kwok"])["kwok"].read_bytes() == KWOK

    assert [asked for _, asked in release.requests[asked_before:]] == ["bytes=100000-"]
    assert scene.told.bars[-1] == ("kwok", len(KWOK), len(KWOK))
    assert scene.left_over() == []


def test_a_server_without_ranges_sends_it_all_again(scene: Scene, release: Origin) -> None:
    release.ranges = False
    release.cut_after = [100_000]

    assert scene.assets().ensure(["kwok"])["kwok"].read_bytes() == KWOK

    assert [asked for _, asked in release.requests] == ["", "bytes=100000-"]


def test_a_rest_that_does_not_fit_is_thrown_away_once(scene: Scene, release: Origin) -> None:
    release.cut_after = [100_000, 0, 0, 0, 0]
    with pytest.raises(AssetError):
        scene.assets().ensure(["kwok"])
    (part,) = (scene.cache / "downloads").iterdir()
    part.write_bytes(b"x" * 100_000)
    release.cut_after = []

    assert scene.assets().ensure(["kwok"])["kwok"].read_bytes() == KWOK

    assert "starting over" in scene.told


def test_a_rest_longer_than_the_file_is_thrown_away(scene: Scene, release: Origin) -> None:
    release.cut_after = [100_000, 0, 0, 0, 0]
    with pytest.raises(AssetError):
        scene.assets().ensure(["kwok"])
    (part,) = (scene.cache / "downloads").iterdir()
    part.write_bytes(KWOK + b"and more")
    release.cut_after = []

    assert scene.assets().ensure(["kwok"])["kwok"].read_bytes() == KWOK


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_refusal_is_said_and_the_next_source_is_tried(scene: Scene, release: Origin, status: int) -> None:
    release.status = status

    with pytest.raises(AssetError) as failure:
        scene.assets().ensure(["kwok"])

    assert f"the download failed: HTTP {status}" in scene.told
    assert f"HTTP {status}" in str(failure.value)
    assert "Go 1.26.0 or newer is needed" in str(failure.value)
    assert len(release.requests) == 1


def test_a_host_that_does_not_answer_is_asked_for_nothing_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RUMPF_MIRROR", f"http://127.0.0.1:{free.getsockname()[1]}")
    scene.pin("kwok", KWOK_URL, KWOK)
    scene.pin("coredns", COREDNS_URL, KWOK)

    rows = scene.assets().fetch(["kwok", "coredns"])

    assert {row.source for row in rows} == {"missing"}
    assert "the download failed: Connection refused" in scene.told
    assert "does not answer" in scene.told
    assert sum("downloading" in line for line in scene.told.lines) == 1


def test_what_answers_no_http_is_a_failed_download(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.pin("kwok", KWOK_URL, KWOK)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("RUMPF_MIRROR", f"http://127.0.0.1:{server.getsockname()[1]}")
        stop = threading.Event()
        server.settimeout(0.05)

        def answer() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    connection.recv(4096)
                    connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            with pytest.raises(AssetError, match="no HTTP answer"):
                scene.assets().ensure(["kwok"])
        finally:
            stop.set()
            thread.join()


def test_a_binary_without_a_pin_is_never_downloaded(scene: Scene, origin: Origin) -> None:
    origin.files[KWOK_URL] = KWOK

    with pytest.raises(AssetError):
        scene.assets().ensure(["kwok"])

    assert origin.requests == []
    assert f"kwok 0.8.0: no pinned release for {HERE}" in scene.told
    assert scene.assets().rows(["kwok"])[0].note.startswith(f"no pinned release for {HERE}")


def test_a_binary_that_does_not_run_here_is_not_installed(scene: Scene, origin: Origin) -> None:
    other = b"\x7fELF of another machine"
    origin.files[KWOK_URL] = other
    scene.pin("kwok", KWOK_URL, other)

    with pytest.raises(AssetError, match="it does not run on this machine"):
        scene.assets().ensure(["kwok"])

    assert scene.assets().rows(["kwok"])[0].source == "missing"


def test_a_mirror_that_is_no_url_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.pin("kwok", KWOK_URL, KWOK)
    monkeypatch.setenv("RUMPF_MIRROR", "/srv/mirror")

    with pytest.raises(UsageError, match="RUMPF_MIRROR=/srv/mirror: not an http or https URL"):
        scene.assets().ensure(["kwok"])


@pytest.mark.usefixtures("release")
def test_getting_everything_goes_on_past_what_cannot_be_had(scene: Scene) -> None:
    rows = {row.name: row for row in scene.assets().fetch(["kwok", "coredns", "busybox"])}

    assert rows["kwok"].source == "cache"
    assert rows["coredns"].source == "missing"
    assert "Go 1.25.0 or newer is needed" in rows["coredns"].note
    assert "cannot be unpacked without apt-get and dpkg-deb" in rows["busybox"].note
