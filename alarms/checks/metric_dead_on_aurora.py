"""metric-dead-on-aurora: a storage metric that the database's engine never publishes."""

from __future__ import annotations

from collections.abc import Iterator

from alarms.metrics import Trait
from alarms.problem import Level
from alarms.rule import Finding, Rule, Series, Subject

_VOLUME = "use VolumeBytesUsed as a share of cluster_volume, and FreeLocalStorage as a share of local_storage"
_OTHER_ENGINES = ("rds", "mysql", "postgres", "mariadb", "oracle", "sqlserver", "db2")


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each storage metric that Aurora, or Aurora PostgreSQL, does not have."""
    for series in subject.series:
        if series.has(Trait.NOT_AURORA) and _may_be_aurora(subject, series):
            yield Finding(f"Aurora publishes no {series.name}: this alarm would never have data", _VOLUME)
        if series.has(Trait.AURORA_MYSQL) and "mysql" not in subject.desired.alarm.component:
            yield Finding(f"only Aurora MySQL publishes {series.name}: on PostgreSQL this alarm never has data", _VOLUME)


def _may_be_aurora(subject: Subject, series: Series) -> bool:
    """Tell whether nothing speaks against Aurora: a component named after another engine does."""
    component = subject.desired.alarm.component.lower()
    if "DBClusterIdentifier" in series.dimensions or "aurora" in component:
        return True
    database = subject.context.settings.databases.get(series.dimensions.get("DBInstanceIdentifier", ""))
    if database is not None and database.max_acu is not None:
        return True
    return not component.startswith(_OTHER_ENGINES)


RULE = Rule(
    level=Level.WARNING,
    what="FreeStorageSpace on Aurora, or AuroraVolumeBytesLeftTotal on Aurora PostgreSQL.",
    why=(
        "An Aurora cluster's volume grows by itself, so there is no free storage to report: FreeStorageSpace exists for other "
        "RDS engines only, AuroraVolumeBytesLeftTotal for Aurora MySQL only. The alarm would stay in INSUFFICIENT_DATA, or "
        "ring for ever with `missing: breaching`."
    ),
    fix="use VolumeBytesUsed and FreeLocalStorage; name the component rds when the database is not Aurora",
    bad="""\
component: aurora
alarms:
  - id: storage-low
    metric: AWS/RDS FreeStorageSpace
    dimensions: {DBInstanceIdentifier: image-db-1}
    statistic: Minimum
    when: "< 10 GiB"
    for: 5 m
    missing: missing
""",
    good="""\
component: aurora
alarms:
  - id: volume-near-limit
    kind: share_of_limit
    metric: AWS/RDS VolumeBytesUsed
    dimensions: {DBClusterIdentifier: image-db}
    statistic: Average
    when: "> 90 % of cluster_volume"
    for: {period: 300 s, datapoints: 1 of 1}
    missing: missing
""",
    check=check,
)
