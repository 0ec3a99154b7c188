"""An operator between its host's start and stop."""

import logging
import signal
from typing import ClassVar

import kopf

from rumpf.api import connect
from rumpf.operator import Operator
from rumpf.rights import EVERYWHERE
from rumpf.runtime.engine import Engine
from rumpf.runtime.environment import Environment

_LOG = logging.getLogger("rumpf.engine")


class Hosted:
    """One operator in this process."""

    broken: BaseException | None = None
    """What ended an operator of this process, if something did: the exit code is to tell."""
    running: ClassVar["list[Hosted]"] = []
    """All of this process."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._engine: Engine | None = None

    async def start(self, settings: kopf.OperatorSettings) -> None:
        """Start it. kopf's own look at the cluster's kinds is for plain handlers, and needs no watching."""
        settings.scanning.disabled = True
        settings.posting.enabled = False
        try:
            environment = Environment.of(self._operator)
            self._engine = Engine(self._operator, connect(), environment, broken=self._end)
            await self._engine.start()
        except BaseException:
            # kopf stops nothing if it could not start everything.
            self._engine = None
            for other in list(self.running):
                await other.stop()
            raise
        self.running.append(self)
        where = ", ".join(environment.namespaces) or "all namespaces"
        _LOG.info("%s is up, watching %s", self._operator.full_name, where)
        for grant, places in environment.grants.items():
            given = "all namespaces" if places == EVERYWHERE else ", ".join(places) or "no namespace"
            _LOG.info("%s is granted in %s", grant, given)

    async def stop(self) -> None:
        """Stop it."""
        engine, self._engine = self._engine, None
        if engine is not None:
            self.running.remove(self)
            await engine.stop()

    @staticmethod
    def _end(error: BaseException) -> None:
        """End the process as a person would: kopf then stops everything in order."""
        Hosted.broken = error
        signal.raise_signal(signal.SIGTERM)
