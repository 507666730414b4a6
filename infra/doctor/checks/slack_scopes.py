"""slack-scopes: the token may do what the messages and buttons need."""

from __future__ import annotations

from collections.abc import Iterator

from infra.doctor.check import Check, Finding, ok, unknown, wrong
from infra.doctor.deployment import Deployment
from infra.doctor.slack import SlackSaidNo

# The manifest of docs/slack.md; a test holds it equal.
NEEDED = {
    "chat:write": "no message can be posted",
    "chat:write.public": "nothing is told in public channels that the bot was not invited to",
    "users:read": "no click of Approve is believed",
}


def look(deployment: Deployment) -> Iterator[Finding]:
    """Compare the scopes that Slack names with those of the app's manifest."""
    try:
        _, scopes = deployment.bot().who()
    except SlackSaidNo as error:
        yield unknown("scopes", f"Slack refuses the token: {error}")
        return
    if scopes is None:
        yield unknown("scopes", "Slack did not say which scopes the token has")
        return
    missing = {scope: lost for scope, lost in NEEDED.items() if scope not in scopes}
    for scope, lost in missing.items():
        yield wrong(scope, f"the token lacks it: {lost}")
    if not missing:
        yield ok("scopes", ", ".join(NEEDED))


CHECK = Check(
    asks="Has the token the scopes of the app's manifest?",
    why="Slack refuses a call without its scope, message by message, and says so to nobody but the log.",
    fix="add the scope under OAuth & Permissions of the Slack app, install it to the workspace again, and store the new token",
    reads=("secretsmanager:GetSecretValue",),
    look=look,
)
