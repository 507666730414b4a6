"""Text that others write, in both rooms at once: no ping, no forged link, nothing unreadable, and no secret anywhere."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from remediation_world import ACCOUNT, API, API_RESOURCE, REGION, START
from test_remediation_storm import ROWS, Storm

from alarms.domain.event import State
from infra.local.aws import embedded
from infra.local.slack import TOKEN
from notifier.limits import problems
from notifier.secret import Token
from notifier.slack import SlackApi

SIGNING = "signing-8f742231b10e8888abcd99yyyzzz85a5"
NASTY = {
    "ping": "<!channel> <@U012AB3CD> <!subteam^S1> @here",
    "link": "<https://evil.example/|https://console.aws.amazon.com>",
    "mrkdwn": "*bold* _it_ ~no~ `code` ```fence``` > quote & &amp; \n# head",
    "turned": "safe \u202ekcatta\u202c \u2066x\u2069 \u200b\u200d\ufeff",
    "control": "a\x00b\x07c\x1b[31md\x7f\x85\u2028e",
    "surrogate": "half \ud83d half \udc00 \uffff",
    "long": "word <!here> " * 1000,
    "unbroken": "x" * 10_240,
    "wide": "😀" * 3_000,
}
INVISIBLE = set("\x00\x07\x1b\x7f\x85\u2028\u202e\u202c\u2066\u2069\u200b\u200d\ufeff")


def texts(value: Any) -> list[str]:
    """Return every text in a JSON value."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


def secretly(told: Storm) -> None:
    """Let the notifier fetch its token as it does in AWS: from a secret that holds the signing secret as well."""
    value = json.dumps({"bot_token": TOKEN, "signing_secret": SIGNING})
    told.client("secretsmanager").create_secret(Name="tocsin/dev/slack", SecretString=value)
    token = Token(lambda: told.client("secretsmanager"), "tocsin/dev/slack")
    told.notifier = replace(told.notifier, slack=SlackApi(told.workspace, token))


@pytest.mark.parametrize("kind", NASTY)
def test_hostile_text_reaches_people_harmless_and_no_secret_reaches_anyone(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """In the row, the alarm's reason, the switch's reason and AWS's own error: from the first ring to the way back."""
    text = NASTY[kind]
    caplog.set_level(logging.DEBUG)
    with embedded(START, region=REGION, account=ACCOUNT) as aws:
        told = Storm(aws, 0)
        told.dice.seed(1)
        secretly(told)
        clean = text.encode("utf-8", "replace").decode()
        row = replace(ROWS[API], title=clean, owner=clean[:500], runbook_url=clean[:500])
        key = {"alarm": {"S": row.key}, "version": {"S": "current"}}
        document = {"document": {"S": json.dumps(row.to_document())}}
        told.client("dynamodb").put_item(TableName="tocsin-dev-catalogue", Item={**key, **document})
        told.client("ssm").put_parameter(
            Name="/tocsin/dev/switch",
            Value=json.dumps({"paused": True, "mode": "auto", "reason": text[:1000]})[:4000],
            Type="String",
            Overwrite=True,
        )
        told.state(API, State.ALARM, clean[:1023] or "x")
        for _ in range(2):
            told.aws.clock.advance(30)
            told.deliver()
        told.resume()
        told.set_state(API, State.OK)
        told.aws.seam.fail("application-autoscaling", "RegisterScalableTarget", "ValidationException", times=2, message=clean)
        told.state(API, State.ALARM, clean[:1023] or "x")
        for _ in range(30):
            told.aws.clock.advance(60)
            told.deliver()
        told.state(API, State.OK, clean[:1023] or "x")
        for _ in range(30):
            told.aws.clock.advance(60)
            told.deliver()

        assert {"skipped", "failed", "escalated"} <= set(told.phases())
        posts = [call for call in told.workspace.calls if call.method != "conversations.history"]
        assert len(posts) >= 6
        for call in posts:
            assert call.answer["ok"] is True
            assert problems(call.payload) == []
            assert not INVISIBLE & set("".join(texts(dict(call.payload))))
        tables = [told.client("dynamodb").scan(TableName=f"tocsin-dev-{name}")["Items"] for name in ("history", "threads")]
        ours = [
            record for record in caplog.records if record.name.split(".")[0] in ("tocsin", "remediators", "notifier", "alarms")
        ]
        everything = [
            json.dumps([told.audit, told.told], default=str),
            json.dumps([dict(call.payload) for call in told.workspace.calls], default=str),
            repr([(call.params, call.error_message) for call in told.calls]),
            "\n".join(f"{record.getMessage()} {record.exc_info}" for record in ours),
            repr(tables),
        ]
        for place in everything:
            assert TOKEN not in place
            assert SIGNING not in place
        assert told.floor(API_RESOURCE) == 4
