"""A plan as a file: what was reviewed is what is applied. Written by `plan --out`, read by `apply FILE`.

A JSON object: ``type``, ``created_at``, ``catalogue``, ``stage``, ``prefix``, ``account``, ``region``, ``scope``, ``live``,
``outside``, ``allowed_deletes``, ``items``, ``unchanged``, ``refused``, ``held``, ``notes`` and ``digest``, the SHA-256 of all
the rest: a file that was cut short or edited is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from alarms.configuration import canonical
from alarms.deployment import Outcome
from alarms.domain.errors import BadInput
from alarms.domain.event import iso
from alarms.plan_types import Cause, FieldChange, Hold, Item, Plan, Refusal, RefusalReason, Same, Scope, Target, Verb

PLAN_TYPE = "tocsin.plan/1"

_TARGET = ("catalogue", "stage", "prefix", "account", "region")
_VERBS = {Verb.CREATE: "create", Verb.UPDATE: "update", Verb.DELETE: "delete"}


def to_document(plan: Plan, created_at: datetime) -> dict[str, Any]:
    """Return the JSON document of ``plan``; also what `plan --format json` prints."""
    target, services = plan.target, plan.scope.services
    body: dict[str, Any] = {
        "type": PLAN_TYPE,
        "created_at": iso(created_at),
        "catalogue": target.catalogue,
        "stage": target.stage,
        "prefix": target.prefix,
        "account": target.account,
        "region": target.region,
        **({"rows_in": target.rows_in} if target.rows_in else {}),
        "scope": None if services is None else list(services),
        "live": plan.live,
        "outside": plan.outside,
        "allowed_deletes": plan.allowed_deletes,
        "items": [_item_document(item) for item in plan.items],
        "unchanged": [{"name": same.name, "id": same.id} for same in plan.unchanged],
        "refused": [refusal_document(refusal) for refusal in plan.refused],
        "held": [{"name": hold.name, "id": hold.id, "what": hold.what} for hold in plan.held],
        "notes": list(plan.notes),
    }
    return {**body, "digest": _digest(body)}


def to_text(plan: Plan, created_at: datetime) -> str:
    """Return the file's text."""
    return json.dumps(to_document(plan, created_at), ensure_ascii=False, indent=1) + "\n"


def from_text(text: str, where: str) -> Plan:
    """Read a saved plan; ``where`` names the file. BadInput when it is none, or not as it was written."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not a saved plan ({error}); write one with `tocsin plan --out FILE`") from error
    kind = document.get("type") if isinstance(document, dict) else None
    if kind != PLAN_TYPE:
        raise BadInput(
            f"{where}: not a saved plan of this version (type is {kind!r}, not {PLAN_TYPE!r}); run `tocsin plan --out` again"
        )
    body = {key: value for key, value in document.items() if key != "digest"}
    if document.get("digest") != _digest(body):
        raise BadInput(f"{where}: was changed since `tocsin plan --out` wrote it; run that again and review what it prints")
    try:
        return _plan(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{where}: not a saved plan as `tocsin plan --out` writes it ({error!r}); run that again") from error


def outcome_document(outcome: Outcome, at: datetime) -> dict[str, Any]:
    """Return what `apply` and `destroy` print with ``--format json``: the plan and what became of it."""
    return {
        "created": list(outcome.created),
        "updated": list(outcome.updated),
        "deleted": list(outcome.deleted),
        "refused": [refusal_document(refusal) for refusal in outcome.refused],
        "failed": [{"name": failure.name, "id": failure.id, "why": failure.why} for failure in outcome.failed],
        "stopped": outcome.stopped,
        "plan": to_document(outcome.plan, at),
    }


def refusal_document(refusal: Refusal) -> dict[str, str]:
    """Return ``{"name", "id", "reason", "detail", "why"}``; reason is the name of a RefusalReason in lower case."""
    why = f"{refusal.reason.value}: {refusal.detail}" if refusal.detail else refusal.reason.value
    return {"name": refusal.name, "id": refusal.id, "reason": refusal.reason.name.lower(), "detail": refusal.detail, "why": why}


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(body).encode()).hexdigest()


def _item_document(item: Item) -> dict[str, Any]:
    return {
        "verb": _VERBS[item.verb],
        "name": item.name,
        "id": item.id,
        "operation": item.operation,
        "put": item.put,
        "request": dict(item.request),
        "tags": dict(item.tags),
        "row": None if item.row is None else dict(item.row),
        "row_digest": item.row_digest,
        "changes": [
            {"field": change.field, "before": change.before, "after": change.after, "cause": change.cause.value}
            for change in item.changes
        ],
        "holds": list(item.holds),
        "seen": item.seen,
        "row_seen": item.row_seen,
        "why": item.why,
    }


def _plan(document: Mapping[str, Any]) -> Plan:
    scope = document["scope"]
    return Plan(
        target=Target(**{name: document[name] for name in _TARGET}, rows_in=document.get("rows_in", "")),
        scope=Scope(None if scope is None else tuple(scope)),
        items=tuple(_item(item) for item in document["items"]),
        unchanged=tuple(Same(same["name"], same["id"]) for same in document["unchanged"]),
        refused=tuple(
            Refusal(refusal["name"], refusal["id"], RefusalReason[refusal["reason"].upper()], refusal["detail"])
            for refusal in document["refused"]
        ),
        held=tuple(Hold(hold["name"], hold["id"], hold["what"]) for hold in document["held"]),
        live=document["live"],
        outside=document["outside"],
        allowed_deletes=document["allowed_deletes"],
        notes=tuple(document["notes"]),
    )


def _item(document: Mapping[str, Any]) -> Item:
    verbs = {name: verb for verb, name in _VERBS.items()}
    return Item(
        verb=verbs[document["verb"]],
        name=document["name"],
        id=document["id"],
        operation=document["operation"],
        request=document["request"],
        put=document["put"],
        tags=document["tags"],
        row=document["row"],
        row_digest=document["row_digest"],
        changes=tuple(
            FieldChange(change["field"], change["before"], change["after"], Cause(change["cause"]))
            for change in document["changes"]
        ),
        holds=tuple(document["holds"]),
        seen=document["seen"],
        row_seen=document["row_seen"],
        why=document["why"],
    )
