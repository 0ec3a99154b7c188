"""kubectl as a function: arguments in, what it printed out, and an error that tells the whole story."""

import shlex
import subprocess
from pathlib import Path

from rumpf.errors import KubectlFailed

_PATIENCE = 120.0


class Kubectl:
    """Runs kubectl against one cluster, in one namespace unless its arguments name another."""

    def __init__(self, binary: Path, kubeconfig: Path, namespace: str | None = None) -> None:
        self.binary = binary
        self.kubeconfig = kubeconfig
        self.namespace = namespace

    def __call__(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - what subprocess calls it too
        check: bool = True,
        timeout: float = _PATIENCE,
    ) -> str:
        """Run it and return its standard output; with `check`, raise KubectlFailed where it fails.

        One that has not ended after `timeout` seconds is killed, and has failed.
        """
        __tracebackhide__ = True
        done = self.run(*arguments, input=input, timeout=timeout)
        if check and done.returncode:
            raise self._failed(arguments, f"exit code {done.returncode}", done.stderr or done.stdout)
        return done.stdout

    def run(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - what subprocess calls it too
        timeout: float = _PATIENCE,
    ) -> subprocess.CompletedProcess[str]:
        """Run it and return all there is: exit code, output, errors."""
        __tracebackhide__ = True
        try:
            return subprocess.run(
                self.command(*arguments),
                input=input,
                stdin=subprocess.DEVNULL if input is None else None,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            said = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else ""
            raise self._failed(arguments, f"not done after {timeout:g} s", said) from None

    def command(self, *arguments: str) -> list[str]:
        """Return the command itself, for what is to run beside the test (port-forward, logs -f)."""
        # First, so that what the caller says of the namespace wins.
        within = [f"--namespace={self.namespace}"] if self.namespace else []
        return [str(self.binary), f"--kubeconfig={self.kubeconfig}", *within, *arguments]

    def within(self, namespace: str) -> "Kubectl":
        """Return one for another namespace."""
        return Kubectl(self.binary, self.kubeconfig, namespace)

    def _failed(self, arguments: tuple[str, ...], how: str, said: str) -> KubectlFailed:
        within = f" -n {self.namespace}" if self.namespace else ""
        by_hand = f"KUBECONFIG={shlex.quote(str(self.kubeconfig))} kubectl{within} {shlex.join(arguments)}"
        return KubectlFailed(
            f"{how}\n{said.strip() or '(it said nothing)'}",
            remedy=f"by hand (--keep-cluster leaves the cluster up): {by_hand}",
            where=f"kubectl {shlex.join(arguments)}",
        )
