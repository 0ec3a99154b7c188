"""ConfigWatcher: restarts Pods when their config changes.

`python -m kopf run -m operators.configwatcher --standalone --all-namespaces` starts the operator.
"""

from operators.configwatcher.operator import operator
from rumpf.runtime import host

__all__ = ["operator"]

host(operator)
