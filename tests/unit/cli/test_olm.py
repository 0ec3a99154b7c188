"""`rumpf olm`: bundles and catalogs from a project's operators, images of them, and a check of both."""

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

from rumpf.cli.check import findings_of
from rumpf.errors import CheckFailed, DeclarationError, UsageError
from rumpf.olm.words import package_for, version_of
from rumpf.project import Project

Run = Callable[..., Result]

DIGEST = f"sha256:{'a' * 64}"
CSV = "bundle/note/{}/manifests/note-operator.clusterserviceversion.yaml"
CATALOG = "catalog/note/catalog.yaml"


@pytest.fixture
def packaged(project: Path, run: Run) -> Path:
    """The project, with digests for two releases, of which the first is rendered."""
    images = {each for number in ("0.1.0", "0.2.0") for each in images_of(project, number)}
    (project / "bundle").mkdir()
    pins = "\n".join(f'"{image}" = "{DIGEST}"' for image in sorted(images))
    (project / "bundle/releases.toml").write_text(f"[images]\n{pins}\n")
    run("olm", "render")
    return project


def images_of(project: Path, number: str) -> set[str]:
    operator = Project(project).load("note")
    settings = {each.default for each in operator.settings if each.name.endswith("IMAGE")}
    return {operator.image, *settings, f"{operator.image.partition(':')[0]}:{number}"}


def release(project: Path, number: str) -> None:
    """Raise the version of a project."""
    path = project / "pyproject.toml"
    lines = [
        f'version = "{number}"' if line.startswith("version = ") else line
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines))


def blobs(path: Path, schema: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each["schema"] == schema]


def test_a_project_is_packaged_though_nobody_wrote_a_word_for_it(packaged: Path) -> None:
    csv = yaml.safe_load((packaged / CSV.format("0.1.0")).read_text())
    assert csv["spec"]["displayName"] == "Note"
    assert csv["spec"]["version"] == "0.1.0"
    (package,) = blobs(packaged / CATALOG, "olm.package")
    assert (package["name"], package["defaultChannel"]) == ("note-operator", "stable")
    assert (packaged / "catalog.Dockerfile").is_file()


def test_rendering_again_changes_nothing(packaged: Path, run: Run) -> None:
    before = {path: path.read_bytes() for path in packaged.rglob("*") if path.is_file()}
    assert "all files are what their source says" in run("olm", "render").output
    assert {path: path.read_bytes() for path in packaged.rglob("*") if path.is_file()} == before


def test_words_are_taken_from_where_they_were_written(packaged: Path) -> None:
    folder = packaged / "operators/note"
    (folder / "README.md").write_text("# Sticky notes\n\nThey stick.\n")
    (folder / "icon.svg").write_text("<svg></svg>")
    with (packaged / "pyproject.toml").open("a") as file:
        file.write(
            '\n[tool.rumpf.olm]\nprovider = { name = "Notes" }\n'
            'maintainers = [{ name = "A", email = "a@example.com" }]\n'
            'links = [{ name = "Source", url = "https://example.com" }]\nmin-kubernetes = "1.30.0"\n'
            '[tool.rumpf.olm.operators.note]\ncategories = ["Storage"]\nkeywords = ["paper"]\n'
        )
    project = Project(packaged)
    package = package_for(project, project.load("note"))
    assert (package.display_name, package.description) == ("Sticky notes", "They stick.\n")
    assert (package.provider, package.icon) == ("Notes", b"<svg></svg>")
    assert (package.categories, package.keywords) == (("Storage",), ("paper",))
    assert dict(package.maintainers) == {"A": "a@example.com"}
    assert (dict(package.links), package.min_kubernetes) == ({"Source": "https://example.com"}, "1.30.0")


def test_a_slip_in_the_words_is_named(packaged: Path, run: Run) -> None:
    with (packaged / "pyproject.toml").open("a") as file:
        file.write('\n[tool.rumpf.olm.operators.note]\ncategory = "Storage"\n')
    with pytest.raises(DeclarationError, match="nothing here is called category"):
        run("olm", "render")


def test_the_number_of_a_release_is_the_projects_version(project: Path) -> None:
    assert str(version_of(Project(project))) == "0.1.0"
    (project / "pyproject.toml").write_text('[tool.hatch.version]\npath = "note.py"\n')
    (project / "note.py").write_text('__version__ = "1.2.3"\n')
    assert str(version_of(Project(project))) == "1.2.3"
    (project / "note.py").write_text('__version__ = "soon"\n')
    with pytest.raises(DeclarationError, match="no version that OLM can compare"):
        version_of(Project(project))


