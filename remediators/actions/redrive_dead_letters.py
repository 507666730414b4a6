"""redrive-dead-letters: send dead letters back to their queue, slowly, once what put them there is gone.

    remediate:
      - action: redrive-dead-letters
        with: {source: image-jobs, cluster: image, consumer: image-consumer, max_messages: 5000}

The dead-letter queue is the alarm's own target, QueueName. What is lent is a running move task: giving back is stopping it.
Risk: disruptive (letters are worked a second time; a person decides unless the row says the consumer is idempotent).
Changes: StartMessageMoveTask at ``rate``, CancelMessageMoveTask. Never PurgeQueue. Bounds: ``max_messages``, ``rate`` <= 500/s.
Refuses while letters still arrive, consumers fail or are late, bodies repeat, or a move of the last hour came back.
Verify: the task is COMPLETED and the alarm is OK. Withdrawn when the letters come back or the source's queue grows old.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Permission, Risk
from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Permanent
from alarms.domain.event import iso
from alarms.domain.text import Text
from remediators.action import Clients, Overtaken, Permit, Refusal, Situation
from remediators.queues import dead_letters, redrive
from remediators.queues.dead_letters import Letters

KNOB = "MessageMoveTask"
_QUEUE, _SOURCE = "arn:{partition}:sqs:{region}:{account}:{queue}", "arn:{partition}:sqs:{region}:{account}:{source}"


class RedriveDeadLetters:
    """Starts one rated move task, watches it, and stops it when the letters come back."""

    spec = ActionSpec(
        name="redrive-dead-letters",
        summary="Send dead letters back to their queue at a rate, once their cause is gone; stop when they come back.",
        risk=Risk.DISRUPTIVE,
        changes=True,
        withdraws=True,
        watch_every_s=60,
        scales=True,
        parameters=(
            Parameter("source", ParameterKind.TEXT, "name of the queue that the letters came from and go back to"),
            Parameter("max_messages", ParameterKind.COUNT, "refuse to move when more letters than this wait", ceiling=True),
            Parameter(
                "rate", ParameterKind.COUNT, "letters a second", required=False, default=redrive.RATE, maximum=redrive.FASTEST
            ),
            Parameter("cluster", ParameterKind.TEXT, "ECS: name of the cluster", required=False),
            Parameter("consumer", ParameterKind.TEXT, "ECS: name of the service that consumes", required=False),
            Parameter("function", ParameterKind.TEXT, "Lambda: name of the function that consumes", required=False),
            Parameter(
                "source_age",
                ParameterKind.DURATION,
                "the source's oldest message must be younger, before and during the move",
                required=False,
                default=redrive.SOURCE_AGE_S,
            ),
            Parameter(
                "quiet_for",
                ParameterKind.DURATION,
                "no new letter for this long before any is moved",
                required=False,
                default=dead_letters.QUIET_S,
            ),
            Parameter(
                "error_share",
                ParameterKind.PERCENT,
                "the consumers' failures, at most, while it is quiet",
                required=False,
                default=redrive.ERROR_SHARE,
            ),
            Parameter(
                "idempotent",
                ParameterKind.FLAG,
                "the consumer may work a message twice without harm; a person decides each move otherwise",
                required=False,
                default=False,
            ),
        ),
        permissions=(
            Permission("sqs:GetQueueUrl", _QUEUE, "find the dead-letter queue"),
            Permission("sqs:GetQueueAttributes", _QUEUE, "how many letters wait, and how long they are kept"),
            Permission("sqs:GetQueueAttributes", _SOURCE, "what waits in the source already"),
            Permission("sqs:ListDeadLetterSourceQueues", _QUEUE, "whether the letters come from this source alone"),
            Permission("sqs:ListMessageMoveTasks", _QUEUE, "moves under way and lately ended"),
            Permission("sqs:ReceiveMessage", _QUEUE, "a sample of the letters; and the move task receives as its caller"),
            Permission("sqs:StartMessageMoveTask", _QUEUE, "start moving"),
            Permission("sqs:CancelMessageMoveTask", _QUEUE, "stop moving"),
            Permission("sqs:DeleteMessage", _QUEUE, "the move task deletes what it has moved, as its caller"),
            Permission("sqs:SendMessage", _SOURCE, "the move task sends, as its caller"),
            Permission("cloudwatch:GetMetricData", "*", "whether letters arrive and consumers fail; knows no resources"),
            Permission(
                "ecs:DescribeServices",
                "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{consumer}",
                "whether the consumers run, and when they were deployed",
            ),
            Permission("lambda:ListEventSourceMappings", "*", "whether the mapping is Enabled", only_with="function"),
        ),
        example="""\
remediate:
  - action: redrive-dead-letters
    with: {source: image-jobs, cluster: image, consumer: image-consumer, max_messages: 5000, rate: 10}
    limits: [1 per hour, 3 per day]
    cooldown: 1 h
    verify_within: 15 m
    revert: {after_ok: 30 m, at_latest: 2 h}
    otherwise: [{action: escalate}]
