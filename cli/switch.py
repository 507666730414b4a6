"""How `pause` and `resume` reach the live switch of a stage: find the policy that is meant, read, change, write, say."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from alarms.domain import readings
from alarms.domain.errors import Permanent, Refused
from cli.account import Where, open_account, refuse_a_spoke
from cli.catalogue import now, opened

Change = Callable[..., str]


def throw(change: Change, path: Path | None, where: Where, policy: str | None, reason: str) -> None:
    """Apply ``change`` (paused or resumed) to the stage's switch and say what it holds now."""
    from remediators.aws import Client
    from remediators.switch import parse

    if not reason.strip():
        raise Refused("the reason is empty; say who holds automation and why: people read it in Slack")
    meant = policy_of(path, where.stage, policy) if policy else None
    settings, clients, owner = open_account(path, where)
    refuse_a_spoke(settings, "the switch")
    ssm = Client(clients("ssm"))
    name = f"/{settings.prefix}/{settings.stage}/switch"
    text = change(_value(ssm, name), policy=meant, reason=reason, by=owner, at=now())
    ssm.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)
    switch = parse(text)
    held = [scope for scope, hold in switch.policies.items() if hold.paused]
    held = ["everything"] if switch.everything.paused else held
    typer.echo(f"{name}: paused: {', '.join(held) or 'nothing'}; mode at most {switch.everything.mode.value}")
    for line in owners(text):
        typer.echo(line)


def owners(text: str) -> list[str]:
    """Return a line for each pause that the switch holds: who, since when, why, and what ends it."""
    document = readings.table(readings.decoded(text))
    entries = {"everything": document, **readings.table(document.get("policies"))}
    lines = []
    for scope, entry in entries.items():
        held = readings.table(entry)
        if held.get("paused") is True:
            who, when, why = (readings.text(held.get(part), 300) or "not said" for part in ("by", "at", "reason"))
            ends = "" if scope == "everything" else f" --policy {scope}"
            lines.append(f"  {scope}: by {who} since {when}: {why}; no end until `tocsin resume{ends}`")
    return lines


def policy_of(path: Path | None, stage: str | None, said: str) -> str:
    """Return the action or the full row id that ``said`` means; Refused, with what is near, when it means none."""
    from remediators.registry import registry

    rows = {one.id: one.alarm.row for one in opened(path, stage).desired}
    known = {**{name: name for name in registry().specs()}, **rows, **{row: row for row in rows.values()}}
    if said in known:
        return known[said]
    near = difflib.get_close_matches(said, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"the actions are {', '.join(registry().specs())}"
    raise Refused(f"{said!r} is neither an action nor a row of this stage; {hint}")


def _value(ssm: Any, name: str) -> str | None:
    """Return the parameter's value, None when there is no such parameter."""
    try:
        return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    except Permanent as failure:
        if failure.code == "ParameterNotFound":
            return None
        raise