def test_an_image_that_nobody_wrote_the_digest_of_is_refused(project: Path, run: Run) -> None:
    with pytest.raises(DeclarationError, match="is not known"):
        run("olm", "render")
    assert not (project / "bundle").exists()


def test_a_new_release_leaves_the_one_before_as_it_was(packaged: Path, run: Run) -> None:
    old = {path: path.read_bytes() for path in (packaged / "bundle/note/0.1.0").rglob("*") if path.is_file()}
    release(packaged, "0.2.0")
    run("olm", "render")
    assert {path: path.read_bytes() for path in old} == old
    csv = yaml.safe_load((packaged / CSV.format("0.2.0")).read_text())
    assert csv["spec"]["replaces"] == "note-operator.v0.1.0"
    assert csv["metadata"]["annotations"]["olm.skipRange"] == ">=0.1.0 <0.2.0"
    for channel in blobs(packaged / CATALOG, "olm.channel"):
        assert channel["entries"] == [
            {"name": "note-operator.v0.1.0"},
            {
                "name": "note-operator.v0.2.0",
                "replaces": "note-operator.v0.1.0",
                "skipRange": ">=0.1.0 <0.2.0",
            },
        ]
    assert {each["name"] for each in blobs(packaged / CATALOG, "olm.channel")} == {
        "candidate",
        "fast",
        "stable",
    }


def test_a_version_before_one_that_was_released_is_refused(packaged: Path, run: Run) -> None:
    release(packaged, "0.0.9")
    with pytest.raises(DeclarationError, match=r"0\.1\.0 was released, and the project is at 0\.0\.9"):
        run("olm", "render")


def test_a_channel_comes_as_far_as_the_ledger_says(packaged: Path, run: Run) -> None:
    release(packaged, "0.2.0")
    with (packaged / "bundle/releases.toml").open("a") as file:
        file.write('[channels]\nstable = "0.1.0"\n[deprecated]\n"note-operator.v0.1.0" = "It loses notes."\n')
    run("olm", "render")
    entries = {
        each["name"]: [entry["name"][-6:] for entry in each["entries"]]
        for each in blobs(packaged / CATALOG, "olm.channel")
    }
    assert entries == {
        "candidate": ["v0.1.0", "v0.2.0"],
        "fast": ["v0.1.0", "v0.2.0"],
        "stable": ["v0.1.0"],
    }
    (deprecations,) = blobs(packaged / CATALOG, "olm.deprecations")
    assert deprecations["entries"] == [
        {"reference": {"schema": "olm.bundle", "name": "note-operator.v0.1.0"}, "message": "It loses notes."}
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[images]\n"a:1" = "latest"\n', "no digest"),
        ("[image]\n", "no part is called image"),
        ('[releases."one"]\n', "no version"),
        ('[releases."0.1.0"]\nplatform = 1\n', "nothing is called platform"),
        ('[releases."0.1.0"]\nreleased = "soon"\n', "neither true nor false"),
        ('[channels]\nstable = "new"\n', "no version"),
        ('[channels]\nstabel = "0.1.0"\n', "no channel is called stabel"),
        ('[channels]\nstable = "0.0.9"\n', r"0\.0\.9 was never released"),
        ('[deprecated]\n"note-operator.v0.1" = "Old."\n', r"a package is called note-operator\.v0\.1"),
        ('[channels]\nfast = "0.1.0"\n', "stable is ahead of fast, which has come to 0.1.0"),
        ('[releases."0.3.0"]\n', r"0\.3\.0 was never released"),
        ('[releases."0.1.0"]\ndate = "soon"\n', "no date"),
        ('[releases."0.1.0"]\nplatforms = "linux"\n', "no platforms"),
        ('[releases."0.1.0"]\nplatforms = ["linux"]\n', "no platforms"),
        ("[images\n", "no TOML"),
    ],
)
def test_a_slip_in_the_ledger_is_named(packaged: Path, run: Run, text: str, complaint: str) -> None:
    (packaged / "bundle/releases.toml").write_text(text)
    with pytest.raises(DeclarationError, match=complaint):
        run("olm", "render")


