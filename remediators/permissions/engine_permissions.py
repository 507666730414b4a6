"""What the remediators' function itself may do, whatever its catalogue: tables, queues, wake-up calls, switch, alarms, log.

The names are those of ``docs/deploying.md``, ``<prefix>-<stage>-…``. Pure data; ``tocsin iam`` prints it, tests hold it against
every call that the engine was seen to make.
"""

from __future__ import annotations

from dataclasses import dataclass

from alarms.domain.action import Permission

_TABLE = "arn:{partition}:dynamodb:{region}:{account}:table/{prefix}-{stage}-"
_QUEUE = "arn:{partition}:sqs:{region}:{account}:{prefix}-{stage}-"
_SCHEDULER_ROLE = "arn:{partition}:iam::{account}:role/{prefix}-{stage}-scheduler"
_LOG = "arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/{prefix}-{stage}-remediators:*"

_SPOKES = "arn:{partition}:ssm:{region}:{account}:parameter/{prefix}/{stage}/spokes"


@dataclass(frozen=True, slots=True)
class Need:
    """One statement of the engine's own. ``by_lambda``: Lambda asks for it in the function's name, no line of ours does."""

    sid: str
    permissions: tuple[Permission, ...]
    by_lambda: bool = False


def _all(actions: tuple[str, ...], resource: str, why: str) -> tuple[Permission, ...]:
    return tuple(Permission(action, resource, why) for action in actions)


NEEDS: tuple[Need, ...] = (
    Need("Rows", _all(("dynamodb:GetItem",), _TABLE + "catalogue", "the row of an alarm that rang")),
    Need(
        "History",
        _all(
            (
                "dynamodb:BatchGetItem",
                "dynamodb:ConditionCheckItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ),
            _TABLE + "history",
            "episodes, runs, locks, leases, counters",
        ),
    ),
    Need("Evidence", _all(("dynamodb:PutItem",), _TABLE + "evidence", "what was seen before a change; written, never read back")),
    Need("Journal", _all(("dynamodb:PutItem",), _TABLE + "journal", "what was decided and done; put where nothing stands")),
    Need("Alarms", _all(("cloudwatch:DescribeAlarms",), "*", "whether it still rings; composite alarms are returned on * only")),
    Need("MuteRules", _all(("cloudwatch:ListAlarmMuteRules",), "*", "whether people muted what the reconciler found ringing")),
    Need("Reports", _all(("sqs:SendMessage",), _QUEUE + "notifier", "what was done, on its way to people")),
    Need("WakeUpCalls", _all(("sqs:SendMessage",), _QUEUE + "remediators", "timers of up to fifteen minutes")),
    Need(
        "Schedules",
        _all(
            ("scheduler:CreateSchedule",),
            "arn:{partition}:scheduler:{region}:{account}:schedule/{prefix}-{stage}/*",
            "timers for verify and revert; the part after the group is a schedule's own name, made when it is set",
        ),
    ),
    Need(
        "SchedulesMaySend",
        (
            Permission(
                "iam:PassRole",
                _SCHEDULER_ROLE,
                "a schedule sends to the own queue as this role",
                {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
            ),
        ),
    ),
    Need(
        "Switch",
        _all(
            ("ssm:GetParameter",), "arn:{partition}:ssm:{region}:{account}:parameter/{prefix}/{stage}/switch", "the live switch"
        ),
    ),
    Need(
        "Approvers",
        _all(
            ("ssm:GetParameter",),
            "arn:{partition}:ssm:{region}:{account}:parameter/{prefix}/{stage}/approvers",
            "who may answer a question",
        ),
    ),
    Need(
        "OwnQueue",
        _all(
            ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
            _QUEUE + "remediators",
            "the event source mapping takes events and timers",
        ),
        by_lambda=True,
    ),
    Need(
        "OwnLog",
        _all(("logs:CreateLogStream", "logs:PutLogEvents"), _LOG, "the function's log; its streams are named by Lambda"),
        by_lambda=True,
    ),
)

# What a hub needs beside: the list of its spokes, and to become the role in each; filled in for each role on the list.
HUB_NEEDS: tuple[Need, ...] = (
    Need("Spokes", _all(("ssm:GetParameter",), _SPOKES, "which accounts and regions may be acted in")),
    Need("SpokeRoles", _all(("sts:AssumeRole",), "{spoke_role}", "to look and act in a spoke, as the role that it lends")),
)
# What a spoke lends the engine beside what its rows need: to look at its alarms. Tables, queues and switch are the hub's.
SPOKE_NEEDS: tuple[Need, ...] = tuple(need for need in NEEDS if need.sid in ("Alarms", "MuteRules"))
