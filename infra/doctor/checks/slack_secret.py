"""slack-secret: Slack's secret exists and has its two members, filled in."""

from __future__ import annotations

from collections.abc import Iterator

from infra.doctor.check import Check, Finding, judged, wrong
from infra.doctor.deployment import Deployment

MEMBERS = ("bot_token", "signing_secret")
PLACEHOLDER = "not-set"  # what a new stack writes as the token


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the secret's members by their form; their values are never shown."""
    found = deployment.slack_secret()
    faults = [f"it has no {name}" for name in MEMBERS if not isinstance(found.get(name), str) or not found[name].strip()]
    token = str(found.get("bot_token", ""))
    if PLACEHOLDER in token:
        faults.append("its bot_token was never filled in")
    elif token and not token.startswith("xoxb-"):
        faults.append("its bot_token is no bot's (those begin with xoxb-)")
    yield judged(wrong, deployment.secret, faults, "bot_token and signing_secret are there")


CHECK = Check(
    asks="Does Slack's secret hold a bot token and a signing secret?",
    why="Without the token nobody is told; without the signing secret no button works.",
    fix='put {"bot_token": "xoxb-…", "signing_secret": "…"} into the secret, from the Slack app\'s pages (docs/slack.md)',
    reads=("secretsmanager:GetSecretValue",),
    look=look,
)
