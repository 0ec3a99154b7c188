"""What is not there yet: a release download, then a build, each tried in turn and said aloud."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rumpf.cluster.assets.catalog import Upstream
from rumpf.cluster.assets.onpath import run_for_version, version_in
from rumpf.cluster.assets.store import Site
from rumpf.errors import AssetError, DiskFull


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Brings binaries into the cache. One is made for a run: it remembers which hosts do not answer."""

    site: Site
    unreachable: set[str] = field(default_factory=set[str])

    def fetch(self, upstream: Upstream, names: list[str]) -> None:
        """Get these binaries from the first source that has them. The caller holds the upstream's lock."""
        failures: list[AssetError] = []
        missing = names
        for source in (self._download, self._build) if upstream.packages else (self._from_distribution,):
            try:
                source(upstream, missing)
            except DiskFull:
                raise  # no other source has more room
            except AssetError as error:
                failures.append(error)
                self.site.console.say(
                    f"{upstream}: {error.what}" + (f" ({error.where})" if error.where else "")
                )
            missing = [name for name in missing if not self._is_there(upstream, name)]
            if not missing:
                return
        raise _all_failed(upstream, missing, failures)

    def _is_there(self, upstream: Upstream, name: str) -> bool:
        return self.site.store.find(upstream.folder(self.site.machine), name) is not None

    def _download(self, upstream: Upstream, names: list[str]) -> None:
        # An archive is unpacked for all that it has of this upstream, not only for what was asked.
        inside: dict[str, list[str]] = {}
        for name in upstream.binaries if upstream.member else names:
            if release := upstream.release(name, self.site.machine):
                inside.setdefault(release.url, []).append(name)
        if not inside:
            self.site.console.say(f"{upstream}: no pinned release for {self.site.machine}")
        for held in inside.values():
            self._download_one(upstream, held)

    def _download_one(self, upstream: Upstream, names: list[str]) -> None:
        from rumpf.cluster.assets.download import Unreachable, download, mirrored
        from rumpf.cluster.assets.unpack import unpack

        releases = {name: release for name in names if (release := upstream.release(name, self.site.machine))}
        release = releases[names[0]]
        url = mirrored(release.url)
        host = urlsplit(url).netloc
        if host in self.unreachable:
            raise Unreachable(
                f"not downloaded: {host} does not answer", remedy="check the network", where=url
            )
        self.site.console.say(f"{upstream}: downloading {url}")
        try:
            file = download(release, self.site, ", ".join(names))
        except Unreachable:
            self.unreachable.add(host)
            raise
        try:
            with self.site.store.scratch() as scratch, self.site.store.writing():
                members = {name: each.member for name, each in releases.items() if each.member}
                found = unpack(file, members, scratch) if members else {names[0]: file}
                self._install(upstream, found, f"downloaded from {host}")
        finally:
            file.unlink(missing_ok=True)

    def _build(self, upstream: Upstream, names: list[str]) -> None:
        from rumpf.cluster.assets.build import build

        wanted = upstream.binaries if upstream.together else names
        with self.site.store.scratch() as scratch:
            built = build(upstream, wanted, scratch, self.site)
            self._install(upstream, built.binaries, f"built with Go {built.go.version}")

    def _from_distribution(self, upstream: Upstream, names: list[str]) -> None:
        import shutil

        from rumpf.cluster.assets.debian import program_in, unpacked

        package = "busybox-static"
        tree = unpacked((package,), self.site)
        with self.site.store.scratch() as scratch:
            with self.site.store.writing():
                copy = shutil.copyfile(program_in(tree, upstream.name), scratch / upstream.name)
            self._install(upstream, {upstream.name: copy}, f"from the package {package}")

    def _install(self, upstream: Upstream, found: Mapping[str, Path], origin: str) -> None:
        """Put each into the cache, once it has shown that it runs here."""
        folder = upstream.folder(self.site.machine)
        for name, file in found.items():
            file.chmod(0o755)
            said = run_for_version(file, upstream.asks(name))
            if not said:
                raise AssetError(
                    "it does not run on this machine",
                    where=str(file),
                    remedy="check that the cache is not on a disk mounted noexec (RUMPF_CACHE moves it)",
                )
            version = version_in(said) or upstream.version
            self.site.store.install(folder, name, file, version=version, origin=origin)
            self.site.console.say(f"{name} {version}: {origin}")


def _all_failed(upstream: Upstream, missing: list[str], failures: list[AssetError]) -> AssetError:
    """The last failure, with those before it told."""
    where = f"{upstream} ({', '.join(missing)})"
    if not failures:
        return AssetError("no source has it", where=where, remedy="put it into a folder named by RUMPF_BIN")
    *before, last = failures
    tried = "".join(f"\nbefore that, {error.where}: {error.what}" for error in before)
    return type(last)(last.what + tried, where=where, remedy=last.remedy)
