"""The process of an operator: `python -m rumpf.runtime operators.message`."""

import argparse
import asyncio
import gc
import importlib
import os
import socket
import sys

import kopf
from kopf._cogs.structs.references import Insights
from kopf._core.engines.activities import ActivityError

from rumpf.errors import RumpfError
from rumpf.runtime.environment import namespaces
from rumpf.runtime.hosted import Hosted
from rumpf.runtime.logs import configure

_COLLECT_AFTER = 50_000


def main() -> None:
    """Import the operators' modules, and let kopf run them until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m rumpf.runtime", description=__doc__)
    parser.add_argument("modules", nargs="+", metavar="MODULE", help="a module that hosts an operator")
    modules: list[str] = parser.parse_args().modules
    configure()
    # kopf names itself after its user, and a container's user has no name.
    os.environ.setdefault("POD_ID", os.environ.get("POD_NAME") or socket.gethostname())
    try:
        for module in modules:
            importlib.import_module(module)
        collect_rarely()
        watched = namespaces()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(
                kopf.operator(
                    standalone=True, clusterwide=not watched, namespaces=watched, insights=_insights()
                )
            )
    except RumpfError as error:
        sys.exit(f"error: {error}")
    except ActivityError:
        sys.exit(1)  # it is logged already
    if Hosted.broken is not None:
        sys.exit(1)


def _insights() -> Insights | None:
    """Tell kopf what it need not look up: nothing of the cluster, where there are no handlers of its own.

    It asks for all groups of kinds when it starts, and ends if it gets no answer: our own watches wait.
    """
    registry = kopf.get_default_registry()
    theirs = ("_webhooks", "_indexing", "_watching", "_spawning", "_changing")
    if any(getattr(registry, each).get_all_handlers() for each in theirs):
        return None
    known = Insights()
    known.backbone.selectors.clear()
    return known


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def collect_rarely() -> None:
    """Have Python look for cyclic garbage seldom.

    An object in JSON is some hundred small dictionaries, none of them in a cycle, and all gone in a moment.
    By default Python looks for cycles after each few hundred: four fifths of the time that reading took.
    """
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 10, 20)


if __name__ == "__main__":
    main()
