"""What the process logs, and about which object: JSON for machines, lines for people.

The object is known to every line that is logged while it is reconciled, by whatever library. To say which
it is costs about a microsecond; all else is done only when a line is written.
"""

import contextvars
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, NamedTuple, TextIO

from rumpf.errors import RumpfError, UsageError

Json = dict[str, Any]

_LEVELS: Final = ("debug", "info", "warning", "error")
_FORMATS: Final = ("text", "json")
_TALKATIVE: Final = ("asyncio", "aiohttp")
"""What these tell at the level debug is about themselves, not about the operator."""
_OF_EVERY_RECORD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OF_KOPF: Final = frozenset({"k8s_ref", "k8s_skip", "settings"})
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_COLOURS: Final = {
    "DEBUG": "\x1b[2m",
    "WARNING": "\x1b[33m",
    "ERROR": "\x1b[31m",
    "CRITICAL": "\x1b[1;31m",
}
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


class Subject(NamedTuple):
    """What is being worked on."""

    kind: str
    namespace: str
    name: str
    uid: str
    reconcile: int
    """Which piece of work it is, of all that this process did; 0 where that is not known."""


_subject: contextvars.ContextVar[Subject | None] = contextvars.ContextVar("subject", default=None)
_numbers = count(1)


class About:
    """While it is entered, all that is logged is about its subject."""

    __slots__ = ("_subject", "_token")

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def __enter__(self) -> Subject:
        self._token = _subject.set(self._subject)
        return self._subject

    def __exit__(self, *_: object) -> None:
        _subject.reset(self._token)


def about(kind: str, namespace: str, name: str, uid: str) -> About:
    """Say which object all that is logged within the block is about, in this task and those it starts."""
    return About(Subject(kind, namespace, name, uid, next(_numbers)))


def configure(environ: Mapping[str, str] = os.environ, stream: TextIO | None = None) -> None:
    """Have everything logged to a stream (stderr), as RUMPF_LOG_FORMAT and RUMPF_LOG_LEVEL say.

    Takes the place of whatever was configured before.
    """
    out: TextIO = sys.stderr if stream is None else stream
    level = _one_of("RUMPF_LOG_LEVEL", environ, ("info", *_LEVELS))
    chosen = _one_of("RUMPF_LOG_FORMAT", environ, _FORMATS)
    colour = out.isatty() and not environ.get("NO_COLOR")
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter() if chosen == "json" else TextFormatter(colour=colour))
    root = logging.getLogger()
    for before in root.handlers[:]:
        root.removeHandler(before)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))


class JsonFormatter(logging.Formatter):
    """One JSON object a line. What a caller passed as `extra` stands beside what is always there."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: Json = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        subject = _subject_of(record)
        if subject is not None:
            known = {key: value for key, value in subject._asdict().items() if value}
            if number := known.pop("reconcile", None):
                line["reconcile"] = number
            line["object"] = known
        error = _error(record)
        if error is not None:
            line["error"] = _described(error)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(_extra(record) | line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A line for people: when, how bad, about what, and what. Further lines are indented.

    Whatever an object's owner has put into it cannot pass for a line of its own, nor command the terminal.
    """

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = _time(record).astimezone().strftime("%H:%M:%S.%f")[:-3]
        level = self._paint(f"{record.levelname:<8}", _COLOURS.get(record.levelname, ""))
        text = _harmless(record.getMessage())
        subject = _subject_of(record)
        if subject is not None:
            place = f"{subject.namespace}/{subject.name}" if subject.namespace else subject.name
            text = f"{self._paint(_harmless(f'{subject.kind} {place}'), _BOLD)}: {text}"
        extra = " ".join(f"{key}={value}" for key, value in _extra(record).items())
        text += f" ({_harmless(extra)})" if extra else ""
        error = _error(record)
        if error is not None:
            text += "\n" + _harmless("".join(traceback.format_exception(error)).rstrip())
        if record.stack_info:
            text += "\n" + _harmless(record.stack_info)
        return f"{time} {level} " + text.replace("\n", "\n    ")

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colour and colour else text


def _one_of(name: str, environ: Mapping[str, str], allowed: tuple[str, ...]) -> str:
    """Return what a variable says, or the first of what it may say."""
    said = environ.get(name, "").strip().lower() or allowed[0]
    if said not in allowed:
        choice = ", ".join(sorted(set(allowed)))
        raise UsageError(f"{said!r} is not known", where=name, remedy=f"set it to one of {choice}")
    return said


def _subject_of(record: logging.LogRecord) -> Subject | None:
    """Return what the line is about; a plain kopf handler's logger says it its own way."""
    subject = _subject.get()
    reference: Mapping[str, str] | None = getattr(record, "k8s_ref", None)
    if subject is None and reference is not None:
        known = {key: reference.get(key) or "" for key in ("kind", "namespace", "name", "uid")}
        return Subject(**known, reconcile=0)
    return subject


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _extra(record: logging.LogRecord) -> Json:
    hidden = _OF_EVERY_RECORD | _OF_KOPF
    return {key: value for key, value in vars(record).items() if key not in hidden}


def _error(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _described(error: BaseException) -> Json:
    described: Json = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, RumpfError):
        described |= {"message": error.what, "where": error.where, "remedy": error.remedy}
    return described | {"trace": "".join(traceback.format_exception(error))}


def _harmless(text: str) -> str:
    """Return the text with control characters shown, not obeyed; line breaks stay."""
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)
