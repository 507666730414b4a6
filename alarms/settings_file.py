"""From tocsin.yaml to the settings of one stage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from alarms.domain.alarm import Mode
from alarms.domain.bounds import Bounds, Breaker, Scope, Storm
from alarms.domain.text import Language
from alarms.hub import Hub, SpokePlace, disagreements
from alarms.kind import did_you_mean
from alarms.problem import Level, Place, Problem
from alarms.schema.errors import validate
from alarms.schema.files import ClusterModel, DatabaseModel, OneStageModel, StageModel, TocsinFile
from alarms.settings import (
    DEFAULT_REGION,
    DEFAULT_STAGE,
    DEFAULT_TOPIC,
    PLACEHOLDER_ACCOUNT,
    Cluster,
    Database,
    Settings,
    topic_arn,
)
from alarms.yaml_door import Document, Spot

STAGE_OPTION = "--stage"  # the place of what is wrong with a name that was typed
STAGE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")


def read_settings(document: Document | None, stage: str | None) -> tuple[Settings, list[Problem]]:
    """Return the settings of ``stage`` (None: ``default_stage``, else the first), and what is wrong with the file.

    Without a file every stage is allowed and the defaults hold.
    """
    if document is None or document.value is None:
        return _undeclared(stage or DEFAULT_STAGE)
    model, problems = validate(TocsinFile, document.value, document.spot)
    if model is None:
        settings, more = _undeclared(stage or DEFAULT_STAGE)
        return settings, problems + more
    name = stage or model.default_stage or next(iter(model.stages), DEFAULT_STAGE)
    names = tuple(model.stages) or (name,)
    for asked, key in ((model.default_stage, "default_stage"), (stage, "stages")):
        if asked is not None and asked not in names:
            problems.append(_error(document.spot.at((key,)).named, f"there is no stage {asked!r}", did_you_mean(asked, names)))
    settings = _settings(model, model.stages.get(name, OneStageModel()), name, names)
    listed = {each: _spokes(stage_model) for each, stage_model in model.stages.items()}
    return settings, problems + _elsewhere(settings, name, document.spot) + _apart(settings, listed, document.spot)


def _elsewhere(settings: Settings, stage: str, spot: Spot) -> list[Problem]:
    """Tell of a topic in another region than its alarms: CloudWatch refuses such an action, another account's it takes."""
    region = settings.topic.split(":")[3] if settings.topic.startswith("arn:") else settings.region
    if region == settings.region or not settings.region_declared:
        return []
    own = spot.at(("stages", stage))
    where = own.items.get("topic") or spot.at(("topic",))
    summary = f"topic: the topic is in {region}, the alarms of stage {stage} in {settings.region}"
    return [_error(where.place, summary, "an alarm can only tell a topic of its own region")]


def _apart(settings: Settings, listed: Mapping[str, tuple[SpokePlace, ...]], spot: Spot) -> list[Problem]:
    """Tell where a hub and its spokes do not agree, or cannot be told apart."""
    if settings.hub is None and not settings.spokes:
        return []
    where = spot.at(("stages", settings.stage, "hub" if settings.hub else "spokes")).place
    if not (settings.account_declared and settings.region_declared):
        summary = f"stage {settings.stage} declares no account or no region, and a hub and its spokes are told apart by both"
        return [_error(where, summary, f"say account and region under stages.{settings.stage}")]
    own = f"{settings.account}/{settings.region}"
    wrong = disagreements(own, settings.hub, settings.spokes, listed)
    return [_error(where, each, "see docs/scale.md, 'A hub and its spokes'") for each in wrong]


def _error(place: Place, summary: str, fix: str) -> Problem:
    return Problem(place, Level.ERROR, "settings", "", summary, fix=fix)


def _undeclared(stage: str) -> tuple[Settings, list[Problem]]:
    """Return the defaults for a stage that no file declares; its name becomes part of alarm names."""
    problems = []
    if not STAGE_NAME.fullmatch(stage):
        summary = f"{stage!r} is no name of a stage"
        problems.append(_error(Place(STAGE_OPTION), summary, "small letters, digits and -"))
    return Settings(stage=stage, stages=(stage,)), problems


