from pathlib import Path

import pytest

from rumpf.image.apt import machine_sources

MACHINE = """\
# what this machine uses
Types: deb deb-src
URIs: http://mirror.test/debian
# backports are another suite
Suites: trove trove-updates trove-backports
Components: main contrib
Signed-By: /keys/debian.gpg

Types: deb
URIs: http://mirror.test/debian-security
Suites: trove-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----
"""


def test_the_suite_its_updates_and_its_fixes_are_taken_with_their_keys(tmp_path: Path) -> None:
    _write(tmp_path, "debian.sources", MACHINE)
    assert machine_sources(tmp_path, "trove") == (
        "Types: deb\n"
        "URIs: http://mirror.test/debian\n"
        "Suites: trove trove-updates\n"
        "Components: main\n"
        "Signed-By: /keys/debian.gpg\n"
        "\n"
        "Types: deb\n"
        "URIs: http://mirror.test/debian-security\n"
        "Suites: trove-security\n"
        "Components: main\n"
        "Signed-By: \n"
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
        " .\n"
        " abc\n"
        " -----END PGP PUBLIC KEY BLOCK-----\n"
    )


def test_lines_of_the_older_form_are_taken_too(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(
        "deb [arch=amd64 signed-by=/keys/a.gpg] http://mirror.test/debian trove main contrib # home\n"
        "deb http://mirror.test/debian trove-updates main\n"
        "# deb http://mirror.test/debian trove-security main\n"
        "deb-src http://mirror.test/debian trove main\n"
    )
    assert machine_sources(tmp_path, "trove") == (
        "Types: deb\nURIs: http://mirror.test/debian\nSuites: trove\nComponents: main\n"
        "Signed-By: /keys/a.gpg\n"
        "\n"
        "Types: deb\nURIs: http://mirror.test/debian\nSuites: trove-updates\nComponents: main\n"
    )


@pytest.mark.parametrize(
    "stanza",
    [
        "Types: deb\nURIs: http://x.test\nSuites: other\nComponents: main\n",
        "Types: deb\nURIs: http://x.test\nSuites: trove\nComponents: stable\n",
        "Types: deb\nURIs: http://x.test\nSuites: trove\nComponents: main\nEnabled: no\n",
        "Types: deb-src\nURIs: http://x.test\nSuites: trove\nComponents: main\n",
        "",
    ],
    ids=["another suite", "a third party", "switched off", "sources alone", "nothing"],
)
def test_what_does_not_serve_the_suite_is_left_out(tmp_path: Path, stanza: str) -> None:
    _write(tmp_path, "x.sources", stanza)
    _write(tmp_path, "debian.sources.disabled", MACHINE)
    assert machine_sources(tmp_path, "trove") == ""


def test_a_machine_without_apt_has_none(tmp_path: Path) -> None:
    assert machine_sources(tmp_path / "missing", "trove") == ""


def _write(folder: Path, name: str, text: str) -> None:
    (folder / "sources.list.d").mkdir(exist_ok=True)
    (folder / "sources.list.d" / name).write_text(text)
