"""Nobody says anything of grants: one is given everywhere, the other nowhere."""

from tests.golden.granting import operator, shows

__all__ = ["operator", "shows"]
