"""What surrounds a change, in the history table: wider counts, breakers, storms, and what people hold or mute.

Keys (``pk``, ``sk``):
    bound#<scope>#<key>   count      how often anything ran that the scope counts together
    policy#<policy>       breaker    when it did not help, and until when it is closed for that
    stage#<place/stage>   storm      until when a storm holds everything
    service#<service>     hold       a person leaves the service alone for a while
    episode#<id>          mute       a person silenced the incident
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from alarms.domain.bounds import Breaker, Scope
from alarms.domain.errors import Retryable
from alarms.domain.event import from_iso, iso
from remediators.items import breaker_of, counter_of, expiry, hold_of, key, resource_of, values_of
from remediators.standing import Around, BreakerState, Hold, ResourceState, Standing
from remediators.table import Table

KEPT_FOR = timedelta(days=7)
TRIES = 6


class Surroundings(Table):
    """Every method raises Retryable when the table cannot be reached."""

    def read(self, around: Around) -> tuple[ResourceState, Standing]:
        """Return the resource's state and its surroundings in one consistent read."""
        resource = f"resource#{around.resource}"
        counts = {scope: (f"bound#{scope.value}#{around.of(scope)}", "count") for scope in Scope}
        breaker, storm = (f"policy#{around.policy}", "breaker"), (f"stage#{around.stage}", "storm")
        hold = (f"service#{around.service}", "hold")
        own = [(resource, "lock"), (resource, "lease"), (resource, f"count#{around.row}")]
        found = self._batch([*own, *counts.values(), breaker, storm, hold])
        return (
            resource_of({sk: item for (pk, sk), item in found.items() if pk == resource}),
            Standing(
                wider={scope: counter_of(found[place]) for scope, place in counts.items() if place in found},
                breaker=breaker_of(found.get(breaker, {})),
                storm_until=from_iso(found[storm]["held_until"]) if storm in found else None,
                hold=hold_of(found[hold]) if hold in found else None,
            ),
        )

    # --- people's holds -----------------------------------------------------------------------------------------------

    def hold(self, service: str, hold: Hold, at: datetime) -> None:
        """Leave ``service`` alone until ``hold`` ends. The last click counts, by its time ``at``, not the last copy."""
        self._clicked(f"service#{service}", "hold", hold, at)

    def release(self, service: str, by: str, at: datetime) -> None:
        """End the hold of ``service``; one that was asked for later than ``at`` stands."""
        self._clicked(f"service#{service}", "hold", Hold(by, at), at)

    def held(self, service: str) -> Hold | None:
        """Return who holds ``service``."""
        item = self._get(f"service#{service}", "hold")
        return hold_of(item) if item else None

    def mute(self, episode: str, hold: Hold, at: datetime) -> None:
        """Remember that a person silenced the incident of ``episode``; the last click counts here too."""
        self._clicked(f"episode#{episode}", "mute", hold, at)

    def unmute(self, episode: str, by: str, at: datetime) -> None:
        """Remember that the incident may be spoken of again."""
        self._clicked(f"episode#{episode}", "mute", Hold(by, at), at)

    def muted(self, episode: str) -> Hold | None:
        """Return who silenced the incident of ``episode``."""
        item = self._get(f"episode#{episode}", "mute")
        return hold_of(item) if item else None

    def _clicked(self, pk: str, sk: str, hold: Hold, at: datetime) -> None:
        self._try(
            "update_item",
            Key=key(pk, sk),
            UpdateExpression="SET held_by = :by, held_until = :until, said_at = :at, expires_at = :expires",
            ConditionExpression="attribute_not_exists(said_at) OR said_at < :at",
            ExpressionAttributeValues=values_of(
                {":by": hold.by, ":until": iso(hold.until), ":at": iso(at), ":expires": expiry(hold.until, KEPT_FOR)}
            ),
        )

    def _until(self, pk: str, sk: str, hold: Hold) -> None:
        """Keep something until ``hold`` ends; a later end stands."""
        self._try(
            "update_item",
            Key=key(pk, sk),
            UpdateExpression="SET held_by = :by, held_until = :until, expires_at = :expires",
            ConditionExpression="attribute_not_exists(pk) OR held_until < :until",
            ExpressionAttributeValues=values_of(
                {":by": hold.by, ":until": iso(hold.until), ":expires": expiry(hold.until, KEPT_FOR)}
            ),
        )

    # --- storms and breakers ------------------------------------------------------------------------------------------

    def storm(self, stage: str, until: datetime) -> None:
        """Hold everything of ``stage`` until ``until``, or longer where somebody said so."""
        self._until(f"stage#{stage}", "storm", Hold("storm", until))

    def no_help(self, policy: str, run: str, bounds: Breaker, now: datetime) -> BreakerState:
        """Count that ``run`` of ``policy`` did not help, once however often it is said; return the breaker as it is then."""
        for _ in range(TRIES):
            item = self._get(f"policy#{policy}", "breaker") or {}
            state = breaker_of(item)
            if item.get("last_run") == run:
                return state
            after = state.failed(now, bounds)
            if self._put_breaker(policy, run, after, now, bounds):
                return after
        raise Retryable(f"the breaker of {policy} is being written by others")

    def helped(self, policy: str) -> None:
        """Close the breaker of ``policy``: its last run helped."""
        self._try("delete_item", Key=key(f"policy#{policy}", "breaker"))

    def _put_breaker(self, policy: str, run: str, state: BreakerState, now: datetime, bounds: Breaker) -> bool:
        opened = {"open_until": iso(state.open_until)} if state.open_until else {}
        return self._try(
            "put_item",
            Item=values_of(
                {
                    "pk": f"policy#{policy}",
                    "sk": "breaker",
                    "failures": json.dumps([int(moment.timestamp()) for moment in state.failures]),
                    "last_run": run,
                    "version": state.version + 1,
                    "expires_at": expiry(now, timedelta(seconds=2 * (bounds.within_s + bounds.open_for_s))),
                    **opened,
                }
            ),
            ConditionExpression="attribute_not_exists(pk) OR version = :seen",
            ExpressionAttributeValues=values_of({":seen": state.version}),
        )
