"""Every check of this repository, by name; `nox` alone runs what CI runs.

What follows `--` goes to the tool: `nox -s e2e -- --cluster kind -k status`, `nox -s bench -- cluster`.
"""

from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.sessions = ["lint", "typing", "unit", "golden", "e2e", "infra"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True

ROOT = Path(__file__).parent
LOCKS = ROOT / "requirements"

# A test that hangs says where, long before CI gives up on the whole run. Only the test itself counts: a
# first cluster may build its binaries for longer. Not in pyproject.toml, so that pytest runs without the
# plugin too.
PATIENCE = ("--timeout=600", "--override-ini=timeout_func_only=true")

GROUPS = ("nox", "lock", "lint", "typing", "test", "infra")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format, and the layers (who may import whom)."""
    install_locked(session, "lint")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache")


@nox.session
def typing(session: nox.Session) -> None:
    """Types, strictly, in the package, the tests and this file."""
    install_locked(session, "typing")
    session.run("mypy", *session.posargs)


@nox.session
def unit(session: nox.Session) -> None:
    """Pure functions and small real things; seconds."""
    install_locked(session, "test")
    install_rumpf(session)
    session.run("pytest", *PATIENCE, "tests/unit", *session.posargs)


@nox.session
def golden(session: nox.Session) -> None:
    """Declarations in, exact files out: one folder a case."""
    install_locked(session, "test")
    install_rumpf(session)
    session.run("pytest", *PATIENCE, "tests/golden", *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """Real clusters, real images. Options: --cluster, --nodes, --keep-cluster, and pytest's own."""
    install_locked(session, "test")
    install_rumpf(session)
    session.run("pytest", *PATIENCE, "tests/e2e", *session.posargs)


@nox.session
def infra(session: nox.Session) -> None:
    """The Pulumi program: what it registers, and that operators work when a cluster is given just that."""
    install_locked(session, "infra")
    install_rumpf(session)
    session.run("pytest", *PATIENCE, "tests/infra", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure: `nox -s bench -- cluster` runs bench/cluster.py; with no name, every benchmark there is."""
    install_locked(session, "test")
    install_rumpf(session)
    names, options = session.posargs[:1], session.posargs[1:]
    scripts = [ROOT / "bench" / f"{name}.py" for name in names] or sorted((ROOT / "bench").glob("*.py"))
    for script in scripts:
        if not script.is_file():
            there = ", ".join(sorted(each.stem for each in script.parent.glob("*.py"))) or "none yet"
            session.error(f"no benchmark {script.stem!r} (there is: {there})")
        session.run("python", str(script), *options)


@nox.session
def bundle(session: nox.Session) -> None:
    """Render OLM's bundles of this version and the catalogs of all, and check them."""
    install_locked(session, "test")
    install_rumpf(session)
    session.run("rumpf", "olm", "render", *session.posargs)
    session.run("rumpf", "olm", "check", "bundle", "catalog")


@nox.session
def lock(session: nox.Session) -> None:
    """Renew requirements/*.txt from pyproject.toml; `-- --upgrade` takes newer versions too."""
    install_locked(session, "lock")
    for group in GROUPS:
        compile_lock(session, f"{group}.txt", "--group", group, *what_it_runs(group))
    for source in (*sorted(ROOT.glob("images/*/requirements*.in")), ROOT / "rumpf/image/pip.in"):
        compile_lock(session, str(source.with_suffix(".txt")), str(source.relative_to(ROOT)))


def what_it_runs(group: str) -> tuple[str, ...]:
    """Return what a group needs of rumpf itself: all of it where the code is run or its types are read."""
    if group not in {"test", "typing", "infra"}:
        return ()
    pulumi = () if group == "test" else ("--extra=pulumi",)
    return ("pyproject.toml", "--extra=operators", "--extra=testing", "--extra=tracing", *pulumi)


def compile_lock(session: nox.Session, target: str, *sources: str) -> None:
    """Pin what `sources` ask for, for every platform and Python we support, naming no index."""
    session.run(
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--python-version=3.11",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--custom-compile-command=nox -s lock",
        f"--output-file={LOCKS / target}",
        *sources,
        *session.posargs,
    )


def install_locked(session: nox.Session, group: str) -> None:
    """Install exactly what requirements/<group>.txt pins, and nothing that does not match its hash."""
    session.install("--require-hashes", "-r", str(LOCKS / f"{group}.txt"))


def install_rumpf(session: nox.Session) -> None:
    """Put the working tree itself into the session; its dependencies are already there."""
    session.install("--no-deps", "--no-build-isolation", "--editable", ".")
