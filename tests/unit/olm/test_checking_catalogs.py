"""What is wrong with a catalog is found, whatever it is; and where nothing is wrong, nothing is found."""

from pathlib import Path

import pytest

from rumpf.olm.checking import check, check_together
from rumpf.olm.checking.finding import Finding
from rumpf.olm.vocabulary import CHANNELS_LABEL, DEFAULT_CHANNEL_LABEL, PACKAGE_LABEL
from tests.unit.olm.good import RELEASED, CatalogDraft, Draft, bundle
from tests.unit.olm.spoilt_catalogs import SPOILT, Spoil


def found(draft: CatalogDraft, folder: Path) -> tuple[Finding, ...]:
    (checked,) = check(draft.write(folder))
    return checked.findings


def test_a_good_catalog_has_neither_errors_nor_warnings(tmp_path: Path) -> None:
    assert found(CatalogDraft(), tmp_path) == ()


@pytest.mark.parametrize(("spoil", "rule", "level"), SPOILT.values(), ids=SPOILT)
def test_what_is_wrong_is_found_by_its_rule(spoil: Spoil, rule: str, level: str, tmp_path: Path) -> None:
    draft = CatalogDraft()
    spoil(draft)
    named = {(each.rule, each.level) for each in found(draft, tmp_path)}
    assert (rule, level) in named, named


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = CatalogDraft().write(tmp_path)
    (folder / "more.yaml").write_text("a: [1")
    assert [(each.rule, each.where) for each in found(CatalogDraft(), folder)] == [("readable", "more.yaml")]


def test_what_a_catalog_is_told_to_ignore_is_not_read(tmp_path: Path) -> None:
    folder = CatalogDraft().write(tmp_path)
    (folder / ".indexignore").write_text("# not of the catalog\nDockerfile\n")
    (folder / "Dockerfile").write_text("FROM scratch")
    assert found(CatalogDraft(), folder) == ()


def beside(folder: Path, *drafts: Draft, **package: str) -> list[str]:
    """Return what is found in a catalog that has bundles beside it."""
    for number, each in enumerate(drafts):
        each.write(folder / "bundle" / str(number))
    catalog = CatalogDraft()
    catalog.all("olm.package")[0].update(package)
    checked = check_together([catalog.write(folder / "catalog"), folder / "bundle"], ["catalog"])
    found = [each for one in checked for each in one.findings]
    assert {(each.rule, each.level) for each in found} <= {("default-channel", "warning")}
    return [each.what for each in found]


def says(version: int = -1, **labels: str) -> Draft:
    """Return a bundle with other annotations; with an empty one, it does not say it."""
    names = {"default": DEFAULT_CHANNEL_LABEL, "channels": CHANNELS_LABEL, "package": PACKAGE_LABEL}
    draft = Draft(dict(bundle(RELEASED[version]).files))
    draft.annotations(lambda said: said.update({names[key]: value for key, value in labels.items()}))
    return draft


def test_the_default_channel_is_that_of_the_newest_bundle(tmp_path: Path) -> None:
    assert beside(tmp_path / "one", says(0, default="fast"), says()) == []
    assert beside(tmp_path / "two", says(), says(0), defaultChannel="fast") == [
        "its default channel is fast, and note-operator.v0.2.0 says stable"
    ]
    assert beside(tmp_path / "three", says(default="candidate"), says(0)) == [
        "its default channel is stable, and note-operator.v0.2.0 says candidate"
    ]


def test_a_bundle_of_one_channel_names_it_as_the_default_without_saying_so(tmp_path: Path) -> None:
    assert beside(tmp_path / "one", says(channels="fast", default="")) == [
        "its default channel is stable, and note-operator.v0.2.0 says fast"
    ]
    assert beside(tmp_path / "two", says(channels="stable,fast", default="")) == []


def test_bundles_of_other_packages_say_nothing_of_a_catalog(tmp_path: Path) -> None:
    assert beside(tmp_path, says(default="fast", package="other")) == []
