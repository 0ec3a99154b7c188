"""What a shell completes: operators of the project, contexts, namespaces of the cluster."""

import click

from rumpf.errors import RumpfError

_PATIENCE = 1.5


def operators(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the operators of the project that the current folder is in."""
    from rumpf.project import enclosing

    project = enclosing()
    return _that_begin(project.names if project else (), incomplete)


def grants(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the grants that the operators of the project have."""
    from rumpf.project import enclosing

    project = enclosing()
    try:
        found = project.select(()).values() if project else ()
    except RumpfError:
        return []
    return _that_begin([grant.name for operator in found for grant in operator.grants], incomplete)


def contexts(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the contexts of the kubeconfigs, and those of embedded clusters that are up."""
    from rumpf.cluster import clusters
    from rumpf.install.target import contexts as known

    return _that_begin((*known(), *(f"rumpf-{each.name}" for each in clusters())), incomplete)


def namespaces(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the namespaces of the cluster, if it tells them in a moment."""
    import asyncio

    from rumpf.api import Api
    from rumpf.install.target import target

    async def ask() -> list[str]:
        async with Api(target(context.params.get("context")).connection, agent="rumpf-completion") as api:
            found = await api.request("GET", "/api/v1/namespaces", timeout=_PATIENCE)
        return [str(each["metadata"]["name"]) for each in found["items"]]

    try:
        return _that_begin(asyncio.run(ask()), incomplete)
    except RumpfError:
        return []


def _that_begin(names: "tuple[str, ...] | list[str]", incomplete: str) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})
