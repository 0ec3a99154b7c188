import asyncio
import io
import json
import logging
import re
import subprocess
import sys
import timeit
from collections.abc import Iterator
from typing import Any

import pytest

from rumpf.errors import ApiError, UsageError
from rumpf.runtime.logs import about, configure

LOG = logging.getLogger("rumpf.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Put the root logger back as pytest had it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def logged(format_: str = "text", level: str = "info", stream: io.StringIO | None = None) -> io.StringIO:
    stream = stream or io.StringIO()
    configure({"RUMPF_LOG_FORMAT": format_, "RUMPF_LOG_LEVEL": level}, stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_of_json_says_when_how_bad_who_and_what() -> None:
    stream = logged("json")
    LOG.warning("it took %d s", 3)
    (line,) = lines(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {"level": "warning", "logger": "rumpf.test", "message": "it took 3 s"}


def test_a_line_within_a_reconcile_says_about_which_object_it_is() -> None:
    stream = logged("json")
    with about("Message", "team", "hello", "1-2-3"):
        LOG.info("first")
        logging.getLogger("some.library").info("second")
    with about("Message", "team", "hello", "1-2-3"):
        LOG.info("third")
    LOG.info("fourth")
    first, second, third, fourth = lines(stream)
    known = {"kind": "Message", "namespace": "team", "name": "hello", "uid": "1-2-3"}
    assert first["object"] == second["object"] == third["object"] == known
    assert first["reconcile"] == second["reconcile"] != third["reconcile"]
    assert "object" not in fourth
    assert "reconcile" not in fourth


def test_what_runs_at_the_same_time_is_told_apart() -> None:
    async def reconcile(name: str) -> None:
        with about("Message", "team", name, name):
            for _ in range(5):
                await asyncio.sleep(0)
                LOG.info(name)

    async def both() -> None:
        await asyncio.gather(*map(reconcile, "abc"))

    stream = logged("json")
    asyncio.run(both())
    assert len(lines(stream)) == 15
    assert all(line["object"]["name"] == line["message"] for line in lines(stream))


def test_an_object_without_a_namespace_has_none_in_its_lines() -> None:
    stream = logged("json")
    with about("Cluster", "", "whole", "1"):
        LOG.info("seen")
    assert lines(stream)[0]["object"] == {"kind": "Cluster", "name": "whole", "uid": "1"}


def test_an_error_is_one_object_in_one_line() -> None:
    stream = logged("json")
    try:
        try:
            dict[str, str]().pop("missing")
        except KeyError as error:
            raise ValueError("two\nlines") from error
    except ValueError:
        LOG.exception("it failed")
    (line,) = lines(stream)
    assert line["message"] == "it failed"
    assert line["error"]["type"] == "ValueError"
    assert line["error"]["message"] == "two\nlines"
    assert "KeyError: 'missing'" in line["error"]["trace"]
    assert "test_logs.py" in line["error"]["trace"]


def test_one_of_our_errors_says_where_what_and_the_remedy_each_for_itself() -> None:
    stream = logged("json")
    error = ApiError("not allowed", where="GET /pods", remedy="grant it", status=403)
    LOG.error("refused", exc_info=error)
    said = lines(stream)[0]["error"]
    assert (said["type"], said["message"], said["where"], said["remedy"]) == (
        *("ApiError", "not allowed", "GET /pods", "grant it"),
    )


def test_what_a_caller_adds_is_in_the_line_and_cannot_pass_for_what_is_always_there() -> None:
    stream = logged("json")
    LOG.info("seen", extra={"seconds": 1.5, "level": "none", "what": {1, 2}.__class__})
    (line,) = lines(stream)
    assert (line["seconds"], line["level"], line["what"]) == (1.5, "info", "<class 'set'>")


def test_any_script_is_readable_in_json() -> None:
    stream = logged("json")
    LOG.info("안녕 🙂 ä")
    assert "안녕 🙂 ä" in stream.getvalue()


def test_a_line_for_people_begins_with_the_time_and_names_the_object() -> None:
    stream = logged()
    with about("Message", "team", "hello", "1"):
        LOG.warning("Pod %s is gone", "msg-hello", extra={"again": 5})
    LOG.info("up")
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3} WARNING  Message team/hello: Pod msg-hello is gone \(again=5\)", first
    )
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} INFO     up", second)


