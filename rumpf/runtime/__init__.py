"""The process of an operator: kopf hosts it; the watch, the queue and the reconcile beneath are ours."""

from rumpf.runtime.hosting import host

__all__ = ["host"]
