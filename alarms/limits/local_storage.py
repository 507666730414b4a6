"""local_storage: the size in bytes of a provisioned Aurora PostgreSQL instance's local (temporary) storage.

By class (Aurora user guide, "Temporary storage limits for Aurora PostgreSQL"); a serverless instance has no fixed one.
"""

from __future__ import annotations

from decimal import Decimal

from alarms.limits import Known, Resolved, Unresolved

DIMENSION = "DBInstanceIdentifier"
GIB_BY_CLASS = {"db.r6g.large": 32, "db.r6g.xlarge": 63, "db.r5.large": 31, "db.x2g.large": 67}


def resolve(identifier: str, known: Known) -> Resolved:
    """Return the local storage of the instance ``identifier``, in bytes; raises Unresolved with what to declare."""
    database = known.database(identifier)
    if database is not None and database.local_storage is not None:
        return Resolved(Decimal(database.local_storage), "configured")
    name = database.instance_class if database else None
    if database is not None and database.max_acu is not None:
        raise Unresolved(f"{identifier} is serverless and has no fixed local storage", "disable the row for it")
    if name in GIB_BY_CLASS:
        return Resolved(Decimal(GIB_BY_CLASS[name] * 2**30), f"AWS's table for {name}")
    raise Unresolved(
        f"local_storage of {identifier} ({name or 'class unknown'}) is not known",
        f"declare `databases: {{{identifier}: {{class: db.r6g.large}}}}` or {{local_storage: 32 GiB}} in tocsin.yaml",
    )