def _settings(whole: TocsinFile, stage: OneStageModel, name: str, names: tuple[str, ...]) -> Settings:
    account, region = stage.account or whole.account, stage.region or whole.region
    topic = stage.topic or whole.topic or DEFAULT_TOPIC
    hub = Hub(**stage.hub.model_dump()) if stage.hub else None
    # An alarm tells a topic of its own region, and perhaps of another account: the hub has one in each region of its spokes.
    arn = topic_arn(topic, region or DEFAULT_REGION, hub.account if hub else account or PLACEHOLDER_ACCOUNT)
    return Settings(
        catalogue=whole.catalogue,
        prefix=whole.prefix,
        stage=name,
        account=account or PLACEHOLDER_ACCOUNT,
        region=region or DEFAULT_REGION,
        topic=topic,
        topic_arn=arn,
        language=stage.language or whole.language or Language.EN,
        mode_cap=stage.mode_cap or whole.mode_cap or Mode.OBSERVE,
        channels={**whole.channels, **stage.channels},
        runbook_base=stage.runbook_base or whole.runbook_base or "",
        settle_s=whole.settle,
        bounds=_bounds(whole, stage),
        databases={key: _database(value) for key, value in {**whole.databases, **stage.databases}.items()},
        clusters={key: _cluster(value) for key, value in {**whole.clusters, **stage.clusters}.items()},
        stages=names,
        account_declared=account is not None,
        region_declared=region is not None,
        stages_declared=bool(whole.stages),
        hub=hub,
        spokes=_spokes(stage),
    )


def _spokes(stage: OneStageModel) -> tuple[SpokePlace, ...]:
    return tuple(SpokePlace(**spoke.model_dump()) for spoke in stage.spokes)


def _bounds(whole: TocsinFile, stage: StageModel) -> Bounds:
    """Return the bounds of ``stage``: each key its own, else the whole catalogue's, else the default."""
    own = Bounds()

    def said(section: str, key: str, default: Any) -> Any:
        models = (getattr(stage, section), getattr(whole, section))
        return next((value for model in models if model and (value := getattr(model, key)) is not None), default)

    return Bounds(
        limits={scope: tuple(said("limits", scope.value, own.limits[scope])) for scope in Scope},
        storm=Storm(said("storm", "services", own.storm.services), said("storm", "cool_down", own.storm.cool_down_s)),
        breaker=Breaker(
            no_help=said("breaker", "no_help", own.breaker.no_help),
            within_s=said("breaker", "within", own.breaker.within_s),
            open_for_s=said("breaker", "open_for", own.breaker.open_for_s),
        ),
    )


def unreachable_storm(document: Document, settings: Settings, services: int) -> list[Problem]:
    """Return a note when a stated storm needs more other services in ALARM than a catalogue of ``services`` has.

    Other catalogues of the same stage count too, so it is worth knowing and not wrong; of the default nothing is said.
    """
    paths = (("stages", settings.stage, "storm", "services"), ("storm", "services"))
    place = next((spot.place for path in paths if (spot := _written(document.spot, path))), None)
    others = max(services - 1, 0)
    if place is None or settings.bounds.storm.services <= others:
        return []
    summary = f"storm: {settings.bounds.storm.services} other services in ALARM are a storm, and this catalogue has {others}"
    return [Problem(place, Level.NOTE, "settings", "", summary, fix="say fewer, or leave the key out")]


def _written(spot: Spot, path: tuple[str, ...]) -> Spot | None:
    """Return the spot of exactly ``path``; None when it is not written."""
    found: Spot | None = spot
    for step in path:
        found = found.items.get(step) if found else None
    return found


def _database(model: DatabaseModel) -> Database:
    return Database(model.class_, model.max_acu, model.min_acu, model.max_connections, model.local_storage)


def _cluster(model: ClusterModel) -> Cluster:
    return Cluster(model.volume_limit)
