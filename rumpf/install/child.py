"""The process of an operator that is run from here: it imports first, starts when told to, never outlives us.

Told by its standard input: a line starts it; the end of it, when whoever started this is gone, ends it.
"""

import contextlib
import importlib
import os
import runpy
import shutil
import signal
import sys
import threading
from pathlib import Path

_PRIVATE = "rumpf-run-"
"""As in `rumpf.install.identity`, which need not be imported for it."""
_NEEDED = ("rumpf.runtime.hosted", "rumpf.runtime.logs", "uvloop")


def main() -> None:
    """Run `python -m rumpf.runtime MODULE`, once that is wanted."""
    # What takes longest to import is there before the cluster is.
    for module in (*_NEEDED, *sys.argv[1:]):
        # Whatever is wrong with it is told when it is really wanted.
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    if not sys.stdin.buffer.readline():
        return
    orphaned = threading.Event()
    threading.Thread(target=_end_with_parent, args=(orphaned,), daemon=True).start()
    try:
        runpy.run_module("rumpf.runtime", run_name="__main__", alter_sys=True)
    finally:
        if orphaned.is_set():
            _clean_up()


def _end_with_parent(orphaned: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    orphaned.set()
    os.kill(os.getpid(), signal.SIGTERM)


def _clean_up() -> None:
    """Remove the private folder, which whoever started this cannot any more."""
    folder = Path(os.environ.get("KUBECONFIG", "")).parent
    if folder.name.startswith(_PRIVATE):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
