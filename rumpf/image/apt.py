"""Read from apt's own settings where this machine gets Debian's packages."""

import re
from collections.abc import Iterator
from pathlib import Path

_ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)"
)
_FIELD = re.compile(r"^(?P<name>[A-Za-z-]+):[ \t]*(?P<value>.*(?:\n[ \t].*)*)", re.MULTILINE)


def machine_sources(folder: Path, suite: str) -> str:
    """Return the entries in `folder` that serve `suite`, its updates and its security fixes.

    They come out in the form of a `.sources` file, with component main alone. What belongs to other
    suites, is switched off, or lacks main (as most third parties' do) is left out. Empty where
    nothing is left.
    """
    wanted = {suite, f"{suite}-updates", f"{suite}-security"}
    stanzas: list[str] = []
    for file in sorted((*folder.glob("sources.list"), *folder.glob("sources.list.d/*"))):
        if file.suffix == ".list":
            stanzas += _from_lines(file.read_text(), wanted)
        elif file.suffix == ".sources":
            stanzas += _from_stanzas(file.read_text(), wanted)
    return "\n".join(stanzas)


def _from_stanzas(text: str, wanted: set[str]) -> Iterator[str]:
    without_comments = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n[ \t]*\n", without_comments):
        fields = {match["name"].lower(): match["value"].rstrip() for match in _FIELD.finditer(stanza)}
        suites = [suite for suite in fields.get("suites", "").split() if suite in wanted]
        enabled = fields.get("enabled", "yes").lower() not in {"no", "false", "0"}
        if (
            enabled
            and suites
            and "deb" in fields.get("types", "").split()
            and "main" in fields.get("components", "").split()
        ):
            yield _stanza(fields["uris"], " ".join(suites), fields.get("signed-by"))


def _from_lines(text: str, wanted: set[str]) -> Iterator[str]:
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if match and match["suite"] in wanted and "main" in match["components"].split():
            signed_by = re.search(r"signed-by=(\S+)", match["options"] or "")
            yield _stanza(match["uri"], match["suite"], signed_by[1] if signed_by else None)


def _stanza(uris: str, suites: str, signed_by: str | None) -> str:
    key = f"Signed-By: {signed_by}\n" if signed_by else ""
    return f"Types: deb\nURIs: {uris}\nSuites: {suites}\nComponents: main\n{key}"
