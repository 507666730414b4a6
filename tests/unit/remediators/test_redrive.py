"""Dead letters go back only when their cause is gone, slowly, and no further when they come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from letters_world import REDRIVE, START, Letters, letters_alarm, letters_world

from alarms.domain.decision import Change, Proposal, Reason
from remediators.action import Overtaken, Purpose, Refusal, Situation
from remediators.actions.redrive_dead_letters import RedriveDeadLetters
from remediators.permissions.iam_actions import implied, needed
from remediators.queues import redrive
from remediators.queues.dead_letters import Consumers, Letter, Move, Signals
from remediators.queues.dead_letters import Letters as Seen

CHANGING = {"StartMessageMoveTask", "CancelMessageMoveTask", "DeleteMessage", "PurgeQueue", "SendMessage"}


@pytest.fixture
def world() -> Iterator[Letters]:
    with letters_world() as opened:
        yield opened


def refused(answer: Any) -> Reason:
    assert isinstance(answer, Refusal), answer
    return answer.reason


def test_healthy_consumers_get_their_letters_back_at_the_rate_and_a_person_decides(world: Letters) -> None:
    proposal = world.proposal()
    (change,) = proposal.changes
    assert (change.resource, change.knob, change.before, change.after) == (
        "sqs:queue/jobs-dead",
        "MessageMoveTask",
        None,
        "5/s to jobs",
    )
    assert proposal.approval
    assert not world.proposal(idempotent=True).approval
    assert "20 letters go back to jobs at 5/s" in proposal.why.en
    assert {"Consumers: image-consumer 3/3", "Consumers' failures: 3.0%", "Sample of 10: 10 different bodies"} <= {
        line.en for line in proposal.lines
    }
    assert not {call.operation for call in world.calls} & CHANGING
    assert len(world.calls) <= 12 * 2  # two decisions

    world.action.run(world.clients, change, world.permit)
    world.aws.clock.advance(2)
    assert (world.counts(), world.permits) == ((10, 10), 1)
    world.aws.clock.advance(2)
    verify = world.situation(Purpose.VERIFY)
    assert (world.counts(), world.action.moved(world.action.observe(world.clients, verify), proposal)) == ((20, 0), True)


def test_looking_at_letters_hides_them_from_nobody(world: Letters) -> None:
    world.proposal()
    assert world.counts()[1] == 20


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"letters": {3: 20, 4: 18, 5: 18}}, Reason.YIELDS),  # the newest letter came three minutes ago
        ({"age": 700}, Reason.YIELDS),
        ({"received": 100, "deleted": 40}, Reason.YIELDS),
        ({"received": 0, "deleted": 0}, Reason.UNKNOWN),
    ],
)
def test_nothing_moves_while_the_cause_may_still_be_there(world: Letters, metrics: dict[str, Any], reason: Reason) -> None:
    world.aws.clock.advance(1320)  # past what was published
    world.metrics(**metrics)
    assert refused(world.decide()) is reason


def test_a_deployment_since_the_letters_arrived_stands_in_for_work_that_is_not_there_yet(world: Letters) -> None:
    world.aws.client("ecs").update_service(cluster="image", service="image-consumer", forceNewDeployment=True)
    assert refused(world.decide()) is Reason.UNSAFE  # it is still being deployed
    world.aws.ecs.settle("image", "image-consumer")
    world.aws.clock.advance(1320)
    world.metrics(received=0, deleted=0)
    assert refused(world.decide()) is Reason.UNKNOWN  # the letters may have come after it, for all that is known

    world.aws.client("ecs").update_service(cluster="image", service="image-consumer", forceNewDeployment=True)
    world.aws.ecs.settle("image", "image-consumer")
    assert any("deployed since" in line.en for line in world.proposal().lines)


def test_consumers_that_do_not_run_get_nothing(world: Letters) -> None:
    world.aws.client("ecs").update_service(cluster="image", service="image-consumer", desiredCount=0)
    assert refused(world.decide()) is Reason.UNSAFE


def test_more_letters_than_allowed_are_a_persons_matter(world: Letters) -> None:
    assert refused(world.decide(max_messages=19)) is Reason.AT_CEILING


def test_a_poison_message_is_not_sent_back(world: Letters) -> None:
    world.sqs.purge_queue(QueueUrl=world.dead_url)
    world.die(*["same"] * 6, "other", "another")
    world.aws.clock.advance(1320)
    world.metrics()
    answer = world.decide()
    assert refused(answer) is Reason.UNSAFE
    assert "6 of 8 sampled letters have the same body" in answer.why.en  # type: ignore[union-attr]  # just asserted


def test_letters_of_several_queues_are_not_thrown_together(world: Letters) -> None:
    world.sqs.create_queue(QueueName="other")
    world.hand_on("other")
    assert refused(world.decide()) is Reason.UNSAFE
    assert refused(world.decide(source="elsewhere")) is Reason.UNSAFE


def test_a_queue_that_hands_its_letters_on_is_not_even_looked_into(world: Letters) -> None:
    world.sqs.create_queue(QueueName="last")
    chain = {"deadLetterTargetArn": world.aws.place.arn("sqs", "last"), "maxReceiveCount": 1}
    world.sqs.set_queue_attributes(QueueUrl=world.dead_url, Attributes={"RedrivePolicy": json.dumps(chain)})
    world.calls.clear()
    assert refused(world.decide()) is Reason.UNSAFE
    assert "ReceiveMessage" not in {call.operation for call in world.calls}


def test_letters_that_come_back_stop_the_move_and_are_not_tried_again(world: Letters) -> None:
    proposal = world.start()
    world.aws.clock.advance(2)
    world.die()  # all ten that went back fail at once, and within these seconds the rest follows
    watch = world.situation(Purpose.WATCH)
    harm = world.action.harm(world.action.observe(world.clients, watch), proposal, watch)
    assert harm is not None
    assert "dead letters again" in harm.en
    world.aws.clock.advance(1320)
    world.metrics()
    answer = world.decide()
    assert refused(answer) is Reason.UNSAFE
    assert "letters are here again" in answer.why.en  # type: ignore[union-attr]  # just asserted


def test_the_way_back_stops_what_still_runs_and_only_that(world: Letters) -> None:
    proposal = world.start(rate=1)
    world.aws.clock.advance(5)
    revert = world.situation(Purpose.REVERT)
    back = world.action.restore(world.action.observe(world.clients, revert), proposal, revert)
    assert not isinstance(back, Refusal)
    (stop,) = back.changes
    assert (stop.before, stop.after) == ("1/s to jobs", None)
    world.action.run(world.clients, stop, world.permit)
    world.aws.clock.advance(60)
    assert world.counts() == (5, 15)
    assert world.action.run(world.clients, stop, world.permit) == ()  # again: nothing runs, nothing happens
    again = world.action.restore(world.action.observe(world.clients, revert), proposal, revert)
    assert refused(again) is Reason.NOTHING_TO_DO


def test_a_move_whose_worker_died_and_was_resumed_later_is_still_ours_to_stop(world: Letters) -> None:
    proposal = world.start(rate=1)
    world.aws.clock.advance(5)
    resumed = world.situation(Purpose.REVERT)
    late = replace(resumed, acted_at=world.now + timedelta(minutes=9))
    back = world.action.restore(world.action.observe(world.clients, late), proposal, late)

    assert not isinstance(back, Refusal)
    assert back.changes[0].after is None


def test_somebody_elses_move_is_left_alone(world: Letters) -> None:
    proposal = world.proposal()
    world.sqs.start_message_move_task(SourceArn=world.aws.place.arn("sqs", "jobs-dead"), MaxNumberOfMessagesPerSecond=1)
    with pytest.raises(Overtaken, match="Another move runs"):
        world.action.run(world.clients, proposal.changes[0], world.permit)
    assert world.permits == 0
    revert = world.situation(Purpose.REVERT)
    assert refused(world.action.restore(world.action.observe(world.clients, revert), proposal, revert)) is Reason.DRIFTED
    assert refused(world.decide()) is Reason.YIELDS


def test_a_start_whose_answer_is_lost_is_not_started_twice(world: Letters) -> None:
    proposal = world.proposal()
    world.aws.seam.fail("sqs", "StartMessageMoveTask", "InvalidParameterValue", after_effect=True)
    assert world.action.run(world.clients, proposal.changes[0], world.permit) == ()
    resumed = world.action.observe(world.clients, world.situation())
    assert world.action.current(resumed, proposal.changes[0]) == proposal.changes[0].after
    assert world.action.run(world.clients, proposal.changes[0], world.permit) == ()
    world.aws.clock.advance(60)
    done = world.action.observe(world.clients, world.situation())
    assert world.action.current(done, proposal.changes[0]) == proposal.changes[0].after
    assert sum(call.operation == "StartMessageMoveTask" for call in world.calls) == 1


def test_the_sample_is_kept_without_its_secrets(world: Letters) -> None:
    situation = world.situation()
    kept = world.action.evidence(world.action.observe(world.clients, situation), situation)
    assert len(kept["letters"]) == 10
    assert "s3cr3t" not in json.dumps(kept)
    assert all(len(letter["sha256"]) == 16 and letter["head"].startswith('{"job"') for letter in kept["letters"])


def test_letters_about_to_expire_are_said(world: Letters) -> None:
    world.sqs.set_queue_attributes(QueueUrl=world.dead_url, Attributes={"MessageRetentionPeriod": "36000"})
    assert any("is dropped in 9.7 h" in line.en for line in world.proposal().lines)
    answer = world.decide(max_messages=1)
    assert isinstance(answer, Refusal)
    assert "is dropped in" in answer.why.en


def test_every_call_is_one_that_the_action_declares(world: Letters) -> None:
    proposal = world.start(rate=1)
    for purpose in (Purpose.VERIFY, Purpose.WATCH, Purpose.REVERT):
        situation = world.situation(purpose)
        observed = world.action.observe(world.clients, situation)
        world.action.harm(observed, proposal, situation)
    back = world.action.restore(observed, proposal, situation)
    assert not isinstance(back, Refusal)
    world.action.run(world.clients, back.changes[0], world.permit)
    declared = {permission.action for permission in world.action.spec.permissions}
    own = [call for call in world.calls if call.service not in ("cloudwatch",) or call.operation.startswith("Get")]
    used = set().union(*(needed(call.service, call.operation, call.params) for call in own))
    assert used <= declared
    assert {"sqs:StartMessageMoveTask", "sqs:CancelMessageMoveTask", "sqs:ReceiveMessage"} <= used
    assert implied("sqs:StartMessageMoveTask") <= declared


def test_a_function_that_consumes_is_judged_by_its_mapping_and_its_errors(world: Letters) -> None:
    """Disabled: nobody would take them. Failing: they would come back."""
    lambdas = {"cluster": None, "consumer": None, "function": "thumbnails"}
    uuid = world.aws.mappings.preload(function="thumbnails", queue_arn=world.aws.place.arn("sqs", "jobs"))
    assert refused(world.decide(**lambdas)) is Reason.UNKNOWN  # no invocation was measured
    world.invocations(errors=30)
    assert refused(world.decide(**lambdas)) is Reason.YIELDS
    world.invocations(errors=-29)
    assert any("Consumers: thumbnails Enabled" in line.en for line in world.proposal(**lambdas).lines)
    world.aws.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)
    world.aws.clock.advance(15)
    assert refused(world.decide(**lambdas)) is Reason.UNSAFE
    assert refused(world.decide(**{**lambdas, "function": "other"})) is Reason.UNKNOWN


def test_letters_of_a_fifo_queue_go_back_by_a_persons_decision_only() -> None:
    """Whatever the row says of the consumer: letters that go back come after newer ones."""
    parameters = {"source": "jobs.fifo", "max_messages": 100, "cluster": "c", "consumer": "s", "idempotent": True}
    situation = Situation(letters_alarm(), replace(REDRIVE, parameters=parameters), 20.0, START)
    seen = replace(CLEAR, queue="jobs-dead.fifo", sources=("jobs.fifo",))
    answer = RedriveDeadLetters().propose(seen, situation)
    assert isinstance(answer, Proposal)
    assert answer.approval
    assert any(line.en.startswith("FIFO") for line in answer.lines)
    plain = RedriveDeadLetters().propose(replace(CLEAR, sources=("jobs.fifo",)), situation)
    assert isinstance(plain, Proposal)
    assert not plain.approval


def test_parameters_must_name_whose_health_decides() -> None:
    action = RedriveDeadLetters()
    assert action.problem({"source": "q", "max_messages": 1})
    assert action.problem({"source": "q", "max_messages": 1, "cluster": "c"})
    assert action.problem({"source": "q", "max_messages": 1, "cluster": "c", "consumer": "s", "function": "f"})
    assert action.problem({"source": "q.fifo", "max_messages": 1, "function": "f", "idempotent": True})
    assert action.problem({"source": "q", "max_messages": 1, "function": "f", "idempotent": True}) is None


# --- pure -------------------------------------------------------------------------------------------------------------

CLEAR = Seen(
    queue="jobs-dead",
    arn="arn:aws:sqs:r:a:jobs-dead",
    visible=20,
    in_flight=0,
    retention_s=1209600,
    chained=False,
    moves=(),
    now=START,
    signals=Signals(START - timedelta(minutes=15), counted=True, errors=0.0, source_age_s=10),
    sources=("jobs",),
    source_visible=3,
    consumers=Consumers("c 3/3", healthy=True),
    sample=tuple(Letter(str(n), str(n), "", START - timedelta(hours=1)) for n in range(10)),
)
PARAMETERS = {"source": "jobs", "max_messages": 100}


def test_all_clear_is_the_only_pass() -> None:
    assert redrive.refusal(CLEAR, PARAMETERS) is None


@pytest.mark.parametrize(
    "unknown",
    [
        {"signals": None},
        {"signals": replace(CLEAR.signals, counted=False)},  # type: ignore[type-var]  # it is set above
        {"signals": replace(CLEAR.signals, errors=None)},  # type: ignore[type-var]  # it is set above
        {"signals": replace(CLEAR.signals, source_age_s=None)},  # type: ignore[type-var]  # it is set above
        {"consumers": None},
        {"consumers": Consumers("?", healthy=None)},
        {"sample": ()},
        {"source_visible": None, "signals": replace(CLEAR.signals, source_age_s=None)},  # type: ignore[type-var]  # set above
    ],
)
def test_what_is_not_known_is_never_a_pass(unknown: dict[str, Any]) -> None:
    assert refused(redrive.refusal(replace(CLEAR, **unknown), PARAMETERS)) is Reason.UNKNOWN


@settings(deadline=None, max_examples=200)
@given(
    visible=st.integers(0, 300),
    errors=st.none() | st.floats(0, 1),
    age=st.none() | st.floats(0, 2000),
    healthy=st.sampled_from([True, False, None]),
    same=st.integers(1, 10),
    rose=st.none() | st.integers(0, 30),
)
def test_whatever_is_seen_a_move_needs_every_sign_at_once(
    visible: int, errors: float | None, age: float | None, healthy: bool | None, same: int, rose: int | None
) -> None:
    rose_at = START - timedelta(minutes=rose) if rose is not None else None
    sample = tuple(Letter(str(n), "same" if n < same else str(n), "", None) for n in range(10))
    signals = Signals(START - timedelta(minutes=15), True, rose_at, errors, age)
    seen = replace(CLEAR, visible=visible, signals=signals, consumers=Consumers("c", healthy), sample=sample)
    allowed = redrive.refusal(seen, PARAMETERS) is None
    assert allowed == (
        0 < visible <= 100
        and healthy is True
        and (rose is None or rose >= 10)
        and (age is not None and age < 600)
        and (errors is not None and errors <= 0.1)
        and same < 5
    )


@given(moved=st.integers(0, 1000), to_move=st.integers(0, 1000), visible=st.integers(0, 2000))
def test_letters_are_back_only_when_more_are_there_than_have_not_gone(moved: int, to_move: int, visible: int) -> None:
    to_move = max(moved, to_move)
    seen = replace(CLEAR, visible=visible, moves=(Move("RUNNING", "jobs", 5, moved, to_move, START),))
    if redrive.harm(seen, PARAMETERS) is not None:
        assert visible > to_move - moved + 2
    if visible <= to_move - moved:
        assert redrive.harm(seen, PARAMETERS) is None


def test_a_change_that_was_read_back_from_the_store_is_the_same_one() -> None:
    change = Change("sqs:queue/q", "MessageMoveTask", None, "5/s to jobs", "arn:q arn:jobs")
    assert Change.from_document(json.loads(json.dumps(change.to_document()))) == change
