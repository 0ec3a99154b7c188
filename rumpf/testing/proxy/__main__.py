"""The proxy by itself, to look at what a client asks: `python -m rumpf.testing.proxy --kubeconfig PATH`."""

import contextlib
import sys
import time
from pathlib import Path

import click

from rumpf.errors import RumpfError
from rumpf.testing.proxy.apiproxy import ApiProxy
from rumpf.testing.proxy.record import Request

_GLANCE = 0.2


@click.command()
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="KUBECONFIG",
    required=True,
    help="The API server, and as whom to speak to it.",
)
@click.option("--bind", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=0, help="The port to listen on; 0 takes a free one.")
@click.option("--reached-as", default=None, help="The address for clients, if it is another.")
@click.option("--write", is_flag=True, help="Show writes only.")
def main(kubeconfig: Path, bind: str, port: int, reached_as: str | None, *, write: bool) -> None:
    """Print each request when it has ended, until Ctrl-C."""
    try:
        with ApiProxy(kubeconfig, bind=bind, port=port, reached_as=reached_as) as proxy:
            click.echo(f"export KUBECONFIG={proxy.kubeconfig}")
            with contextlib.suppress(KeyboardInterrupt):
                _show(proxy, writes_only=write)
            click.echo(f"{proxy.writes} writes", err=True)
    except RumpfError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)


def _show(proxy: ApiProxy, *, writes_only: bool) -> None:
    shown: set[int] = set()

    def is_new(request: Request) -> bool:
        wanted = request.is_write or not writes_only
        return wanted and request.duration is not None and request.number not in shown

    while True:
        for request in proxy.requests(matching=is_new):
            click.echo(f"{(request.duration or 0) * 1000:8.1f} ms  {request}")
            shown.add(request.number)
        time.sleep(_GLANCE)


if __name__ == "__main__":
    main(prog_name="python -m rumpf.testing.proxy")
