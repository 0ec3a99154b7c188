"""The `rumpf` command: what a person types, and how errors and exit codes reach them.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a binary cannot be had, 4 the cluster, 5 an image,
6 a fault injection, 7 a declaration, 8 a check, 9 an installation, 10 the API server, 130 interrupted.
Results go to stdout, everything else to stderr.
"""

import importlib
import os
import sys
from typing import NoReturn

import click

from rumpf import __version__
from rumpf.errors import RumpfError

_COMMANDS = {
    "check": "rumpf.cli.check",
    "cluster": "rumpf.cli.cluster",
    "image": "rumpf.cli.image",
    "install": "rumpf.cli.install",
    "new": "rumpf.cli.new",
    "olm": "rumpf.cli.olm",
    "render": "rumpf.cli.render",
    "run": "rumpf.cli.run",
    "status": "rumpf.cli.status",
    "uninstall": "rumpf.cli.uninstall",
    "up": "rumpf.cli.up",
}
_INTERRUPTED = 130


class _Lazily(click.Group):
    """Imports a command only when it is asked for: `rumpf --help` need not load the cluster."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands there are."""
        return sorted({*super().list_commands(ctx), *_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(importlib.import_module(_COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(cls=_Lazily, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="rumpf %(version)s")
def cli() -> None:
    """Kubernetes operators in Python, and a real Kubernetes in seconds to prove them."""


def main() -> NoReturn:
    """Run the command line; never shows a traceback for what a person can mend."""
    try:
        code = cli.main(standalone_mode=False)
    except RumpfError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone: not worth a word.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except PermissionError as error:
        what, remedy = error.strerror or str(error), "whose is the cluster? Become that user, or root"
        if error.filename:
            what, remedy = f"{os.fsdecode(error.filename)}: {what}", "is it another person's?"
        click.echo(f"error: {what}\n  -> {remedy}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
