"""ConfigWatcher: restarts Pods when their config changes.

`kopf run -m operators.configwatcher --standalone` starts the operator.
"""

from operators.configwatcher.operator import operator
from rumpf.runtime import host

__all__ = ["operator"]

host(operator)
