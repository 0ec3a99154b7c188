"""The process of an operator that is run from here: it imports first, starts when told to, never outlives us.

Told by its standard input: a line starts it; the end of it, when whoever started this is gone, ends it.
"""

import contextlib
import importlib
import os
import runpy
import signal
import sys
import threading

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
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runpy.run_module("rumpf.runtime", run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
