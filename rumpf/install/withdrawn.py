"""Which grants an installation takes away from namespaces that had them: said, as nobody would see it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rumpf.api import Api
from rumpf.install.belongings import Belonging, belongings
from rumpf.install.kinds import DEPLOYMENT, ROLE
from rumpf.manifests import Options
from rumpf.manifests.granting import granted
from rumpf.manifests.reading import parts
from rumpf.operator import Operator
from rumpf.rights import EVERYWHERE, Grant, is_given


async def withdrawals(api: Api, operator: Operator, options: Options) -> list[str]:
    """Return a warning for each grant and namespace that loses it by an installation with these options."""
    if not operator.grants:
        return []
    there = await belongings(api, operator.name, (ROLE, DEPLOYMENT))
    now = granted(operator, options)
    return [
        warning
        for each in operator.grants
        for warning in lost(each.name, given_by(operator, each, there), now[each.name], options.watch)
    ]


def given_by(operator: Operator, grant: Grant, there: Iterable[Belonging]) -> tuple[str, ...]:
    """Return where a grant is given by what is installed: by its Roles, and by what the process is told."""
    found: set[str] = set()
    for each in there:
        if each.kind == ROLE and each.name == f"{operator.full_name}-{grant.name}":
            found.add(each.namespace)
        elif each.kind == DEPLOYMENT:
            found.update(filter(None, _told(each.raw, grant.variable).split(",")))
    return EVERYWHERE if found.issuperset(EVERYWHERE) else tuple(sorted(found))


def lost(grant: str, before: Sequence[str], now: Sequence[str], watch: Sequence[str] = ()) -> list[str]:
    """Return a line for each namespace in which a grant was given, and is not any more."""
    if tuple(before) == EVERYWHERE:
        if tuple(now) == EVERYWHERE:
            return []
        who = f"every namespace but {', '.join(now)}" if now else "every namespace"
        return [f"warning: {who} loses the grant {grant}; to keep it: --grant {grant}"]
    going = [place for place in before if not is_given(now, place) or (watch and place not in watch)]
    if not going:
        return []
    kept = f"--grant {grant}"
    if tuple(now) != EVERYWHERE:
        kept += f"={','.join(sorted({*before, *now}))}"
    unseen = [f"--watch {place} " for place in going if watch and place not in watch]
    return [
        f"warning: {place} loses the grant {grant}; to keep it: {''.join(unseen)}{kept}" for place in going
    ]


def _told(deployment: Mapping[str, Any], variable: str) -> str:
    containers = parts(deployment, "spec", "template", "spec", "containers")
    said = (each for container in containers for each in parts(container, "env"))
    return next((str(each.get("value") or "") for each in said if each.get("name") == variable), "")
