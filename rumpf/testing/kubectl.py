"""kubectl as a function: arguments in, what it printed out, and an error that tells the whole story."""

import shlex
import signal
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Never

from rumpf.errors import KubectlFailed, UsageError

_PATIENCE = 120.0

Argument = str | Path


class Kubectl:
    """Runs kubectl against one cluster, in one namespace unless its arguments name another.

    `kubectl(...)` raises KubectlFailed where kubectl fails; `kubectl.run(...)` never does, and returns all
    there is. Each argument is one of its own: `kubectl("get", "pods")`.
    """

    def __init__(self, binary: Path, kubeconfig: Path, namespace: str | None = None) -> None:
        self.binary = binary
        self.kubeconfig = kubeconfig
        self.namespace = namespace

    def __call__(
        self,
        *arguments: Argument,
        input: str | None = None,  # noqa: A002 - what subprocess calls it too
        timeout: float = _PATIENCE,
        **unknown: Never,
    ) -> str:
        """Run it and return its standard output; raise KubectlFailed where it fails.

        One that has not ended after `timeout` seconds is killed, and has failed.
        """
        __tracebackhide__ = True
        _refuse(unknown, "kubectl", "it raises where kubectl fails; kubectl.run(...) never does")
        done = self._done(arguments, input, timeout)
        if done.returncode:
            raise self._failed(done, arguments)
        return done.stdout

    def run(
        self,
        *arguments: Argument,
        input: str | None = None,  # noqa: A002 - what subprocess calls it too
        timeout: float = _PATIENCE,
        **unknown: Never,
    ) -> subprocess.CompletedProcess[str]:
        """Run it and return all there is (returncode, stdout, stderr), also where kubectl fails.

        One that has not ended after `timeout` seconds is killed: its returncode is -9, and its stderr ends
        with a line that says so.
        """
        __tracebackhide__ = True
        _refuse(unknown, "kubectl.run", "it never raises where kubectl fails: look at .returncode")
        return self._done(arguments, input, timeout)

    def command(self, *arguments: Argument) -> list[str]:
        """Return the command itself, for what is to run beside the test (port-forward, logs -f)."""
        __tracebackhide__ = True
        words = _words(arguments)
        # First, so that what the caller says of the namespace wins.
        within = [f"--namespace={self.namespace}"] if self.namespace else []
        return [str(self.binary), f"--kubeconfig={self.kubeconfig}", *within, *words]

    def within(self, namespace: str) -> "Kubectl":
        """Return one for another namespace."""
        return Kubectl(self.binary, self.kubeconfig, namespace)

    def _done(
        self, arguments: Collection[Argument], given: str | None, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        __tracebackhide__ = True
        command = self.command(*arguments)
        try:
            return subprocess.run(
                command,
                input=given,
                stdin=subprocess.DEVNULL if given is None else None,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as expired:
            said = f"{_text(expired.stderr).rstrip()}\nkilled: not done after {timeout:g} s".lstrip()
            return subprocess.CompletedProcess(command, -signal.SIGKILL, _text(expired.stdout), said)

    def _failed(
        self, done: subprocess.CompletedProcess[str], arguments: Collection[Argument]
    ) -> KubectlFailed:
        words = shlex.join(_words(arguments))
        within = f" -n {self.namespace}" if self.namespace else ""
        said = done.stderr.strip() or done.stdout.strip() or "(it said nothing)"
        return KubectlFailed(
            f"exit code {done.returncode}\n{said}",
            remedy="by hand (--keep-cluster leaves the cluster up): "
            f"KUBECONFIG={shlex.quote(str(self.kubeconfig))} kubectl{within} {words}",
            where=f"kubectl {words}",
        )


def _refuse(unknown: Collection[str], what: str, how: str) -> None:
    """Refuse what subprocess.run takes and this does not, with words and not with a TypeError."""
    __tracebackhide__ = True
    if unknown:
        raise UsageError(
            f"there is no {' and no '.join(f'{name}=' for name in unknown)} here, only input= and timeout=",
            remedy=how
            if "check" in unknown
            else "leave it out; kubectl.command(...) is the command for a subprocess of your own",
            where=f"{what}(...)",
        )


def _words(arguments: Collection[object]) -> list[str]:
    __tracebackhide__ = True
    words: list[str] = []
    for argument in arguments:
        # A type checker would say so too; not everybody has one.
        if not isinstance(argument, str | Path):
            raise UsageError(
                f"the argument {argument!r} is no text",
                remedy="each argument is a string of its own: kubectl('get', 'pods'); a list is handed over "
                "as kubectl(*words)",
                where="kubectl",
            )
        words.append(str(argument))
    # In a flag's value a blank is fine; before it, it is a whole command line.
    if words and any(letter.isspace() for letter in words[0].partition("=")[0]):
        meant = [word for word in words[0].split() if word != "kubectl"] + words[1:]
        raise UsageError(
            f"{words[0]!r} is one argument, and no shell takes it apart: arguments are separate",
            remedy=f"kubectl({', '.join(repr(word) for word in meant)})",
            where="kubectl",
        )
    return words


def _text(said: bytes | str | None) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""
