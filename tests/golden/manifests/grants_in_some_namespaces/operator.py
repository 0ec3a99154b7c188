"""Both grants are given in certain namespaces, one of them the same: each has Roles of its own there."""

from rumpf.manifests import Options
from tests.golden.granting import operator, shows

__all__ = ["operator", "options", "shows"]

options = Options(grants={"secrets": ["team-b", "team-a"], "rollout": ["team-b"]})
