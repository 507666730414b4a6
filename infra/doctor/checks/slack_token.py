"""slack-token: Slack takes the token, and it is the workspace's whose clicks are believed."""

from __future__ import annotations

from collections.abc import Iterator

from infra.doctor.check import Absent, Check, CouldNotTell, Finding, ok, wrong
from infra.doctor.deployment import Deployment
from infra.doctor.slack import SlackSaidNo


def look(deployment: Deployment) -> Iterator[Finding]:
    """Ask Slack whose token it is, and compare the workspace."""
    try:
        answer, _ = deployment.bot().who()
    except SlackSaidNo as error:
        yield wrong("bot token", f"Slack refuses it: {error}")
        return
    team = str(answer.get("team_id") or "")
    try:
        believed = deployment.environment("interactive").get("TOCSIN_SLACK_TEAM", "")
    except Absent:
        raise CouldNotTell("there is no door for buttons to compare its workspace with") from None
    if team and believed and team != believed:
        yield wrong("bot token", f"it is of workspace {team}, the door for buttons believes {believed}", "set TOCSIN_SLACK_TEAM")
    else:
        yield ok(
            "bot token", f"Slack takes it, as {answer.get('user', 'a bot')} of {answer.get('team') or team or 'the workspace'}"
        )


CHECK = Check(
    asks="Does Slack take the token, and is it of the workspace whose clicks are believed?",
    why="A token that was revoked or rotated elsewhere tells nobody anything.",
    fix="install the app to the workspace again and put its new bot token into the secret",
    reads=("secretsmanager:GetSecretValue", "lambda:GetFunctionConfiguration"),
    look=look,
)
