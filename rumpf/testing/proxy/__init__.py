"""A proxy between any client and a Kubernetes API server, that records, disturbs and kills exactly."""

from rumpf.testing.proxy.apiproxy import ApiProxy
from rumpf.testing.proxy.credentials import Identity
from rumpf.testing.proxy.faults import Fault
from rumpf.testing.proxy.kill import Kill, Killable
from rumpf.testing.proxy.record import Filter, Request, except_leases_and_events

__all__ = [
    "ApiProxy",
    "Fault",
    "Filter",
    "Identity",
    "Kill",
    "Killable",
    "Request",
    "except_leases_and_events",
]
