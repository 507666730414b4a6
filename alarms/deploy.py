"""Gather → plan → apply: the whole of a deployment, with AWS clients, time and waiting passed in.

The command line, the demo and the tests all call these functions. ``clients(name)`` returns a boto3 client in the stage's
account and region (``clients_of(session, region)`` makes one from a boto3 session).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.config import Config

from alarms.calls import Caller, Now, Sleep
from alarms.cloudwatch import CloudWatch
from alarms.deployment import Deployment, Outcome, Progress, Step
from alarms.desired import Desired
from alarms.domain.errors import Refused
from alarms.lease import WAIT_S, Lease
from alarms.plan import plan as decide
from alarms.plan import teardown
from alarms.plan_types import WHOLE, Actual, Plan, Published, RefusalReason, Scope, Target
from alarms.rows import Rows
from alarms.settings import Settings

Clients = Callable[[str], Any]
Approve = Callable[[Plan], bool]

# The tagging API lags: what looks foreign or wrongly tagged is asked of CloudWatch itself, as many as take half a minute.
CONFIRM_AT_MOST = 250


def _quiet(step: Step) -> None:
    """Say nothing."""


def _always(plan: Plan) -> bool:
    """Approve."""
    return plan is not None


@dataclass(frozen=True, slots=True)
class How:
    """How a run behaves.

    ``allow_deletes``: how many alarms may be deleted (None: a tenth of those live, at least one). ``rows``: publish rows and
    take the lease (both live in the catalogue table). ``owner`` names this run to others that wait for it; it must differ
    between two runs at once. ``wait_s``: how long to wait for such a run. ``approve`` is asked before the first write,
    ``progress`` told of each. ``hub`` are clients in the region of a hub's table, None where the rows stay in the stage's.
    """

    scope: Scope = WHOLE
    allow_deletes: int | None = None
    rows: bool = True
    owner: str = "tocsin apply"
    wait_s: float = WAIT_S
    approve: Approve = _always
    hub: Clients | None = None
    progress: Progress = _quiet


DEFAULT = How()


def clients_of(session: Any, region: str) -> Clients:
    """Return ``clients`` for a boto3 session: one client a service, made on first use.

    botocore's own retries are off: ours keep the pace before every attempt, and are counted once.
    """
    made: dict[str, Any] = {}
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=10, read_timeout=30)

    def client(service: str) -> Any:
        if service not in made:
            made[service] = session.client(service, region_name=region, config=config)
        return made[service]

    return client


def target_of(settings: Settings) -> Target:
    """Return whose alarms these settings speak of."""
    return Target(settings.catalogue, settings.stage, settings.prefix, settings.account, settings.region, settings.rows_in)


def plan(clients: Clients, desired: Sequence[Desired], settings: Settings, *, now: Now, sleep: Sleep, how: How = DEFAULT) -> Plan:
    """Return what ``apply`` would do now. Reads only. Refused in the wrong account or region, CannotRun without the table."""
    target = target_of(settings)
    check_place(clients, target, sleep)
    return _gather_and_decide(_Run(clients, target, now, sleep, how), desired)


def apply(
    clients: Clients, desired: Sequence[Desired], settings: Settings, *, now: Now, sleep: Sleep, how: How = DEFAULT
) -> Outcome:
    """Make CloudWatch and the catalogue table as ``desired`` says, and return what was done.

    Takes the lease only when there is something to write, and plans again under it. Errors as ``plan``, and Refused when
    another apply holds the lease for longer than ``how.wait_s``.
    """
    run = _Run(clients, target_of(settings), now, sleep, how)
    check_place(clients, run.target, sleep)
    first = _gather_and_decide(run, desired)
    if first.empty and not run.lease_leftovers():
        return Outcome(first, refused=first.refused)
    return run.under_lease(lambda: _gather_and_decide(run, desired))


def apply_saved(clients: Clients, saved: Plan, settings: Settings, *, now: Now, sleep: Sleep, how: How = DEFAULT) -> Outcome:
    """Do exactly what a saved plan says; an alarm that has moved since is refused, by name, and the others are written.

    The plan's own guard on deletes holds unless ``how.allow_deletes`` is given. ``how.scope`` is not asked.
    """
    target = target_of(settings)
    if how.allow_deletes is not None:
        saved = replace(saved, allowed_deletes=how.allow_deletes)
    if saved.target != target:
        raise Refused(f"the plan was made for {_place(saved.target)}; this is {_place(target)}")
    check_place(clients, target, sleep)
    run = _Run(clients, target, now, sleep, how)
    return Outcome(saved, refused=saved.refused) if saved.empty else run.under_lease(lambda: saved)


def destroy(clients: Clients, settings: Settings, *, now: Now, sleep: Sleep, how: How = DEFAULT) -> Outcome:
    """Delete every alarm of this catalogue and stage, and its row; nothing else. ``how.approve`` sees the list first."""
    run = _Run(clients, target_of(settings), now, sleep, how)
    check_place(clients, run.target, sleep)

    def going() -> Plan:
        return teardown(run.confirmed(run.aws.gather(run.target), ()), run.target)

    first = going()
    if first.empty and not run.lease_leftovers():
        return Outcome(first, refused=first.refused)
    return run.under_lease(going)


def identity(clients: Clients, sleep: Sleep) -> tuple[str, str]:
    """Return the account of the credentials and who they are, as a short name. CannotRun when there are none."""
    answer = Caller(sleep)("GetCallerIdentity", lambda: clients("sts").get_caller_identity())
    return str(answer["Account"]), str(answer["Arn"]).split(":", 5)[-1]


def check_place(clients: Clients, target: Target, sleep: Sleep) -> None:
    """Raise Refused when the credentials are another account's, or the clients another region's, than the stage says."""
    account, _ = identity(clients, sleep)
    if account != target.account:
        raise Refused(
            f"stage {target.stage} is account {target.account}, the credentials are of account {account}: nothing was read or "
            f"written; choose another --profile or --stage, or set stages.{target.stage}.account in tocsin.yaml"
        )
    region = str(clients("cloudwatch").meta.region_name)
    if region != target.region:
        raise Refused(f"stage {target.stage} is in {target.region}, the session in {region}: nothing was read or written")


class _Run:
    """The adapters of one run."""

    def __init__(self, clients: Clients, target: Target, now: Now, sleep: Sleep, how: How) -> None:
        self.target = target
        self.how = how
        self.aws = CloudWatch(clients, now=now, sleep=sleep)
        rows_at = how.hub or clients
        self.rows = Rows(rows_at, target, sleep=sleep) if how.rows else None
        self.lease = Lease(rows_at, target, how.owner, now=now, sleep=sleep) if how.rows else None
        self._now = now

    def lease_leftovers(self) -> tuple[str, ...]:
        """Return the alarms whose rows a cut-off run has still to remove."""
        return self.lease.remembered() if self.lease else ()

    def under_lease(self, make: Callable[[], Plan]) -> Outcome:
        """Plan and write while no other run may."""
        if self.lease is None:
            return self._write(make())
        self.lease.take(lambda text: self.how.progress(Step(0, 0, text)), self.how.wait_s)
        try:
            return self._write(make())
        finally:
            self.lease.release()

    def confirmed(self, actual: Sequence[Actual], names: Sequence[str]) -> list[Actual]:
        """Return ``actual`` with the true tags of ``names``."""
        asked = set(list(names)[:CONFIRM_AT_MOST])
        return [replace(alarm, tags=self.aws.tags(alarm.arn)) if alarm.name in asked else alarm for alarm in actual]

    def published(self, desired: Sequence[Desired]) -> Mapping[str, Published] | None:
        """Return the current rows of ``desired``, with the documents of those that differ; None when rows are left out."""
        if self.rows is None:
            return None
        found = self.rows.digests([one.name for one in desired])
        differ = [one.name for one in desired if one.name in found and found[one.name].digest != one.alarm.digest]
        return {**found, **self.rows.documents(differ)}

    def _write(self, plan: Plan) -> Outcome:
        if plan.stop:
            return Outcome(plan, refused=plan.refused, stopped=plan.stop)
        if not plan.empty and not self.how.approve(plan):
            return Outcome(plan, refused=plan.refused, stopped="not approved: nothing was written")
        deployment = Deployment(self.aws, self.rows, self.lease, now=self._now, progress=self.how.progress)
        leftovers = self.lease_leftovers()
        if leftovers:
            deployment.finish_removals(leftovers)
        return deployment.run(plan)


def _gather_and_decide(run: _Run, desired: Sequence[Desired]) -> Plan:
    """Plan from one reading, ask for the true tags of what the tagging API may have wrong, and plan for good."""
    actual = run.aws.gather(run.target)
    rows = run.published(desired)
    first = decide(desired, actual, run.target, scope=run.how.scope, rows=rows, allow_deletes=run.how.allow_deletes)
    doubtful = _doubtful(first)
    if not doubtful:
        return first
    return decide(
        desired,
        run.confirmed(actual, doubtful),
        run.target,
        scope=run.how.scope,
        rows=rows,
        allow_deletes=run.how.allow_deletes,
    )


def _doubtful(first: Plan) -> tuple[str, ...]:
    """Name the alarms whose answer hangs on their tags, those that would be refused first."""
    by_owner = (RefusalReason.FOREIGN, RefusalReason.OTHER_OWNER)
    refused = [refusal.name for refusal in first.refused if refusal.reason in by_owner]
    return (*refused, *(item.name for item in first.update))


def _place(target: Target) -> str:
    return f"catalogue {target.catalogue}, stage {target.stage}, account {target.account}, {target.region}"
