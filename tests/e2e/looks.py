"""How often an operator has looked at its resources, by its own count."""

import re

from rumpf.testing import OperatorProcess


def has_looked(operator: OperatorProcess, kind: str, times: int) -> bool:
    """Whether it has looked at resources of a kind so often at the least, and is at none now.

    It may look oftener: what one look has read may be news to another that is under way.
    """
    _, text = operator.get("/metrics")
    shown = dict(re.findall(rf'^(\w+)\{{kind="{kind}"(?:,result="done")?\}} (\S+)$', text, re.MULTILINE))
    done = float(shown.get("rumpf_reconciles_total", 0))
    rests = all(float(shown[each]) == 0 for each in ("rumpf_queue_depth", "rumpf_active_workers"))
    return done >= times and rests
