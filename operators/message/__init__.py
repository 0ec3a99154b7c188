"""Message: a text, printed by a Pod. `kopf run -m operators.message --standalone` starts the operator."""

from operators.message.operator import operator
from rumpf.runtime import host

__all__ = ["operator"]

host(operator)
