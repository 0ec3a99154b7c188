"""Of an operator that looks after two namespaces, one grant is given in both, the other is withheld."""

from rumpf.manifests import Options
from tests.golden.granting import operator, shows

__all__ = ["operator", "options", "shows"]

options = Options(watch=["team-a", "team-b"], grants={"secrets": ["*"], "rollout": []})
