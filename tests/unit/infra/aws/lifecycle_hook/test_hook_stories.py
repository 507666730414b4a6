"""ECS calls the hook in the middle of a deployment; green is a server on loopback that is well, ill, slow or not there yet."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.lifecycle_hook import handler as door
from infra.aws.lifecycle_hook.called import OTHERS, Answer, Status, parse
from infra.aws.lifecycle_hook.expectations import Expected, Outcome, verdict

UPLOAD = "0a1b2c3d-1111-4222-8333-444455556666"
SIGNATURE = "5f2f3e0b1c9d"
Reply = tuple[int, object]


def form(**changes: object) -> dict[str, Any]:
    fields = {"key": f"uploads/{UPLOAD}", "policy": "eyJ", "x-amz-signature": SIGNATURE}
    upload = {"url": "https://images.s3.ap-northeast-2.amazonaws.com/", "fields": fields}
    return {"id": UPLOAD, "upload": upload, "expires_in_s": 300, **changes}


def well(method: str, path: str, body: dict[str, Any]) -> Reply:
    """Answer as a green that is all right."""
    if method == "POST":
        return (201, form()) if body["content_type"] == "image/jpeg" else (422, {"error": {"code": "not-allowed"}})
    return 200, {"status": "waiting"} if path.startswith("/uploads/") else {"status": "ok"}


class Served:
    """A green on loopback, and what it was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[str] = []

    @property
    def environ(self) -> dict[str, str]:
        return {"HOOK_HOST": "127.0.0.1", "HOOK_PORT": str(self.port), "HOOK_BUCKET": "images", "HOOK_PREFIX": "uploads/"}


