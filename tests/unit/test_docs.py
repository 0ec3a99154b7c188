"""The documentation says what the source says: names, signatures, links, commands, excerpts."""

import ast
import re
from pathlib import Path

import pytest
import yaml

import rumpf
from rumpf.manifests.people import peoples_roles
from rumpf.project import Project
from tests.e2e.pages import Block, blocks
from tests.unit.signatures import signature, words

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference.md"
ENGLISH, KOREAN = ROOT / "README.md", ROOT / "README.ko.md"
PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return _FENCED.sub("", page.read_text())


def entries() -> dict[str, str]:
    """Return what docs/reference.md says of each name, by name."""
    _, *found = re.split(r"^### (?=\w+$)", REFERENCE.read_text(), flags=re.MULTILINE)
    return {entry.split()[0]: entry.partition("\n## ")[0] for entry in found}


def anchor(heading: str) -> str:
    """Return what GitHub calls a heading in links."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def test_the_reference_has_every_public_name_and_no_other() -> None:
    assert sorted(entries()) == sorted(rumpf.__all__)


@pytest.mark.parametrize("name", rumpf.__all__)
def test_a_name_is_written_as_the_reference_says(name: str) -> None:
    shown = next(block.text for block in blocks(entries()[name]))
    assert shown == f"{signature(name)}\n", f"docs/reference.md is to say:\n{signature(name)}"


@pytest.mark.parametrize("name", [each for each in rumpf.__all__ if each not in {"Reconciler", "Kind"}])
def test_the_reference_tells_of_all_that_a_name_takes_and_has(name: str) -> None:
    told = _FENCED.sub("", entries()[name]).replace("`name`, `namespace`", "`name` `namespace`")
    untold = {each for each in words(name) if not re.search(rf"\b{each}\b", told)}
    # Of a view, `kind` is its class: the signature says it all.
    assert untold - ({"kind"} if name != "View" else set()) == set()


def test_the_reference_has_every_reason_that_rumpf_gives_by_itself() -> None:
    given: set[str] = set()
    for module in (ROOT / "rumpf/runtime").glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in _GIVE_REASONS:
                given |= set(filter(None, map(_reason, node.args)))
    assert {"NameTaken", "Replacing", "Invalid", "Created"} <= given
    assert {each for each in given if f"`{each}`" not in REFERENCE.read_text()} == set()


_GIVE_REASONS = {"with_ready", "Waiting", "NotOurs", "Refused", "event", "note", "_tell"}


def _reason(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)) if re.fullmatch(r"([A-Z][a-z]+)+", text):
            return "" if text in {"True", "False", "Ready", "Warning"} else text
        case _:
            return ""


def test_the_reference_has_every_variable_that_the_process_reads() -> None:
    source = "".join(each.read_text() for each in (ROOT / "rumpf/runtime").glob("*.py"))
    read = set(re.findall(r'"(RUMPF_[A-Z_]+|WATCH_NAMESPACE|POD_NAME(?:SPACE)?)"', source))
    assert {"RUMPF_HTTP", "WATCH_NAMESPACE", "POD_NAME"} <= read
    assert {each for each in read if f"`{each}`" not in REFERENCE.read_text()} == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in (first or second for first, second in _LINK.findall(prose(page))):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if heading:
            anchors = {anchor(found) for _, found in _HEADING.findall(prose(target))}
            assert heading in anchors, f"there is no heading for {link}"


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=_name)
def test_the_index_leads_to_every_page(page: Path) -> None:
    index = ROOT / "docs/README.md"
    assert page == index or f"({page.name})" in index.read_text()


@pytest.mark.parametrize("page", [ENGLISH, KOREAN, ROOT / "docs/tutorial.md", REFERENCE], ids=_name)
def test_python_in_a_page_can_be_read(page: Path) -> None:
    signatures = {f"{signature(name)}\n" for name in rumpf.__all__} if page == REFERENCE else set()
    for block in blocks(page.read_text()):
        if block.language == "python" and "excerpt" not in block.words and block.text not in signatures:
            ast.parse(block.text)


@pytest.mark.parametrize("readme", [ENGLISH, KOREAN], ids=_name)
def test_a_readme_shows_the_operator_as_it_is(readme: Path) -> None:
    operator = (ROOT / "operators/message/operator.py").read_text()
    (excerpt,) = (block for block in blocks(readme.read_text()) if "excerpt" in block.words)
    for part in excerpt.text.split("\n...\n"):
        assert part.strip() in operator
    assert f"{len(operator.splitlines())}" in prose(readme), "the number of its lines"


def test_both_readmes_have_the_same_commands_and_as_many_headings() -> None:
    english, korean = ENGLISH.read_text(), KOREAN.read_text()
    assert [_code(each) for each in blocks(english)] == [_code(each) for each in blocks(korean)]
    depths = [[len(depth) for depth, _ in _HEADING.findall(prose(each))] for each in (ENGLISH, KOREAN)]
    assert depths[0] == depths[1]
    links = [sorted(_targets(each)) for each in (ENGLISH, KOREAN)]
    assert links[0] == links[1]


def _code(block: Block) -> tuple[str, str]:
    return block.language, block.text


def _targets(page: Path) -> list[str]:
    """Return where a page links to, but for its translation."""
    links = [first or second for first, second in _LINK.findall(prose(page))]
    return [each for each in links if each not in {"README.md", "README.ko.md"}]


def test_the_first_screen_of_the_readme_is_two_commands_that_do_all() -> None:
    first, second = list(blocks(ENGLISH.read_text()))[:2]
    assert first.language == second.language == "sh"
    for block in (first, second):
        assert block.text.count("\n") == 1
        assert block.text.startswith("python3 -m venv .venv && .venv/bin/pip install")
    assert ENGLISH.read_text().splitlines().index(second.text.strip()) < 24


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/install/*.md")), ids=_name)
def test_a_page_on_installing_begins_with_what_is_not_published_yet(page: Path) -> None:
    _, first, *_ = page.read_text().split("\n\n")
    assert first.startswith("**Nothing is published yet:** ")
    assert "#before-there-is-a-release)" in first


def test_the_rights_that_the_page_on_installing_gives_to_people_are_those_of_an_editor() -> None:
    shown = (
        each for each in blocks((ROOT / "docs/install/README.md").read_text()) if each.language == "yaml"
    )
    role, binding = yaml.safe_load_all(next(each.text for each in shown if "kind: Role\n" in each.text))
    given = {
        (rule["apiGroups"][0], plural, verb)
        for rule in role["rules"]
        for plural in rule["resources"]
        for verb in rule["verbs"]
    }
    of_editors = {
        (rule["apiGroups"][0], plural, verb)
        for each in peoples_roles(Project(ROOT).load("message"))
        for rule in each["rules"]
        for plural in rule["resources"]
        for verb in rule["verbs"]
        if "/" not in plural and verb != "deletecollection"
    }
    assert given == of_editors
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["metadata"] == role["metadata"]