def test_a_traceback_for_people_is_indented_below_its_line() -> None:
    stream = logged()
    try:
        int("a slip")
    except ValueError:
        LOG.exception("it failed")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("it failed")
    assert rest[0] == "    Traceback (most recent call last):"
    assert rest[-1] == "    ValueError: invalid literal for int() with base 10: 'a slip'"


def test_what_somebody_wrote_into_an_object_can_neither_forge_a_line_nor_command_the_terminal() -> None:
    stream = logged(stream=Terminal())
    with about("Message", "team", "hello", "1"):
        LOG.info("text is %s", "a\n12:00:00.000 ERROR all is lost\x1b[2J\r\x07\u2028")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("text is a")
    assert second == r"    12:00:00.000 ERROR all is lost\x1b[2J\r\x07\u2028"


def test_colours_are_for_terminals_only_and_not_for_who_wants_none() -> None:
    terminal, refusing, file = Terminal(), Terminal(), io.StringIO()
    logged(stream=terminal)
    LOG.error("bad")
    logged(stream=file)
    LOG.error("bad")
    configure({"NO_COLOR": "1"}, refusing)
    LOG.error("bad")
    assert "\x1b[31mERROR" in terminal.getvalue()
    assert "\x1b" not in file.getvalue()
    assert "\x1b" not in refusing.getvalue()


def test_json_on_a_terminal_has_no_colours() -> None:
    stream = logged("json", stream=Terminal())
    LOG.error("bad")
    assert lines(stream)[0]["message"] == "bad"


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["debug", "info", "error"]),
        ("", ["info", "error"]),
        ("INFO", ["info", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_says_how_much_is_logged(level: str, heard: list[str]) -> None:
    stream = logged("json", level)
    LOG.debug("debug")
    LOG.info("info")
    LOG.error("error")
    logging.getLogger("asyncio").debug("of itself")
    assert [line["message"] for line in lines(stream)] == heard


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("RUMPF_LOG_LEVEL", "'loud' is not known\n  -> set it to one of debug, error, info, warning"),
        ("RUMPF_LOG_FORMAT", "'loud' is not known\n  -> set it to one of json, text"),
    ],
)
def test_a_level_or_format_that_is_none_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        configure({name: "loud"}, io.StringIO())
    assert str(caught.value) == f"{name}: {message}"


def test_configured_twice_each_line_is_there_once() -> None:
    logged()
    stream = logged()
    LOG.info("once")
    assert len(stream.getvalue().splitlines()) == 1


def test_the_object_of_a_plain_kopf_handlers_logger_is_known_too() -> None:
    stream = logged("json")
    reference = {
        "apiVersion": "myorg.dev/v1",
        "kind": "Message",
        "name": "hello",
        "uid": "1",
        "namespace": "t",
    }
    LOG.info("handled", extra={"k8s_ref": reference, "k8s_skip": False, "settings": object()})
    (line,) = lines(stream)
    assert line["object"] == {"kind": "Message", "namespace": "t", "name": "hello", "uid": "1"}
    assert set(line) == {"time", "level", "logger", "message", "object"}


def test_a_text_that_is_no_unicode_still_makes_a_line_of_json() -> None:
    program = (
        "import logging; from rumpf.runtime.logs import configure; configure({'RUMPF_LOG_FORMAT': 'json'});"
        r"logging.warning('broken \udc80')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr)["message"] == "broken \udc80"


def test_a_warning_of_python_is_logged_like_everything_else() -> None:
    program = (
        "import warnings; from rumpf.runtime.logs import configure; configure({'RUMPF_LOG_FORMAT': 'json'});"
        "warnings.warn('old')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr)["logger"] == "py.warnings"


def test_to_say_which_object_is_worked_on_takes_microseconds() -> None:
    def work() -> None:
        with about("Message", "team", "hello", "1"):
            pass

    assert min(timeit.repeat(work, number=10_000, repeat=5)) / 10_000 < 10e-6
