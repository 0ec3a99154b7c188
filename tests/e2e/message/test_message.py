"""Message, as a person with kubectl meets it: create, patch, delete, and what may go wrong between."""

import json

import pytest

from rumpf.errors import KubectlFailed
from tests.e2e.looks import has_looked
from tests.e2e.message.stage import COLLECTED, Messages, until

real = pytest.mark.nodes("real")


@real
def test_a_created_message_is_printed_by_a_pod_of_its_own(messages: Messages) -> None:
    messages.operator()
    messages.create(text="Hello, operator")
    messages.ready()
    assert messages.log() == "Hello, operator\n"
    status = messages.get()["status"]
    assert status["phase"] == "Processed"
    assert status["podName"] == "msg-hello-msg"
    assert status["observedGeneration"] == 1
    until(lambda: messages.events() == ["Created"], "one Event that says so")
    (pod,) = messages.pods()
    assert pod["metadata"]["ownerReferences"][0]["uid"] == messages.get()["metadata"]["uid"]


def test_before_any_operator_runs_a_message_is_pending(messages: Messages) -> None:
    messages.create()
    row = messages.kubectl("get", "msg", "hello-msg").splitlines()
    assert row[0].split() == ["TEXT", "PHASE", "POD", "AGE"] or row[0].split()[1:] == [
        "TEXT",
        "PHASE",
        "POD",
        "AGE",
    ]
    assert "Pending" in row[1]


@real
def test_a_patched_text_replaces_the_pod(messages: Messages) -> None:
    messages.operator()
    messages.create(text="first")
    messages.ready()
    (before,) = messages.pods()
    messages.patch("second")
    messages.ready()
    assert messages.log() == "second\n"
    (after,) = messages.pods()
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert messages.get()["status"]["observedGeneration"] == 2
    until(lambda: messages.events() == ["Created", "Replaced"], "Events tell of both")


@real
def test_a_deleted_message_takes_its_pod_along(messages: Messages) -> None:
    messages.operator()
    messages.create()
    messages.ready()
    messages.kubectl("delete", "message", "hello-msg")
    until(lambda: messages.pods() == [], "the Pod is gone", COLLECTED)


@real
def test_a_pod_that_somebody_deletes_comes_back(messages: Messages) -> None:
    messages.operator()
    messages.create()
    messages.ready()
    (before,) = messages.pods()
    messages.kubectl("delete", "pod", "msg-hello-msg", "--wait=false")
    until(
        lambda: [pod["metadata"]["uid"] for pod in messages.pods()] not in ([], [before["metadata"]["uid"]]),
        "another Pod is there",
    )
    messages.ready()
    until(lambda: messages.prints("Hello, operator"), "it prints the text")


@real
def test_a_pod_that_somebody_breaks_is_mended(messages: Messages) -> None:
    messages.operator()
    messages.create()
    messages.ready()
    image = {"spec": {"containers": [{"name": "printer", "image": "nowhere.invalid/none:1"}]}}
    messages.kubectl("patch", "pod", "msg-hello-msg", f"--patch={json.dumps(image)}")
    until(
        lambda: [pod["spec"]["containers"][0]["image"] for pod in messages.pods()] == [messages.image],
        "the Pod has its image again",
    )
    messages.ready()
    until(lambda: messages.prints("Hello, operator"), "it prints the text")


@real
def test_a_pod_that_was_evicted_is_replaced(messages: Messages) -> None:
    messages.operator()
    messages.create()
    messages.ready()
    (before,) = messages.pods()
    failed = {"status": {"phase": "Failed", "reason": "Evicted"}}
    # A kubelet that evicts does just this, and then lets the Pod be.
    messages.kubectl("patch", "pod", "msg-hello-msg", "--subresource=status", f"--patch={json.dumps(failed)}")
    until(
        lambda: [pod["metadata"]["uid"] for pod in messages.pods()] not in ([], [before["metadata"]["uid"]]),
        "another Pod is there",
    )
    messages.ready()


