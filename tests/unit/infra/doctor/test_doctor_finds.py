"""A healthy deployment is healthy; each thing that is broken is named, it alone, with what puts it right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from doctor_breaks import (
    CPU,
    QUEUE,
    Break,
    alias,
    another_consumer,
    drifted,
    failing,
    few_reserved,
    function,
    grown_old,
    held,
    key_policy,
    mapping,
    never_published,
    no_expiry,
    no_schedule,
    no_sweep,
    other_keys,
    parameter,
    queue,
    recovery,
    removed,
    role_of_nobody,
    schedule,
    secret,
    send,
    slack,
    subscription,
    switched_off,
    topic,
    ungranted,
    unheard,
    unpublished,
    unsubscribe,
)
from doctor_world import BASE, REGION, TOPIC, World, document, environments, statement
from typer.testing import CliRunner

from cli import account, doctor
from cli.app import build
from infra.doctor.check import Verdict
from infra.doctor.checks import checks
from infra.doctor.checks.function_environment import NEEDED
from infra.doctor.report import lines
from infra.local.slack import TOKEN
from notifier import bootstrap as notifier
from notifier import interactive_bootstrap as interactive
from remediators import bootstrap as remediators

# What is broken, the one check that says so, and words of what it says and of the fix it offers.
STORIES: dict[str, tuple[Break, str, str, str]] = {
    "no key": (topic("KmsMasterKeyId", ""), "topic-encryption", "it is not encrypted", "your own key"),
    "AWS's own key": (topic("KmsMasterKeyId", "alias/aws/sns"), "topic-encryption", "CloudWatch cannot use", "your own key"),
    "a key that CloudWatch may not use": (
        key_policy("sns.amazonaws.com"),
        "topic-encryption",
        "its key does not let cloudwatch.amazonaws.com kms:Decrypt and kms:GenerateDataKey",
        "kms:GenerateDataKey*",
    ),
    "a topic that takes nothing": (
        topic("Policy", document(statement("events.amazonaws.com", "sns:Publish", TOPIC))),
        "topic-policy",
        "does not let cloudwatch.amazonaws.com publish",
        "aws:SourceAccount",
    ),
    "a topic for another account": (
        topic(
            "Policy",
            document(
                statement("cloudwatch.amazonaws.com", "sns:Publish", TOPIC, StringEquals={"aws:SourceAccount": "999999999999"})
            ),
        ),
        "topic-policy",
        "does not let cloudwatch.amazonaws.com publish",
        "aws:SourceAccount",
    ),
    "no subscription": (unsubscribe, "subscriptions", "the topic does not deliver to it", "subscribe the queue"),
    "a filter": (subscription(FilterPolicy='{"a": ["b"]}'), "subscriptions", "a filter keeps messages", "no filter"),
    "a queue that takes nothing": (
        queue("notifier", Policy=document(statement("events.amazonaws.com", "sqs:SendMessage", QUEUE))),
        "queue-policy",
        "sns.amazonaws.com may not sqs:SendMessage",
        "aws:SourceArn is the topic",
    ),
    "a key that SNS may not use": (key_policy("cloudwatch.amazonaws.com"), "queue-policy", "may not kms:Decrypt", "on its key"),
    "no dead letters": (queue("notifier", RedrivePolicy=""), "queue-redrive", "it has no dead letters", "RedrivePolicy"),
    "given up too early": (
        queue("notifier", RedrivePolicy=json.dumps({"deadLetterTargetArn": f"{QUEUE}-dead", "maxReceiveCount": 2})),
        "queue-redrive",
        "it gives up after 2 tries",
        "maxReceiveCount 5 or more",
    ),
    "dead letters nowhere": (
        lambda world: world.client("sqs").delete_queue(QueueUrl=world.queue("notifier-dead")),
        "queue-redrive",
        f"its dead-letter queue {BASE}-notifier-dead does not exist",
        "RedrivePolicy",
    ),
    "again while it works": (queue("notifier", VisibilityTimeout="20"), "queue-redrive", "comes again after 20 s", "6 times"),
    "a dead letter": (
        send("remediators-dead"),
        "dead-letters",
        "1 message that could not be processed",
        "start-message-move-task",
    ),
    "an undelivered one": (send("notifier-undelivered"), "dead-letters", "could not be delivered by the topic", "find the cause"),
    "an old message": (grown_old, "queue-age", "1 wait, the oldest for 700 s", "look at the consumers"),
    "a silent consumer": (mapping(Enabled=False), "consumers", "its consumer is disabled", "enable the queue's event source"),
    "whole batches": (mapping(FunctionResponseTypes=[]), "consumers", "lacks ReportBatchItemFailures", "ReportBatchItemFailures"),
    "a second consumer": (another_consumer, "consumers", "somebody-s takes messages away", "event source mapping"),
    "past the alias": (alias, "consumers", "calls the unpublished version, not the alias live", "alias"),
    "switched off": (switched_off, "concurrency", "its reserved concurrency is 0", "reserve at least"),
    "too few reserved": (few_reserved, "concurrency", "5 times at once, and 2 are reserved", "reserve at least"),
    "another runtime": (function(Runtime="python3.12"), "functions", "it runs on python3.12", "deploy the pipeline"),
    "a variable gone": (
        lambda world: world.environment("interactive", TOCSIN_SLACK_TEAM=None),
        "function-environment",
        "TOCSIN_SLACK_TEAM is not set",
        "docs/deploying.md",
    ),
    "another stage's table": (
        lambda world: world.environment("remediators", TOCSIN_HISTORY_TABLE="tocsin-prod-history"),
        "function-environment",
        "TOCSIN_HISTORY_TABLE is tocsin-prod-history, not this stage's tocsin-demo-history",
        "docs/deploying.md",
    ),
    "errors": (failing, "function-errors", "3 calls failed", "read the function's log"),
    "other keys": (other_keys, "tables", "its keys are id HASH S, its room reads by", "has to be made anew"),
    "no way back": (recovery(on=False), "table-recovery", "cannot be restored", "point-in-time recovery"),
    "no expiry": (no_expiry, "table-recovery", "nothing in it expires", "time to live"),
    "no schedule": (no_schedule, "sweep", "there is no such schedule", "deploy the pipeline"),
    "a schedule that is off": (schedule(State="DISABLED"), "sweep", "it is disabled", "enable the schedule"),
    "a slow one": (schedule(ScheduleExpression="rate(1 day)"), "sweep", "it runs by rate(1 day)", "deploy the pipeline"),
    "other words": (
        schedule(Target={"Input": "{}"}),
        "sweep",
        "is no sweep of 123456789012/ap-northeast-2",
        "deploy the pipeline",
    ),
    "another queue": (schedule(Target={"Arn": QUEUE}), "sweep", "not the remediators' queue", "deploy the pipeline"),
    "a role of nobody's": (role_of_nobody, "sweep", "scheduler.amazonaws.com may not take the role", "deploy the pipeline"),
    "no heartbeat": (no_sweep, "heartbeat", "no sweep in the last half hour, and there were before", "look at sweep"),
    "a broken switch": (parameter("switch", "{"), "switch", "the switch is not JSON", "tocsin resume"),
    "nobody to ask": (parameter("approvers", "{}"), "approvers", "it names nobody", "Slack user ids by risk"),
    "one for two": (
        parameter("approvers", json.dumps({"approvers": {"destructive": ["U0"]}})),
        "approvers",
        "destructive has one person, and two have to say yes",
        "two or more",
    ),
    "no signing secret": (secret(bot_token=TOKEN), "slack-secret", "it has no signing_secret", "docs/slack.md"),
    "a scope gone": (
        slack(scopes=("chat:write", "chat:write.public", "channels:read")),
        "slack-scopes",
        "no click of Approve is believed",
        "OAuth & Permissions",
    ),
    "another workspace": (
        lambda world: world.environment("interactive", TOCSIN_SLACK_TEAM="T0ELSE"),
        "slack-token",
        "it is of workspace T0EMBEDDED, the door for buttons believes T0ELSE",
        "set TOCSIN_SLACK_TEAM",
    ),
    "an archived channel": (slack(archived={"#ops-alerts"}), "slack-channels", "it is archived", "another channel"),
    "a private channel": (
        slack(private={"#ops-alerts"}, not_in={"#ops-alerts"}),
        "slack-channels",
        "does not exist, or is private and the bot was not invited",
        "/invite @tocsin",
    ),
    "a missing row": (unpublished, "published-rows", "its row is not published", "tocsin apply"),
    "a typo": (never_published, "dead-alarms", "DBInstanceIdentifier=imagedb-1 was", "correct the target"),
    "an alarm unheard": (unheard, "failed-actions", "1 of its actions failed in the last day", "topic-encryption"),
    "a right too few": (ungranted, "grants", "the role may not on", "tocsin iam"),
}
# What a change of alarms touches is seen from two sides.
OF_ALARMS: dict[str, tuple[Break, dict[str, str]]] = {
    "held by a person": (held, {"alarm-actions": "its actions are switched off"}),
    "changed by hand": (drifted, {"alarm-drift": "it differs: Threshold"}),
    "deleted by hand": (removed, {"alarm-drift": "it does not exist"}),
}


def test_a_healthy_deployment_is_healthy(world: World) -> None:
    assert world.troubles() == {}


@pytest.mark.parametrize("story", STORIES)
def test_what_is_broken_is_named_alone_and_with_its_fix(world: World, story: str) -> None:
    spoil, check, said, fix = STORIES[story]
    spoil(world)

    (answered,) = [one for one in world.examined() if one.verdict is not Verdict.OK]

    assert answered.name == check
    assert [finding for finding in answered.findings if finding.verdict is Verdict.WRONG]
    shown = "\n".join(lines(answered))
    assert said in shown
    assert fix in shown.split("fix: ", 1)[1]


@pytest.mark.parametrize("story", OF_ALARMS)
def test_what_people_did_to_an_alarm_is_named(world: World, story: str) -> None:
    spoil, expected = OF_ALARMS[story]
    spoil(world)

    troubles = world.troubles()

    assert {name: [CPU] for name in expected} == {
        name: [found.subject for found in findings] for name, findings in troubles.items()
    }
    assert all(said in troubles[name][0].said for name, said in expected.items())


def test_every_check_has_a_story() -> None:
    told = {check for _, check, _, _ in STORIES.values()} | {name for _, expected in OF_ALARMS.values() for name in expected}
    assert told | {"spokes", "spoke-role"} == set(checks()), "those of hubs and spokes are told in their own file"


def test_a_token_that_slack_refuses_is_wrong_and_hides_no_other_answer(world: World) -> None:
    world.workspace.tokens.clear()

    troubles = world.troubles("slack-token", "slack-scopes", "slack-channels", "slack-secret")

    assert [finding.said for finding in troubles["slack-token"]] == ["Slack refuses it: invalid_auth"]
    assert {finding.verdict for name in ("slack-scopes", "slack-channels") for finding in troubles[name]} == {Verdict.UNKNOWN}
    assert "slack-secret" not in troubles


def test_what_does_not_exist_at_all_is_wrong(world: World) -> None:
    for name in ("notifier", "remediators", "interactive"):
        world.client("lambda").delete_function(FunctionName=f"{BASE}-{name}")
    world.client("sns").delete_topic(TopicArn=TOPIC)

    troubles = world.troubles("functions", "topic-policy", "topic-encryption", "concurrency")

    assert {finding.verdict for findings in troubles.values() for finding in findings} == {Verdict.WRONG}
    assert [finding.subject for finding in troubles["functions"]] == [
        f"{BASE}-{name}" for name in ("notifier", "remediators", "interactive")
    ]


def test_a_queue_nobody_reads_is_named(world: World) -> None:
    world.aws.mappings._mappings.clear()

    troubles = world.troubles("consumers")

    assert [finding.subject for finding in troubles["consumers"]] == [f"{BASE}-notifier", f"{BASE}-remediators"]
    assert all("nothing takes from it" in finding.said for finding in troubles["consumers"])


@pytest.mark.parametrize(
    ("room", "start"), [("notifier", notifier.build), ("remediators", remediators.build), ("interactive", interactive.build)]
)
def test_the_variables_asked_for_are_those_that_the_rooms_refuse_to_start_without(
    room: str, start: Callable[[dict[str, str]], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    from alarms.domain.errors import CannotRun

    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    whole = dict(environments("http://127.0.0.1:9/api/")[room])
    start(whole)
    refused = set()
    for name in whole:
        try:
            start({key: value for key, value in whole.items() if key != name})
        except CannotRun:
            refused.add(name)
    assert set(NEEDED[room]) == refused


def test_typed_at_the_command_line_it_exits_by_what_it_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "sleep", world.aws.clock.advance)
    monkeypatch.setattr(doctor, "_deployment", lambda *_: world.deployment())

    def typed(*words: str) -> Any:
        return CliRunner().invoke(build(("check", "doctor")), ["doctor", "--stage", "demo", *words])

    healthy = typed()
    assert healthy.exit_code == 0, healthy.output
    count = len(checks()) - 1  # spoke-role is asked of spokes
    assert healthy.stderr == f"stage demo: {count} checks: {count} ok, 0 wrong, 0 could not tell\n"
    world.aws.seam.fail("ssm", "GetParameter", "AccessDeniedException", times=None)
    unknown = typed("--only", "switch", "--format", "json")
    assert unknown.exit_code == 2
    assert json.loads(unknown.stdout)["checks"][0]["verdict"] == "could not tell"
    mapping(Enabled=False)(world)
    assert typed("--only", "switch", "--only", "consumers").exit_code == 1
    assert "did you mean 'switch'?" in str(typed("--only", "swich").exception)


def test_no_secret_is_ever_shown(world: World) -> None:
    world.workspace.tokens.clear()
    shown = "\n".join(line for one in world.examined() for line in lines(one, everything=True))

    assert TOKEN not in shown
    assert (
        json.loads(world.client("secretsmanager").get_secret_value(SecretId="tocsin/demo/slack")["SecretString"])["bot_token"]
        == TOKEN
    )


def test_it_opens_a_stage_as_the_other_verbs_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "sleep", world.aws.clock.advance)
    monkeypatch.setenv("TOCSIN_SLACK_URL", world.slack_url)
    world.aws.seam.fail("rds", "*", "AccessDenied", times=None)

    typed = CliRunner().invoke(
        build(("check", "doctor")), ["doctor", "--stage", "demo", "--only", "slack-token", "--only", "published-rows"]
    )

    assert typed.exit_code == 0, typed.output
    assert typed.stdout.splitlines()[1] == "+ slack-token  bot token: Slack takes it, as tocsin of embedded"
    assert "here they are those of tocsin.yaml" in typed.stderr
