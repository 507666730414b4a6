"""Each function's zip runs as Lambda runs it: the real runtime client, a fresh process, nothing of ours but the unpacked zip."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cold_start import environment
from benchmarks.first_event import signed
from benchmarks.loopback import Loopback
from benchmarks.recording import Recording, record
from infra.aws.bundle import bytecode, wheels
from infra.aws.bundle.builder import OUT, build
from infra.aws.bundle.functions import FUNCTIONS
from infra.aws.bundle.target import LAMBDA, here
from infra.local.lambda_process import running, runtime_client, unpacked
from infra.local.runtime_api import Outcome

EVENTS = Path(__file__).parents[1] / "events"
ROOMS = ("interactive", "notifier", "remediators")
ROOT = Path(__file__).parents[2]
OWN = here().python
# Lambda's own Python too, where this machine has it: then it is the very bytecode that is deployed.
PYTHONS = tuple(
    dict.fromkeys([OWN, *([LAMBDA.python] if sys.platform == "linux" and bytecode.interpreter(LAMBDA.python) else [])])
)
RUNTIME_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
LOADED = {".py", ".pyc", ".so", ".json", ".gz", ".pem"}
ALARM = json.loads((EVENTS / "sns-sqs-single-metric.json").read_text("utf-8"))
# A message of ours that nobody knows, and an alarm whose row cannot be read.
POISON = {"notifier": '{"type": "tocsin.unknown"}', "remediators": ALARM["Records"][0]["body"]}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A function's zip in a folder of its own, the runtime client in another, and the Python that both are made for."""

    task: Path
    client: Path
    python: Path

    def stdlib(self) -> Path:
        """Return where that Python keeps its standard library."""
        code = "import sysconfig; print(sysconfig.get_path('stdlib'))"
        return Path(subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True).stdout.strip())


Zips = Callable[..., Unpacked]


def client_for(python: str, folder: Path) -> Path:
    """Put the runtime client for another Python into ``folder``: fetched as a function's wheels are."""
    if python == OWN:
        return runtime_client(folder)
    versions = wheels.pinned(RUNTIME_CLIENT, ROOT / "requirements" / "dev.txt")
    folder.mkdir()
    for fetched in wheels.fetched(versions, here(python), OUT / "wheels").values():
        for top in fetched.iterdir():
            if not (folder / top.name).exists():
                (folder / top.name).symlink_to(top)
    return folder


@pytest.fixture(scope="session")
def zips(tmp_path_factory: pytest.TempPathFactory) -> Zips:
    """Return what unpacks a function's zip, built for this machine and one of its Pythons, once."""
    folder = tmp_path_factory.mktemp("zips")

    @cache
    def client(python: str) -> Path:
        return client_for(python, folder / f"client-{python}")

    @cache
    def one(name: str, python: str = OWN) -> Unpacked:
        found = bytecode.interpreter(python)
        assert found is not None
        task = unpacked(build(FUNCTIONS[name], here(python)), folder / f"{name}-{python}")
        return Unpacked(task, client(python), found[0])

    return one


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Recording]:
    """Return what plays a room's first event on the embedded AWS, once."""
    return cache(record)


@dataclass
class Lambda:
    """One function that runs, and the AWS and Slack that it is answered by."""

    send: Callable[[Any], None]
    answer: Callable[[], Any]
    outside: Loopback
    opened: Path


Start = Callable[..., Lambda]


@pytest.fixture
def start(zips: Zips, recorded: Callable[[str], Recording], tmp_path: Path) -> Iterator[Start]:
    """Return what starts a room's function in a process of its own; it ends with the test."""
    with ExitStack() as stack:

        def started(room: str, python: str = OWN) -> Lambda:
            recording, zipped, opened = recorded(room), zips(room, python), tmp_path / "opened"
            outside = Loopback(recording.answers)
            stack.callback(outside.close)
            environ = environment(recording, outside.url)
            handler = FUNCTIONS[room].handler
            run = stack.enter_context(running(zipped.task, zipped.client, handler, environ, opened=opened, python=zipped.python))
            return Lambda(run.api.send, run.api.answer, outside, opened)

        yield started