@real
@pytest.mark.parametrize(
    "text",
    [
        "안녕하세요, 오퍼레이터",
        "🎉 emoji 👩‍👩‍👧 and \u202eright to left",
        """it's "quoted" `date` $(hostname) $HOME ${HOME} $$ \\n \\\\ %s %d""",
        "$(TEXT) $(POD_NAME) $$(TEXT)",
        "two\nlines\n\nand a last one",
        "--help",
        "-n",
        " spaces before and after ",
        "tab\tand 'single'",
    ],
)
def test_any_text_is_printed_as_it_is(messages: Messages, text: str) -> None:
    messages.operator()
    messages.create(text=text)
    messages.ready()
    until(lambda: messages.prints(text), f"{text!r} is printed")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "spec.text"),
        ("x" * 4097, "spec.text"),
        (42, "spec.text"),
        (None, "spec.text"),
    ],
)
def test_a_text_that_cannot_be_is_refused_by_the_api_server(
    messages: Messages, text: object, said: str
) -> None:
    with pytest.raises(KubectlFailed, match=said):
        messages.kubectl("create", "--filename=-", input=json.dumps(messages.manifest("bad", text)))


@real
def test_the_longest_text_is_printed(messages: Messages) -> None:
    messages.operator()
    messages.create(text="y" * 4096)
    messages.ready()
    until(lambda: messages.prints("y" * 4096), "all of it is printed")


def test_somebody_elses_pod_of_that_name_is_not_touched(messages: Messages) -> None:
    messages.kubectl("run", "msg-hello-msg", f"--image={messages.image}", "--", "sleep", "1000")
    uid = messages.pods()[0]["metadata"]["uid"]
    messages.operator()
    messages.create()
    until(lambda: messages.condition().get("reason") == "NameTaken", "the condition says so")
    assert messages.condition()["status"] == "False"
    assert "msg-hello-msg" in messages.condition()["message"]
    until(lambda: "NameTaken" in messages.events(), "an Event says so")
    (pod,) = messages.pods()
    assert pod["metadata"]["uid"] == uid
    assert "rumpf.dev/applied" not in pod["metadata"].get("annotations", {})


@real
def test_a_name_at_the_limit_works(messages: Messages) -> None:
    messages.operator()
    name = "n" * 253
    messages.create(name)
    messages.ready(name)
    assert messages.log(messages.get(name)["status"]["podName"]) == "Hello, operator\n"


@real
def test_fifty_patches_in_two_seconds_end_with_the_last_text_and_few_pods(messages: Messages) -> None:
    messages.operator()
    messages.create(text="0")
    messages.ready()
    for number in range(1, 51):
        messages.patch(str(number))
    messages.ready()
    until(lambda: messages.prints("50"), "the last text is printed")
    assert len(messages.pods()) == 1
    assert messages.events().count("Replaced") <= 15


def test_a_restart_over_what_is_as_it_should_be_writes_nothing(messages: Messages) -> None:
    with messages.operator() as operator:
        for number in range(5):
            messages.create(f"msg-{number}")
        for number in range(5):
            messages.ready(f"msg-{number}")
        assert operator.stop() == 0
    before = [each["metadata"]["resourceVersion"] for each in [*messages.pods(), *_all(messages)]]
    with messages.operator() as operator:
        until(lambda: has_looked(operator, "Message", 5), "a look at each")
        after = [each["metadata"]["resourceVersion"] for each in [*messages.pods(), *_all(messages)]]
    assert after == before


@real
def test_what_was_changed_while_no_operator_ran_is_done_when_it_is_back(messages: Messages) -> None:
    with messages.operator() as operator:
        messages.create(text="first")
        messages.ready()
        operator.kill()
    messages.patch("second")
    messages.create("another", text="new")
    messages.operator()
    messages.ready()
    messages.ready("another")
    until(lambda: messages.prints("second"), "the new text is printed")
    assert messages.log("msg-another") == "new\n"


def _all(messages: Messages) -> list[dict[str, dict[str, str]]]:
    found: list[dict[str, dict[str, str]]] = json.loads(messages.kubectl("get", "messages", "--output=json"))[
        "items"
    ]
    return found
