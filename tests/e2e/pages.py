"""Runs what a page of documentation tells its reader to type, and compares what is shown with what it says.

A fence's first word is the language; the words after it, which no reader sees, say more:

    sh              commands, one a line
    console         commands after `$ `, each followed by what it shows; `^C` is Ctrl-C
    text            what the second terminal shows by then
    python PATH     a file that the reader writes
    second          typed in a second terminal; its last command is left running
    fails           the last command ends with an error
    real, engine    needs Pods that really run; a container engine
    excerpt, ci     not for the reader to do: a part of a file; what CI runs

In what is shown, a line `...` stands for any number of lines, `…` for the rest of a word, and what is never
twice the same (times, ages, addresses, Pods' suffixes) is not compared.
"""

import os
import queue
import re
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PATIENCE = 400.0
_READER = 60.0
_LOOKS = ("kubectl get", "kubectl logs", "kubectl events", "kubectl exec")
"""Commands that somebody repeats who does not see yet what is expected."""
_FENCE = re.compile(r"```(?P<info>\w.*)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE)
_FILES = {"python", "yaml", "toml"}

_NEVER_THE_SAME = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\S*/\.?cache/rumpf(?=/)|\S*rumpf-cache(?=/)"), "<cache>"),
    (re.compile(r"\d+\.\d+\.\d+\.\d+(:\d+)?"), "<address>"),
    (re.compile(r"\d\d:\d\d:\d\d(\.\d+)?"), "<clock>"),
    (re.compile(r"(?<=-)[0-9a-f]{8,10}-[a-z0-9]{5}\b"), "<pod>"),
    (re.compile(r"\bsha256:\w+"), "<digest>"),
    (re.compile(r"(?<![\w.:-])(\d+(\.\d+)?(ms|s|m|h|d))+(?![\w.])"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? (s|seconds|KiB|MiB|GiB)\b"), "<amount>"),
    (re.compile(r"<time> \(x\d+ over <time>\)"), "<time>"),
    (re.compile(r"\[ *\d+%\]"), "<share>"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True)
class Command:
    """A command, and what it is to show; None if the page does not say."""

    text: str
    shows: str | None
    line: int


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    words: AbstractSet[str]
    path: str
    text: str
    line: int

    @property
    def commands(self) -> list[Command]:
        """The commands in it, in order."""
        if self.language == "sh":
            lines = enumerate(self.text.splitlines(), self.line + 1)
            return [Command(line, None, number) for number, line in lines]
        if self.language != "console":
            return []
        found: list[Command] = []
        for number, line in enumerate(self.text.splitlines(), self.line + 1):
            if line.startswith("$ ") or line == "^C":
                found.append(Command(line.removeprefix("$ "), "", number))
            elif line.startswith("> "):
                last = found.pop()
                found.append(Command(f"{last.text}\n{line.removeprefix('> ')}", last.shows, last.line))
            else:
                last = found.pop()
                found.append(Command(last.text, f"{last.shows}{line}\n", last.line))
        return found


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    for match in _FENCE.finditer(page):
        language, *words = match["info"].split()
        is_file = language in _FILES and words and "excerpt" not in words
        path = words.pop(0) if is_file else ""
        line = page.count("\n", 0, match.start()) + 1
        yield Block(language, frozenset(words), path, match["text"], line)


def plain(text: str) -> str:
    """Return a text without what is never twice the same, and without the width of its columns."""
    for pattern, word in _NEVER_THE_SAME:
        text = pattern.sub(word, text)
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line)


def shows(found: str, expected: str) -> bool:
    """Tell whether what was shown is what the page says."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else r"\S*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in plain(expected).splitlines()
    )
    return re.fullmatch(pattern, plain(found) + "\n" if plain(found) else "") is not None


class Terminal:
    """A shell that goes on from one command to the next, as a person's does. What it shows is kept."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            bufsize=1,
            start_new_session=True,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._mark = ""
        self.shown = ""
        """What the current command has shown so far."""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()
        self._reading.join()
        for pipe in (self._shell.stdin, self._shell.stdout):
            if pipe is not None:
                pipe.close()

    def run(self, command: str, seconds: float = _PATIENCE) -> int:
        """Type a command, wait until it has ended, and return its exit code."""
        self.begin(command)
        return self.finish(seconds)

    def begin(self, command: str) -> None:
        """Type a command, and do not wait for it."""
        assert self._shell.stdin is not None
        self.shown, self._mark = "", f"mark-{uuid.uuid4().hex}"
        self._shell.stdin.write(f"{{ {command}\n}} </dev/null; printf '\\n%s %d\\n' {self._mark} $?\n")

    def finish(self, seconds: float = _PATIENCE) -> int:
        """Wait until the command has ended, and return its exit code."""
        last = time.monotonic() + seconds
        while True:
            line = self._next(last - time.monotonic())
            assert line is not None, f"it has not ended:\n{self.shown}"
            if line.startswith(self._mark):
                return int(line.split()[1])
            self.shown += line

    def until(self, expected: str, seconds: float = _READER) -> bool:
        """Wait until the command, which goes on, has shown this."""
        last = time.monotonic() + seconds
        while not shows(self.shown, expected):
            line = self._next(last - time.monotonic())
            if line is None or line.startswith(self._mark):
                return False
            self.shown += line
        return True

    def so_far(self) -> str:
        """Return what the command, which goes on, has shown by now."""
        while (line := self._next(0)) is not None:
            self.shown += line
        return self.shown

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.shown = ""
        os.killpg(self._shell.pid, signal.SIGINT)

    def _next(self, seconds: float) -> str | None:
        try:
            return self._lines.get(timeout=max(seconds, 0))
        except queue.Empty:
            return None

    def _read(self) -> None:
        assert self._shell.stdout is not None
        for line in self._shell.stdout:
            self._lines.put(line)
        self._lines.put(None)


class Reader:
    """Somebody who does all that a page says, in a folder, at two terminals."""

    def __init__(self, page: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._page = page
        self._folder = folder
        self.first = Terminal(folder, environment)
        self._environment = environment
        self._second: Terminal | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for terminal in (self.first, self._second):
            if terminal is not None:
                terminal.__exit__()

    def do(self, block: Block) -> None:
        """Do what one block says."""
        if block.words & {"excerpt", "ci"}:
            return
        if block.path:
            path = self._here() / block.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            return
        terminal = self._at_second() if "second" in block.words else self.first
        if block.language == "text" and "second" in block.words:
            there = terminal.until(block.text, _PATIENCE)
            assert there, self._complaint(
                Command("(what is running)", block.text, block.line), terminal.shown
            )
        commands = block.commands
        for command in commands:
            is_last = command is commands[-1]
            if command.text == "^C":
                terminal.interrupt()
                self._check(command, terminal.finish(), terminal.shown)
            elif is_last and "second" in block.words:
                terminal.begin(command.text)
                there = terminal.until(command.shows or "...")
                assert there, self._complaint(command, terminal.shown)
            else:
                self._try(terminal, command, fails=is_last and "fails" in block.words)

    def _try(self, terminal: Terminal, command: Command, *, fails: bool) -> None:
        last = time.monotonic() + _READER
        while True:
            code = terminal.run(command.text)
            fine = (code != 0) is fails and shows(terminal.shown, command.shows or "...")
            if fine or not command.text.startswith(_LOOKS) or time.monotonic() > last:
                break
            time.sleep(0.3)
        self._check(command, code, terminal.shown, fails=fails)

    def _check(self, command: Command, code: int, shown: str, *, fails: bool = False) -> None:
        assert (code != 0) is fails, f"exit code {code}: {self._complaint(command, shown)}"
        expected = "..." if command.shows is None else command.shows
        assert shows(shown, expected), self._complaint(command, shown)

    def _complaint(self, command: Command, shown: str) -> str:
        beside = f"\n--- the second terminal\n{self._second.so_far()}" if self._second else ""
        return (
            f"{self._page.name}:{command.line}: $ {command.text}\n"
            f"--- the page says\n{command.shows}\n--- it showed\n{shown}{beside}"
        )

    def _here(self) -> Path:
        """Where the first terminal is by now."""
        assert self.first.run("pwd") == 0
        return Path(self.first.shown.strip())

    def _at_second(self) -> Terminal:
        if self._second is None:
            self._second = Terminal(self._here(), self._environment)
        return self._second
