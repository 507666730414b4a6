"""What each function is told of its surroundings: the variables of docs/deploying.md, and none that it does not read."""

from __future__ import annotations

from collections.abc import Mapping

from alarms.settings import Settings
from infra.aws.pipeline.functions import DATABASE_CA
from infra.aws.pipeline.place import Place
from infra.aws.pipeline.settings import PipelineSettings


def notifier(place: Place, catalogue: Settings, settings: PipelineSettings) -> Mapping[str, str]:
    """Return the notifier's variables."""
    return {
        "TOCSIN_STAGE": place.stage,
        "TOCSIN_CATALOGUE_TABLE": place.named("catalogue"),
        "TOCSIN_THREADS_TABLE": place.named("threads"),
        "TOCSIN_SLACK_SECRET": place.secret,
        "TOCSIN_DEFAULT_CHANNEL": settings.default_channel,
        "TOCSIN_LANGUAGE": catalogue.language.value,
    }


def remediators(place: Place, settings: PipelineSettings, *, is_hub: bool = False) -> Mapping[str, str]:
    """Return the remediators' variables. A hub is told where the list of its spokes is."""
    own = {
        "TOCSIN_STAGE": place.stage,
        "TOCSIN_PREFIX": place.prefix,
        "TOCSIN_CATALOGUE_TABLE": place.named("catalogue"),
        "TOCSIN_HISTORY_TABLE": place.named("history"),
        "TOCSIN_EVIDENCE_TABLE": place.named("evidence"),
        "TOCSIN_EVIDENCE_DAYS": str(settings.evidence_days),
        "TOCSIN_JOURNAL_TABLE": place.named("journal"),
        "TOCSIN_JOURNAL_DAYS": "keep" if settings.journal_days is None else str(settings.journal_days),
        "TOCSIN_REPORTS_QUEUE_URL": place.queue_url("notifier"),
        "TOCSIN_COMMANDS_QUEUE_URL": place.queue_url("remediators"),
        "TOCSIN_COMMANDS_QUEUE_ARN": place.queue("remediators"),
        "TOCSIN_SCHEDULER_GROUP": place.base,
        "TOCSIN_SCHEDULER_ROLE_ARN": place.arn("iam", f"role/{place.named('scheduler')}"),
        "TOCSIN_SWITCH_PARAMETER": place.parameter("switch"),
        "TOCSIN_APPROVERS_PARAMETER": place.parameter("approvers"),
    }
    if is_hub:
        own["TOCSIN_SPOKES_PARAMETER"] = f"/{place.prefix}/{place.stage}/spokes"
    return {**own, "TOCSIN_DATABASE_CA": DATABASE_CA} if settings.vpc and settings.vpc.database_ca else own


def interactive(place: Place, catalogue: Settings, team: str) -> Mapping[str, str]:
    """Return the door's variables."""
    return {
        "TOCSIN_STAGE": place.stage,
        "TOCSIN_THREADS_TABLE": place.named("threads"),
        "TOCSIN_SLACK_SECRET": place.secret,
        "TOCSIN_SLACK_TEAM": team,
        "TOCSIN_LANGUAGE": catalogue.language.value,
        "TOCSIN_APPROVERS_PARAMETER": place.parameter("approvers"),
        "TOCSIN_COMMANDS_QUEUE_URL": place.queue_url("remediators"),
        "TOCSIN_REPORTS_QUEUE_URL": place.queue_url("notifier"),
    }
