"""An operator between its host's start and stop."""

import logging
import signal

import kopf

from rumpf.api import connect
from rumpf.operator import Operator
from rumpf.runtime.engine import Engine
from rumpf.runtime.environment import Environment

_LOG = logging.getLogger("rumpf.engine")


class Hosted:
    """One operator in this process."""

    broken: BaseException | None = None
    """What ended an operator of this process, if something did: the exit code is to tell."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._engine: Engine | None = None

    async def start(self, settings: kopf.OperatorSettings) -> None:
        """Start it. kopf's own look at the cluster's kinds is for plain handlers, and needs no watching."""
        settings.scanning.disabled = True
        settings.posting.enabled = False
        environment = Environment.of(self._operator)
        self._engine = Engine(self._operator, connect(), environment, broken=self._end)
        await self._engine.start()
        where = ", ".join(environment.namespaces) or "all namespaces"
        _LOG.info("%s is up, watching %s", self._operator.full_name, where)

    async def stop(self) -> None:
        """Stop it."""
        if self._engine is not None:
            await self._engine.stop()

    @staticmethod
    def _end(error: BaseException) -> None:
        """End the process as a person would: kopf then stops everything in order."""
        Hosted.broken = error
        signal.raise_signal(signal.SIGTERM)
