"""Message: a text, printed by a Pod.

`python -m kopf run -m operators.message --standalone --all-namespaces` starts the operator.
"""

from operators.message.operator import operator
from rumpf.runtime import host

__all__ = ["operator"]

host(operator)
