"""How to start a module of this package in a process of its own."""

import sys
from pathlib import Path

import rumpf


def python(module: str) -> tuple[str, ...]:
    """The command that runs `module.main()`, isolated from the environment; it writes no bytecode.

    Not `-m`: with sudo there is no environment that tells where this package lies. And what root
    writes beside the modules of a person could not be removed by that person.
    """
    package = str(Path(rumpf.__file__).parent.parent)
    code = f"import sys; sys.path.insert(0, {package!r}); from {module} import main; main()"
    return (sys.executable, "-I", "-B", "-c", code)