def operations(calls: Iterable[str]) -> Counter[str]:
    """Count what was called, by operation: recording and server name some services differently."""
    return Counter(call.rpartition(".")[2] for call in calls)


def inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve()) or path.is_relative_to(root)


def first_event(room: str, recording: Recording) -> Any:
    return signed(recording.event) if room == "interactive" else recording.event


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("room", ROOMS)
def test_the_zip_answers_its_first_event(room: str, python: str, start: Start, recorded: Callable[[str], Recording]) -> None:
    """The whole way, from the event to the last call that the same code made where it was recorded."""
    function, recording = start(room, python), recorded(room)
    function.send(first_event(room, recording))

    answer = function.answer()

    assert answer.outcome is Outcome.ANSWERED, answer.document
    expected = {"statusCode": 200} if room == "interactive" else {"batchItemFailures": []}
    assert expected.items() <= answer.document.items()
    assert operations(function.outside.calls.elements()) == operations(recording.calls)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("room", ROOMS)
def test_nothing_is_loaded_from_outside_the_zip_but_python_and_the_runtime_client(
    room: str, python: str, start: Start, recorded: Callable[[str], Recording], zips: Zips
) -> None:
    """An audit hook of the process wrote down every file that was opened: code and data alike."""
    function, zipped = start(room, python), zips(room, python)
    function.send(first_event(room, recorded(room)))
    assert function.answer().outcome is Outcome.ANSWERED
    opened = {Path(line) for line in function.opened.read_text("utf-8").splitlines()}
    loaded = {path for path in opened if path.suffix in LOADED and path.is_file()}

    roots = (zipped.task, zipped.client, zipped.stdlib())
    outside = {path for path in loaded if not any(inside(path, root) for root in roots)}
    from_zip = {path for path in loaded if inside(path, zipped.task)}

    assert {str(path) for path in outside} == set()
    assert {str(path) for path in loaded if "site-packages" in path.parts} == set()
    assert len([path for path in from_zip if path.suffix == ".pyc"]) > 50
    assert {path.name for path in from_zip if path.suffix == ".py"} == set(), "a source was compiled at start"


@pytest.mark.parametrize("room", ["notifier", "remediators"])
def test_a_poisoned_record_comes_back_alone(room: str, start: Start, recorded: Callable[[str], Recording]) -> None:
    function, event = start(room), recorded(room).event
    poisoned = {**event["Records"][0], "messageId": "poisoned", "body": POISON[room]}
    function.send({"Records": [*event["Records"], poisoned]})

    answer = function.answer()

    assert answer.document == {"batchItemFailures": [{"itemIdentifier": "poisoned"}]}
    assert operations(recorded(room).calls) - operations(function.outside.calls.elements()) == Counter()


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_can_be_loaded_from_its_zip(name: str, zips: Zips) -> None:
    """Whatever it makes of an empty event in an empty environment: its module is there with all that it imports."""
    zipped = zips(name)
    with running(zipped.task, zipped.client, FUNCTIONS[name].handler, {}) as run:
        run.api.send({})
        answer = run.api.answer()

    assert answer.outcome in (Outcome.ANSWERED, Outcome.FAILED), answer.document
    assert "No module named" not in str(answer.document)


def test_a_forged_press_is_refused(start: Start, recorded: Callable[[str], Recording]) -> None:
    function, event = start("interactive"), first_event("interactive", recorded("interactive"))
    function.send({**event, "body": event["body"] + "&forged=1"})

    assert function.answer().document["statusCode"] == 401


def test_a_handler_that_is_not_in_the_zip_is_an_error_of_the_start(zips: Zips) -> None:
    zipped = zips("interactive")
    with running(zipped.task, zipped.client, "notifier.handler.handler", {}) as run:
        answer = run.api.answer()

    assert answer.outcome is Outcome.INIT_ERROR
    assert answer.document["errorType"] == "Runtime.ImportModuleError"
