"""How kopf hosts an operator: the process, its signals, its start and stop, plain handlers beside it."""

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from rumpf.errors import RumpfError
from rumpf.operator import Operator

if TYPE_CHECKING:
    import kopf


_LOG = logging.getLogger("rumpf.engine")


def host(operator: Operator, registry: "kopf.OperatorRegistry | None" = None) -> None:
    """Let kopf start and stop the operator, in `kopf run -m` or wherever kopf runs.

    Where nobody has imported kopf, nobody is about to run it: then this does nothing, so that declarations
    are cheap to import for those who only describe them.
    """
    if "kopf" not in sys.modules:
        return
    import kopf

    from rumpf.runtime.hosted import Hosted

    hosted = Hosted(operator)
    where = registry or kopf.get_default_registry()

    async def start(settings: kopf.OperatorSettings, **_: Any) -> None:  # noqa: ANN401 - kopf's keywords
        try:
            await hosted.start(settings)
        except RumpfError as error:
            # What a person can act on needs no traceback.
            raise kopf.PermanentError(str(error)) from error

    async def stop(**_: Any) -> None:  # noqa: ANN401 - kopf's keywords
        await hosted.stop()

    async def login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf's keywords
        return _login(settings)

    kopf.on.login(id=f"{operator.name}/login", registry=where)(login)
    # What does not start is not going to: whoever watches over the process starts another.
    kopf.on.startup(id=f"{operator.name}/start", registry=where, errors=kopf.ErrorsMode.PERMANENT)(start)
    kopf.on.cleanup(id=f"{operator.name}/stop", registry=where)(stop)


def _login(settings: "kopf.OperatorSettings") -> "kopf.ConnectionInfo | None":
    """Log in for plain handlers. kopf would try the official client first: 40 MiB, and half a second."""
    import kopf

    found = kopf.login_with_service_account(settings=settings) if "KUBECONFIG" not in os.environ else None
    found = found or kopf.login_with_kubeconfig(settings=settings)
    if found is not None and not (found.token or found.certificate_data or found.certificate_path):
        # Users that a plugin logs in.
        return kopf.login_via_client(settings=settings, logger=_LOG)
    return found