""",
    )

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong between parameters, None when nothing is."""
        ecs = {"cluster", "consumer"} & set(parameters)
        if bool(ecs) == ("function" in parameters):
            return "give cluster and consumer (ECS) or function (Lambda): whose health decides"
        if len(ecs) == 1:
            return "cluster and consumer go together"
        if parameters["source"].endswith(".fifo") and parameters.get("idempotent"):
            return "a FIFO queue promises an order that a move breaks: leave idempotent out, a person decides"
        return None

    def resource(self, situation: Situation) -> str:
        """Return ``sqs:queue/<dead-letter queue>``."""
        return f"sqs:queue/{situation.alarm.target.get('QueueName', '')}"

    def observe(self, clients: Clients, situation: Situation) -> Letters:
        """Read the letters, their moves and, to decide, everything round them."""
        return dead_letters.observe(clients, situation)

    def propose(self, observed: Letters, situation: Situation) -> Proposal | Refusal:
        """Move all letters at ``rate``, when everything says that their cause is gone."""
        parameters = situation.policy.parameters
        refused = redrive.refusal(observed, parameters)
        if refused is not None:
            return refused
        source = parameters["source"]
        rate = parameters.get("rate", redrive.RATE)
        via = f"{observed.arn} {observed.arn.rsplit(':', 1)[0]}:{source}"
        change = Change(self.resource(situation), KNOB, None, dead_letters.value(rate, source), via)
        approval = observed.fifo or not parameters.get("idempotent", False)
        lines = redrive.lines(observed)
        return Proposal(self.spec.name, change.resource, (change,), redrive.why(observed, source, rate), approval, lines)

    def evidence(self, observed: Letters, _: Situation) -> Mapping[str, Any]:
        """Return the sample: digests and masked heads of bodies; moved letters get new ids, so these are the last trace."""
        return {
            "queue": observed.queue,
            "visible": observed.visible,
            "consumers": observed.consumers.shown if observed.consumers else None,
            "letters": [
                {
                    "id": letter.id,
                    "sha256": letter.digest,
                    "head": letter.head,
                    "sent_at": iso(letter.sent_at) if letter.sent_at else None,
                }
                for letter in observed.sample
            ],
        }

    def current(self, observed: Letters, change: Change) -> str | None:
        """Return the move that runs, or ended within the last hour; None when there is neither."""
        move = observed.move
        if move is None:
            return None
        done = change.before is None and move.status == "COMPLETED" and observed.now - move.started_at < redrive.AGAIN
        return move.value if move.status in dead_letters.ACTIVE or done else None

    def run(self, clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """Start the move task, or stop it. One that runs as asked for already is not started twice."""
        sqs, (queue, source) = clients("sqs"), change.via.split()
        newest = _newest(sqs, queue)
        if change.after is None:
            if newest is None or newest.status != dead_letters.RUNNING or newest.value != change.before:
                return ()
            permit()
            return _request(sqs.cancel_message_move_task(TaskHandle=newest.handle))
        if newest is not None and newest.status in dead_letters.ACTIVE:
            if newest.value == change.after:
                return ()
            raise Overtaken(_other(newest))
        permit()
        rate = int(str(change.after).partition("/")[0])
        try:
            answer = sqs.start_message_move_task(SourceArn=queue, DestinationArn=source, MaxNumberOfMessagesPerSecond=rate)
        except Permanent:
            # A try whose answer was lost has started it: SQS then says that one task is enough.
            started = _newest(sqs, queue)
            if started is None or started.status not in dead_letters.ACTIVE or started.value != change.after:
                raise
            return ()
        return _request(answer)

    def moved(self, observed: Letters, _: Proposal) -> bool | None:
        """Tell whether the task has ended well; None while it runs."""
        move = observed.move
        if move is None or move.status in ("CANCELLING", "CANCELLED", "FAILED"):
            return False
        return True if move.status == "COMPLETED" else None

    def harm(self, observed: Letters, _: Proposal, situation: Situation) -> Text | None:
        """Say so when letters come back, or when the source's queue grows older than its bound."""
        return redrive.harm(observed, situation.policy.parameters)

    def restore(self, observed: Letters, proposal: Proposal, situation: Situation) -> Proposal | Refusal:
        """Propose to stop the move, while it runs and is ours."""
        (lent,) = proposal.changes
        move = observed.move
        # A worker that died after the start is resumed later, and that is when it "acted". A move that runs just so and began
        # within the hour is ours all the same: beside anybody else's none would have been proposed.
        since = situation.acted_at - redrive.AGAIN if situation.acted_at else None
        if move is None or move.status != dead_letters.RUNNING:
            moved = move.moved if move else 0
            return Refusal(
                Reason.NOTHING_TO_DO,
                Text(
                    f"No move runs any more; {moved:,} letters are back in their queue.",
                    f"실행 중인 이동 작업이 없습니다. 메시지 {moved:,}개가 원래 큐로 돌아갔습니다.",
                ),
            )
        if move.value != lent.after or (since is not None and move.started_at < since):
            return Refusal(Reason.DRIFTED, _other(move))
        back = Change(lent.resource, KNOB, lent.after, None, lent.via)
        return Proposal(
            proposal.action,
            proposal.resource,
            (back,),
            Text(
                f"The move stops after {move.moved:,} of {move.to_move:,} letters; those moved stay moved.",
                f"{move.to_move:,}개 중 {move.moved:,}개를 옮긴 뒤 이동을 멈춥니다. 옮긴 메시지는 그대로 둡니다.",
            ),
        )


def _newest(sqs: Any, queue_arn: str) -> dead_letters.Move | None:
    found = dead_letters.moves(sqs.list_message_move_tasks(SourceArn=queue_arn, MaxResults=1)["Results"])
    return found[0] if found else None


def _request(answer: Mapping[str, Any]) -> tuple[str, ...]:
    return (str(answer["ResponseMetadata"]["RequestId"]),)


def _other(move: dead_letters.Move) -> Text:
    return Text(
        f"Another move runs on this queue ({move.value}, {move.moved:,} of {move.to_move:,}); it is left alone.",
        f"이 큐에서 다른 이동 작업이 실행 중입니다({move.value}, {move.to_move:,}개 중 {move.moved:,}개). 그대로 둡니다.",
    )
