"""Where the grants of an operator are given, by what whoever installs it chose."""

from rumpf.errors import UsageError
from rumpf.manifests.options import Options
from rumpf.operator import Operator
from rumpf.rights import resolved


def granted(operator: Operator, options: Options) -> dict[str, tuple[str, ...]]:
    """Return where each grant is given; refuse one that the operator does not have."""
    known = {each.name for each in operator.grants}
    if unknown := sorted(set(options.grants) - known):
        raise UsageError(
            f"{operator.full_name} has no grant {', '.join(unknown)}",
            where="grants",
            remedy=f"it has {', '.join(sorted(known)) or 'none'}",
        )
    return resolved(operator.grants, options.grants)


def variables_of(operator: Operator, options: Options) -> dict[str, str]:
    """Return what tells the operator's process of its grants, those that are withheld too."""
    places = granted(operator, options)
    return {each.variable: ",".join(places[each.name]) for each in operator.grants}
