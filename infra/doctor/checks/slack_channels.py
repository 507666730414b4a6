"""slack-channels: every channel that the rows tell exists, and the bot may post there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.doctor.check import Check, CouldNotTell, Finding, ok, unknown, wrong
from infra.doctor.deployment import Deployment
from infra.doctor.slack import SlackSaidNo

_LOOKING = "channels:read and groups:read"


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge each channel by Slack's own list; without the scope to list, nothing is known of any."""
    wanted = list(deployment.channels)
    try:
        default = deployment.environment("notifier").get("TOCSIN_DEFAULT_CHANNEL", "")
        wanted += [default] if default and default not in wanted else []
    except CouldNotTell as error:
        yield unknown("the default channel", f"which one it is: {error}")
    try:
        listed = deployment.bot().channels()
        _, scopes = deployment.bot().who()
    except SlackSaidNo as error:
        why = f"the scopes {_LOOKING} are missing" if str(error) == "missing_scope" else f"Slack says {error}"
        yield from (unknown(channel, why) for channel in wanted)
        return
    known = {key: channel for channel in listed for key in (str(channel.get("id")), str(channel.get("name")))}
    public = scopes is not None and "chat:write.public" in scopes
    for channel in wanted:
        yield _judged(channel, known.get(channel.removeprefix("#")), public=public)


def _judged(name: str, found: Mapping[str, Any] | None, *, public: bool) -> Finding:
    if found is None:
        return wrong(name, "the bot sees no such channel: it does not exist, or is private and the bot was not invited")
    if found.get("is_archived"):
        return wrong(name, "it is archived: Slack refuses every message", "name another channel in tocsin.yaml")
    if found.get("is_member"):
        return ok(name, "the bot is in it")
    if public and not found.get("is_private"):
        return ok(name, "public: the bot may post without being in it")
    return wrong(name, "the bot is not in it, and may not post")


CHECK = Check(
    asks="Does every channel that rows tell exist, and may the bot post there?",
    why="What Slack refuses goes to the default channel with a note; where that is refused too, to the dead letters.",
    fix="create the channel, or invite the bot: /invite @tocsin",
    reads=("secretsmanager:GetSecretValue", "lambda:GetFunctionConfiguration"),
    look=look,
)
