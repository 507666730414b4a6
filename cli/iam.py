"""tocsin iam: the least IAM policy that the remediators need for a catalogue."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.catalogue import Format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from remediators.permissions.grants import Grant


def command(
    path: Annotated[Path | None, typer.Argument(help="A catalogue's folder or file; the packaged one when left out.")] = None,
    *,
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    form: Annotated[Format, typer.Option("--format", help="text: IAM's JSON; json: with who needs what, and why.")] = Format.TEXT,
    out: Annotated[Path | None, typer.Option(help="A folder: one file for each policy, named after it.")] = None,
) -> None:
    """Print the least IAM policy of the remediators' function; for a spoke, of the role that it lends to its hub, and its trust.

    It is what the engine itself needs, and what the actions of every row need, on the resources that the rows name. A policy
    longer than IAM allows is cut into several. Each wildcard is named on stderr with its reason.
    """
    from cli.catalogue import opened
    from infra.aws.permissions import names_of, role_of, trust
    from remediators.permissions.grants import grants, wildcards
    from remediators.permissions.policy_document import documents, size, statements
    from remediators.registry import registry

    loaded = opened(path, stage)
    settings = loaded.settings
    found = grants((one.alarm for one in loaded.desired), registry().specs(), names_of(settings))
    role, trusts = role_of(settings), trust(settings)
    policies = {f"{role}-{number}": document for number, document in enumerate(documents(statements(found)), 1)}
    open_ended = wildcards(found)
    if form is Format.JSON:
        shown = [{"name": name, "size": size(document), "document": document} for name, document in policies.items()]
        whose = {"role": role, "trust": trusts} if trusts else {}
        data = {"stage": settings.stage, **whose, "policies": shown, "needs": _needs(found), "wildcards": _reasons(open_ended)}
        typer.echo(json.dumps(data, ensure_ascii=False, indent=2))
    elif out:
        _write(out, {**policies, **({f"{role}-trust": trusts} if trusts else {})})
    elif trusts:
        lent = {"role": role, "trust": trusts, "policies": list(policies.values())}
        typer.echo(json.dumps(lent, ensure_ascii=False, indent=2))
    else:
        _print(policies)
    _tell(policies, open_ended, declared=settings.account_declared)


def _print(policies: Mapping[str, Mapping[str, Any]]) -> None:
    """Print what IAM takes: the document, or a list of them where one was too long."""
    shown = list(policies.values())
    typer.echo(json.dumps(shown[0] if len(shown) == 1 else shown, ensure_ascii=False, indent=2))


def _write(out: Path, policies: Mapping[str, Mapping[str, Any]]) -> None:
    from alarms.domain.errors import Refused

    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, document in policies.items():
            file = out / f"{name}.json"
            file.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            typer.echo(str(file))
    except OSError as error:
        raise Refused(f"{out}: the policies were not saved ({error.strerror or error})") from error


def _needs(found: tuple[Grant, ...]) -> list[dict[str, Any]]:
    by: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for grant in found:
        by[grant.action, grant.resource, grant.why].append(grant.by)
    return [
        {"action": action, "resource": resource, "why": why, "by": sorted(set(who))}
        for (action, resource, why), who in sorted(by.items())
    ]


def _reasons(open_ended: Mapping[tuple[str, str], str]) -> list[dict[str, str]]:
    return [{"action": action, "resource": on, "reason": why} for (action, on), why in sorted(open_ended.items())]


def _tell(policies: Mapping[str, Any], open_ended: Mapping[tuple[str, str], str], *, declared: bool) -> None:
    if not declared:
        typer.echo("note: the stage declares no account; the ARNs carry AWS's documentation account 123456789012", err=True)
    for (action, on), why in sorted(open_ended.items()):
        typer.echo(f"note: {action} on {on}: {why}", err=True)
    if len(policies) > 1:
        typer.echo(f"note: {len(policies)} managed policies, since one may hold 6144 characters; attach all of them", err=True)
