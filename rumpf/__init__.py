"""Rumpf: Kubernetes operators in Python, and a real Kubernetes that starts in seconds to prove them."""

__version__ = "0.1.0"