@contextmanager
def served(reply: Callable[[str, str, dict[str, Any]], Reply]) -> Iterator[Served]:
    """Serve ``reply``."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            found.asked.append(f"{self.command} {self.path}")
            status, said = reply(self.command, self.path, body)
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Served(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def broken(status: int) -> Callable[[str, str, dict[str, Any]], Reply]:
    """Answer everything with ``status``."""

    def reply(method: str, path: str, body: dict[str, Any]) -> Reply:
        return status, {}

    return reply


def ticking(step_s: float = 0.01) -> Callable[[], float]:
    """Return a clock that goes on by ``step_s`` whenever it is read."""
    ticks = count()
    return lambda: next(ticks) * step_s


def event(stage: str = "POST_TEST_TRAFFIC_SHIFT", **members: object) -> dict[str, Any]:
    revision = "arn:aws:ecs:ap-northeast-2:123456789012:service-revision/image/image-api/2"
    service = "arn:aws:ecs:ap-northeast-2:123456789012:service/image/image-api"
    return {"lifecycleStage": stage, "serviceArn": service, "targetServiceRevisionArn": revision, **members}


def asked(green: Served, said: object = None, *, clock: Callable[[], float] | None = None, **environ: str) -> Answer:
    return door.answer_to(parse(said or event()), {**green.environ, **environ}, clock or ticking())


# --- green is well --------------------------------------------------------------------------------------------------------------


def test_a_green_that_answers_as_it_should_gets_the_traffic() -> None:
    with served(well) as green:
        answer = asked(green)

    assert answer.document() == {"hookStatus": "SUCCEEDED"}
    assert len(green.asked) == 1 + 5 * 4
    assert {ask for ask in green.asked if ask.startswith("POST")} == {"POST /uploads"}


def test_the_documents_event_and_the_samples_event_mean_the_same() -> None:
    sample = {
        "executionId": "1",
        "lifecycleStage": "POST_TEST_TRAFFIC_SHIFT",
        "resourceArn": "arn:aws:ecs:ap-northeast-2:123456789012:service-deployment/image/image-api/abc",
        "executionDetails": {
            "serviceArn": event()["serviceArn"],
            "targetServiceRevisionArn": "r",
            "testTrafficWeights": {"r": 100},
        },
    }

    assert parse(sample).service == parse(event()).service
    with served(well) as green:
        assert asked(green, sample).status is Status.SUCCEEDED


def test_on_the_first_deployment_without_a_blue_green_is_tried_all_the_same() -> None:
    with served(well) as green:
        assert asked(green, event(sourceServiceRevisions=[])).status is Status.SUCCEEDED


def test_one_request_that_fails_is_within_the_budget() -> None:
    turn = count()

    def once_ill(method: str, path: str, body: dict[str, Any]) -> Reply:
        return (500, {}) if next(turn) == 7 else well(method, path, body)

    with served(once_ill) as green:
        assert asked(green).status is Status.SUCCEEDED


# --- green is ill ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((500, {}), "order 500: neither 200 nor 201"),
        ((201, {}), "order 201: no id"),
        ((201, form(expires_in_s=0)), "order 201: a form that never expires"),
        ((201, form(upload={"url": "https://images.s3.amazonaws.com/"})), "order 201: no form"),
        ((201, form(upload={**form()["upload"], "url": "https://evil.example/"})), "a form that does not lead to the bucket"),
        (
            (201, form(upload={**form()["upload"], "url": "http://images.s3.amazonaws.com/"})),
            "does not lead to the bucket by https",
        ),
        ((201, form(upload={**form()["upload"], "fields": {"key": "thumbnails/x"}})), "a key outside the uploads"),
        ((201, form(upload={**form()["upload"], "fields": {"key": "uploads/x"}})), "a form without a signature"),
    ],
)
def test_an_order_that_is_answered_wrongly_is_a_reason_to_roll_back(answer: Reply, why: str) -> None:
    def ill(method: str, path: str, body: dict[str, Any]) -> Reply:
        return answer if body.get("content_type") == "image/jpeg" else well(method, path, body)

    with served(ill) as green:
        found = asked(green)

    assert found.document() == {"hookStatus": "FAILED"}
    assert why in found.why


def test_a_green_that_refuses_nothing_is_ill() -> None:
    with served(lambda method, path, body: (201, form()) if method == "POST" else well(method, path, body)) as green:
        found = asked(green)

    assert found.status is Status.FAILED
    assert "what is not allowed was not refused" in found.why


def test_a_green_that_is_slow_is_ill() -> None:
    with served(well) as green:
        found = asked(green, clock=ticking(0.6), HOOK_SLOWEST_MS="500")

    assert found.status is Status.FAILED
    assert "p90 of 20 requests is 600 ms, above 500 ms" in found.why


def test_trying_ends_as_soon_as_it_is_clear() -> None:
    """A green that hangs would cost a timeout for every request that is left."""
    with served(lambda method, path, body: well(method, path, body) if path == "/readyz" else (503, {})) as green:
        assert asked(green).status is Status.FAILED

    assert len(green.asked) == 3


# --- green is not there yet -----------------------------------------------------------------------------------------------------


def test_while_nothing_is_ready_ecs_is_asked_to_call_again_and_at_last_to_roll_back() -> None:
    said: object = event()
    looks = 0
    with served(broken(503)) as green:
        while (answer := asked(green, said, HOOK_PATIENCE="3")).status is Status.IN_PROGRESS:
            looks += 1
            assert answer.document()["callBackDelay"] == 10
            said = event(hookDetails=answer.document()["hookDetails"])

    assert looks == 3
    assert answer.status is Status.FAILED
    assert "after 4 looks" in answer.why


def test_what_is_handed_on_may_come_back_as_text() -> None:
    assert parse(event(hookDetails='{"attempt": 4}')).attempt == 4


def test_a_listener_that_nobody_answers_at_is_one_that_is_not_ready() -> None:
    with served(well) as gone:
        environ = gone.environ
    assert door.answer_to(parse(event()), environ, ticking()).status is Status.IN_PROGRESS


def test_as_long_as_test_traffic_goes_elsewhere_nothing_is_tried() -> None:
    """Blue would be tried, and be found well."""
    revision = event()["targetServiceRevisionArn"]
    with served(well) as green:
        assert asked(green, event(testTrafficWeights={revision: 0, "blue": 100})).status is Status.IN_PROGRESS
        assert green.asked == []
        assert asked(green, event(testTrafficWeights={revision: 100})).status is Status.SUCCEEDED


# --- the way back, and what nobody foresaw --------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", sorted(OTHERS))
def test_no_other_stage_is_held_up_least_of_all_on_the_way_back(stage: str) -> None:
    """ECS calls hooks of the traffic shifts while it rolls back too."""
    with served(broken(500)) as green:
        assert asked(green, event(stage)).status is Status.SUCCEEDED
        assert green.asked == []


def test_a_stage_that_nobody_knows_is_tried() -> None:
    with served(lambda method, path, body: well(method, path, body) if path == "/readyz" else (500, {})) as green:
        assert asked(green, event("SOMETHING_NEW")).status is Status.FAILED


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_event_is_read(anything: object) -> None:
    members = ("lifecycleStage", "hookDetails", "testTrafficWeights", "executionDetails", "serviceArn")
    for said in (anything, dict.fromkeys(members, anything)):
        assert 0 <= parse(said).attempt <= 1000


def test_the_log_says_why_and_nothing_of_a_form(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with served(lambda method, path, body: (201, form()) if method == "POST" else well(method, path, body)) as green:
        for name, value in green.environ.items():
            monkeypatch.setenv(name, value)
        with caplog.at_level(logging.INFO):
            assert door.handler(event(), None) == {"hookStatus": "FAILED"}

    assert "FAILED: 2 of" in caplog.text
    assert SIGNATURE not in caplog.text
    assert UPLOAD not in caplog.text


# --- the rule -------------------------------------------------------------------------------------------------------------------

outcomes = st.lists(st.builds(Outcome, st.just("health"), st.sampled_from(["", "", "", "ill"]), st.floats(0, 3000)), min_size=1)


@given(outcomes, st.integers(0, 3))
def test_green_passes_only_within_both_its_budget_and_its_bound(tried: list[Outcome], budget: int) -> None:
    expected = Expected("images", "uploads/", failures=budget)
    failed = sum(outcome.why != "" for outcome in tried)
    late = sum(outcome.ms > expected.slowest_ms for outcome in tried)

    assert (verdict(tried, expected) == "") is (failed <= budget and late <= len(tried) // 10)


def test_nothing_tried_is_nothing_shown() -> None:
    assert verdict([], Expected("images", "uploads/")) != ""