def test_something_else_is_tried_out_elsewhere(packaged: Path, run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--into"):
        run("olm", "render", "--image=note:dev")
    with pytest.raises(UsageError, match="no operator has a setting MOOD"):
        run("olm", "render", "--into=try", "--set=MOOD=merry")
    before = (packaged / CSV.format("0.1.0")).read_text()
    run("olm", "render", f"--into={tmp_path / 'try'}", "--image=note:dev")
    assert "image: note:dev" in (tmp_path / "try" / CSV.format("0.1.0")).read_text()
    assert (packaged / CSV.format("0.1.0")).read_text() == before


def test_the_image_of_a_bundle_holds_what_the_catalog_holds(packaged: Path, run: Run, tmp_path: Path) -> None:
    release(packaged, "0.2.0")
    run("olm", "render")
    said = run("olm", "image", "bundle", "--prefix=ghcr.io/notes", "--into=images").output
    named = dict(line.split("  ") for line in said.splitlines())
    assert run("olm", "image", "bundle", "--prefix=ghcr.io/notes", "--into=images").output == said
    run("olm", "render", f"--into={tmp_path / 'try'}", "--bundle-images=ghcr.io/notes")
    bundles = blobs(tmp_path / "try" / CATALOG, "olm.bundle")
    assert {each["image"] for each in bundles} == set(named.values())
    inline = {each["name"]: each for each in blobs(packaged / CATALOG, "olm.bundle")}
    for archive, image in named.items():
        (name,) = (each["name"] for each in bundles if each["image"] == image)
        held = {
            each["value"]["data"]
            for each in inline[name]["properties"]
            if each["type"] == "olm.bundle.object"
        }
        files = contents(packaged / archive)
        assert len([path for path in files if path.startswith("manifests/")]) == len(held)
        folder = packaged / "bundle/note" / name.partition(".v")[2]
        assert all((folder / path).read_bytes() == data for path, data in files.items())


def contents(archive: Path) -> dict[str, bytes]:
    """Return the files in the only layer of an image."""
    with tarfile.open(archive) as outer:
        index = json.load(outer.extractfile("index.json"))  # type: ignore[arg-type]
        manifest = blob(outer, index["manifests"][0]["digest"])
        (layer,) = json.loads(manifest)["layers"]
        data = blob(outer, layer["digest"])
    with tarfile.open(fileobj=io.BytesIO(data)) as inner:
        return {
            each.name: inner.extractfile(each).read()  # type: ignore[union-attr]
            for each in inner.getmembers()
            if each.isfile()
        }


def blob(archive: tarfile.TarFile, digest: str) -> bytes:
    found = archive.extractfile(f"blobs/{digest.replace(':', '/')}")
    assert found is not None
    return found.read()


def test_what_differs_from_its_source_is_found_by_the_check_of_the_project(packaged: Path, run: Run) -> None:
    assert run("check").exit_code == 0
    path = packaged / CSV.format("0.1.0")
    path.write_text(path.read_text().replace("displayName: Note\n", "displayName: Other\n"))
    (packaged / "bundle/note/0.1.0/manifests/more.yaml").write_text("a: 1\n")
    (packaged / CATALOG).unlink()
    with pytest.raises(CheckFailed, match="3 things"):
        run("check")
    run("olm", "render")
    assert run("check").exit_code == 0
    assert not (packaged / "bundle/note/0.1.0/manifests/more.yaml").exists()


def test_a_released_bundle_that_somebody_edited_or_deleted_is_found(packaged: Path, run: Run) -> None:
    def git(*words: str) -> None:
        name = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", "-C", packaged, *name, *words], check=True, capture_output=True)

    release(packaged, "0.2.0")
    run("olm", "render")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "0.2.0")
    assert run("check").exit_code == 0
    path = packaged / "bundle/note/0.1.0/metadata/annotations.yaml"
    path.write_text(f"{path.read_text()}\n")
    with pytest.raises(CheckFailed, match="1 thing"):
        run("check")
    git("checkout", "-q", "--", ".")
    path.unlink()
    with pytest.raises(CheckFailed, match="1 thing"):
        run("check")
    # As if it had never been: the catalog is rendered anew, and agrees.
    shutil.rmtree(packaged / "bundle/note/0.1.0")
    run("olm", "render")
    project = Project(packaged)
    gone = {each.where for each in findings_of(project, project.load("note"))}
    assert CSV.format("0.1.0") in gone
    shutil.rmtree(packaged / "bundle")
    with pytest.raises(DeclarationError, match=r"bundle/releases\.toml"):
        run("check")


def test_who_names_no_channel_gets_what_the_newest_bundle_says(packaged: Path, run: Run) -> None:
    release(packaged, "0.2.0-rc.1")
    run("olm", "render")
    # What comes before a release is for those who try it, and changes nothing for all others.
    assert blobs(packaged / CATALOG, "olm.package")[0]["defaultChannel"] == "stable"
    release(packaged, "0.2.0")
    shutil.rmtree(packaged / "bundle/note/0.1.0")
    ledger = packaged / "bundle/releases.toml"
    before = ledger.read_text()
    ledger.write_text(f'{before}[channels]\nstable = "0.2.0-rc.1"\n')
    with pytest.raises(DeclarationError, match="would be fast, and its newest bundle says stable"):
        run("olm", "render")
    with pytest.raises(DeclarationError, match="would be fast, and its newest bundle says stable"):
        run("check")
    shutil.rmtree(packaged / "bundle/note")
    # Another operator of the project had a release before: this one's first is not yet a stable one.
    (packaged / "bundle/older/0.1.0").mkdir(parents=True)
    (packaged / "operators/older").mkdir()
    (packaged / "operators/older/operator.py").touch()
    ledger.write_text(f'{before}[channels]\nstable = "0.1.0"\n')
    run("olm", "render", "note")
    assert blobs(packaged / CATALOG, "olm.package")[0]["defaultChannel"] == "fast"


def test_what_people_have_needs_another_number_to_change(packaged: Path, run: Run) -> None:
    with (packaged / "bundle/releases.toml").open("a") as file:
        file.write('[releases."0.1.0"]\nreleased = true\n')
    run("olm", "render")
    assert run("check").exit_code == 0
    before = (packaged / CSV.format("0.1.0")).read_text()
    (packaged / "operators/note/README.md").write_text("# Sticky notes\n\nThey stick.\n")
    with pytest.raises(DeclarationError, match=r"0\.1\.0 was released, and would be another"):
        run("olm", "render")
    project = Project(packaged)
    remedies = {each.where: each.remedy for each in findings_of(project, project.load("note"))}
    assert remedies[CSV.format("0.1.0")].startswith("0.1.0 was released: raise the project's version")
    assert remedies[CATALOG] == "rumpf olm render note"
    release(packaged, "0.2.0")
    run("olm", "render")
    assert (packaged / CSV.format("0.1.0")).read_text() == before
    assert run("check").exit_code == 0


def test_a_project_without_bundles_is_not_asked_for_any(project: Path, run: Run) -> None:
    assert not (project / "bundle").exists()
    assert run("check").exit_code == 0


def test_what_is_checked_is_said_and_so_is_what_is_wrong(packaged: Path, run: Run) -> None:
    fine = ["--suite=default", "--suite=good-practices", "--suite=catalog"]
    done = run("olm", "check", "bundle", "catalog", *fine)
    assert done.exit_code == 0
    assert "bundle bundle/note/0.1.0, catalog catalog: as it should be" in done.output
    path = packaged / CSV.format("0.1.0")
    path.write_text(path.read_text().replace("minKubeVersion: 1.28.0", "minKubeVersion: '1.28'"))
    with pytest.raises(CheckFailed, match="1 thing"):
        run("olm", "check", "bundle", *fine)


def test_a_warning_is_enough_to_fail_unless_only_errors_count(packaged: Path, run: Run) -> None:
    path = packaged / CSV.format("0.1.0")
    path.write_text(path.read_text().replace("  minKubeVersion: 1.28.0\n", ""))
    with pytest.raises(CheckFailed):
        run("olm", "check", "bundle", "--suite=default")
    assert run("olm", "check", "bundle", "--suite=default", "--errors-only").exit_code == 0


def test_programs_are_told_in_json(packaged: Path) -> None:
    path = packaged / CSV.format("0.1.0")
    path.write_text(path.read_text().replace("  minKubeVersion: 1.28.0\n", ""))
    command = ["python", "-m", "rumpf", "olm", "check", "bundle", "--suite=default", "--output=json"]
    done = subprocess.run(command, cwd=packaged, capture_output=True, text=True, check=False)
    assert done.returncode == 8
    said = json.loads(done.stdout)
    assert said["passed"]
    assert said["checked"] == [{"path": "bundle/note/0.1.0", "kind": "bundle"}]
    (finding,) = said["findings"]
    assert (finding["suite"], finding["rule"], finding["level"]) == ("default", "kubernetes", "warning")
    assert finding.keys() == {"path", "suite", "rule", "level", "where", "what", "remedy"}


@pytest.mark.parametrize("folder", ["nowhere", "operators"])
def test_a_folder_with_neither_is_refused(packaged: Path, run: Run, folder: str) -> None:
    assert packaged.is_dir()
    with pytest.raises(UsageError):
        run("olm", "check", folder)
