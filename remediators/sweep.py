"""The reconciler: every five minutes it compares levels, because an edge can be lost. It decides nothing by a way of its own.

What rings without an open episode is told at the first sweep that sees it, and taken up at a later one through the very same
claim as its message would have been. What is overdue is done by the handler of its timer. An episode whose alarm is over is
closed as the lost message would have closed it. What people hold, mute or suppress is left alone; its very first run only tells.

A sweep with nothing to do reads the alarms that ring, the outstanding runs and its own memory, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeVar

from alarms.domain.alarm import Alarm
from alarms.domain.decision import Reason
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.event import State, iso
from alarms.domain.report import Phase
from alarms.domain.text import Text
from remediators.due import Due
from remediators.execute import Engine
from remediators.levels import Level, Levels
from remediators.looking_back.chronicle import SWEPT
from remediators.outstanding import Memory, Seen
from remediators.ports import Delivery, Ports
from remediators.records import EpisodeRecord, EpisodeStatus, Ring, RunStatus, service_key
from remediators.revert import Reverter
from remediators.telling import Detail, Telling
from remediators.timers import Timer, TimerKind
from remediators.verify import Verifier

EVERY = timedelta(minutes=5)
# Younger than this a change of state may still be on its way by itself.
YOUNG = timedelta(minutes=2)
# From being told to being taken up: most of a sweep's distance, so that a sweep delivered twice is one sweep.
LATER = timedelta(minutes=4)
# A timer fires within a minute; a queue may take a while.
LATE = timedelta(minutes=3)
# What is overdue and could not be done is looked at again after this long: its own handler has set its timer anew.
AGAIN = timedelta(hours=1)
MOST_STEPS = 20  # alarms looked up and runs brought on, in one sweep
MOST_DUE = 100  # outstanding runs read in one sweep
MOST_ASKED = 100  # alarms that ring no more and are asked for by name in one sweep: DescribeAlarms takes no more
SPREAD_S = 240  # seconds over which the sweeps of the spokes are spread
AT_ONCE = 10  # messages in one call to SQS
ENOUGH_S = 8.0  # seconds that a step may take: with less left, the next sweep goes on

FIRST_SEEN = Text(
    "It rings, and no message of it came. It is taken up in five minutes, if it still rings.",
    "알람이 울리고 있지만 알림 메시지가 오지 않았습니다. 5분 뒤에도 울리고 있으면 조치합니다.",
)
LOST_EDGE = Text("Its message was lost: found ringing.", "메시지가 유실되어 재확인으로 발견했습니다.")
LOST_END = Text("The message of its end was lost: found over.", "종료 메시지가 유실되어 재확인으로 확인했습니다.")
OVERDUE = Text("Its wake-up call never came.", "예약된 호출이 오지 않았습니다.")
STUCK = Text("It waited for a decision that never came.", "결정을 기다리던 중 멈춰 있었습니다.")

# What entries and notes are about: an edge that was told as first seen one sweep before, and a sweep that came to its end.
LOST, SWEEP_DONE = "lost-edge", "sweep-done"

Result = TypeVar("Result")


@dataclass
class _Sweep:
    """One sweep's means and findings."""

    delivery: Delivery
    place: str
    levels: Levels
    memory: Memory
    steps: int = 0
    seen: dict[str, Seen] = field(default_factory=dict)
    stopped_at: str = ""

    def may(self) -> bool:
        """Tell whether one more step may be taken, and count it."""
        if self.steps >= MOST_STEPS or self.delivery.left_s() < ENOUGH_S:
            return False
        self.steps += 1
        return True


class Sweeper:
    """Takes sweep timers. ``prefix`` is what the names of the stage's alarms begin with."""

    def __init__(self, ports: Ports, engine: Engine, verifier: Verifier, reverter: Reverter) -> None:
        self._ports = ports
        self._engine = engine
        self._verifier = verifier
        self._reverter = reverter
        self._telling = Telling(ports)

    def on_timer(self, place: str, delivery: Delivery) -> None:
        """Sweep ``place`` once; at home, wake the sweeps of the spokes too. A step that fails waits for the next sweep.

        Raises Retryable when CloudWatch or the table cannot be reached.
        """
        sites = self._ports.sites
        if place == sites.home:
            self._wake_spokes(delivery)
        try:
            levels, memory = sites.at(place, delivery.now).levels, self._ports.outstanding.memory(place)
            ringing = {level.name: level for level in levels.ringing(self._prefix(place))}
        except Permanent as failure:  # a spoke that is off the list, or does not let us in (any more)
            self._telling.note("sweep", place, f"not swept: {failure}"[:300], delivery.now)
            return
        sweep = _Sweep(delivery, place, levels, memory)
        dues, last_run = self._ports.outstanding.due(place, memory.run, MOST_DUE)
        for due in dues:
            if due.at + LATE <= delivery.now and sweep.may():
                self._try(sweep, f"overdue {due.run}", partial(self._bring_on, due, sweep))
        self._rings(sweep, ringing)
        self._over(sweep, ringing, dues)
        after = Memory(False, sweep.seen, sweep.stopped_at, last_run, memory.version)
        if after != memory:
            self._ports.outstanding.remember(place, after)
        if place == sites.home:  # the heartbeat: a spoke's sweep must not hide that this one stopped
            self._telling.note(SWEEP_DONE, place, f"{sweep.steps} steps", delivery.now)

    def _wake_spokes(self, delivery: Delivery) -> None:
        """Send each spoke's sweep on its way, spread over the time until the next: their calls come from one account each."""
        try:
            spokes = sorted(self._ports.sites.spokes(delivery.now))
        except (Retryable, Permanent) as failure:
            self._telling.note("sweep", "spokes", f"not swept: {failure}"[:300], delivery.now)
            return
        apart = SPREAD_S / max(len(spokes), 1)
        wakes = [(int(number * apart), Timer(TimerKind.SWEEP, place)) for number, place in enumerate(spokes)]
        for start in range(0, len(wakes), AT_ONCE):
            self._ports.timers.soon(wakes[start : start + AT_ONCE])

    def _prefix(self, place: str) -> str:
        """Return what the alarms of ``place`` begin with: a spoke's stage has a name of its own, its rows tell whose it is."""
        return self._ports.prefix if place == self._ports.sites.home else self._ports.prefix.split("/")[0] + "/"

    # --- what rings ---------------------------------------------------------------------------------------------------

    def _rings(self, sweep: _Sweep, ringing: dict[str, Level]) -> None:
        """Look at each alarm that rings and is not known from the last sweep, going on where that one stopped."""
        names = sorted(ringing)
        names = [name for name in names if name > sweep.memory.alarm] + [name for name in names if name <= sweep.memory.alarm]
        for name in names:
            level, known = ringing[name], sweep.memory.seen.get(name)
            if level.since is None or level.since + YOUNG > sweep.delivery.now:
                continue
            if known is not None and iso(known.since) != iso(level.since):
                known = None
            if known is not None and (known.told_at is None or known.told_at + LATER > sweep.delivery.now):
                sweep.seen[name] = known
                continue
            if sweep.stopped_at or not sweep.may():
                sweep.stopped_at = sweep.stopped_at or _before(name, names)
                if known is not None:
                    sweep.seen[name] = known
                continue
            found = self._try(sweep, name, partial(self._look, level, known, sweep))
            if found is not None:
                sweep.seen[name] = found
            elif known is not None:
                sweep.seen[name] = known

    def _look(self, level: Level, known: Seen | None, sweep: _Sweep) -> Seen | None:
        """Return what to remember of an alarm that rings; None when it is to be looked at anew the next time."""
        event = level.event(sweep.place, previous=State.OK)
        if event is None or level.evaluation or level.silent:
            self._note(level.name, f"left alone: {level.evaluation or level.silent}", sweep)
            return None
        settled, ring, alarm = Seen(event.changed_at), Ring.of(event), self._ports.rows.row(event.alarm_key)
        if alarm is None or not alarm.policies:
            return settled
        episodes = self._ports.history.service(service_key(alarm)).episodes
        if self._is_known(ring, alarm, episodes, sweep):
            return settled
        if held := self._held(ring, alarm, sweep):
            self._note(level.name, f"left alone: {held}", sweep)
            return None
        if known is None or known.told_at is None:
            self._say("first-seen", ring, alarm, FIRST_SEEN, sweep)
            action = alarm.policies[0].action
            self._telling.episode(ring, Phase.SKIPPED, action, FIRST_SEEN, sweep.delivery.now, Detail(reason=Reason.FIRST_SEEN))
            return Seen(event.changed_at, sweep.delivery.now)
        self._say(LOST, ring, alarm, LOST_EDGE, sweep)
        self._engine.on_event(event, sweep.delivery)
        return settled

    def _is_known(self, ring: Ring, alarm: Alarm, episodes: tuple[EpisodeRecord, ...], sweep: _Sweep) -> bool:
        """Tell whether the stay has its episode; one that waits for a decision long past its time gets it now."""
        mine = next((item for item in episodes if item.subject == ring.subject), None)
        if mine is None or not mine.is_open:
            newer = mine is not None and iso(mine.changed_at) >= iso(ring.started_at)
            return newer or any(item.is_open and item.subject.startswith(f"{ring.subject}#") for item in episodes)
        waited_since = mine.changed_at + timedelta(seconds=alarm.settle_s) + LATE + EVERY * mine.rechecks
        if mine.status is EpisodeStatus.CLAIMED and waited_since + LATE < sweep.delivery.now:
            self._say("overdue", ring, alarm, STUCK, sweep)
            self._engine.plan(service_key(alarm), sweep.delivery)
        return True

    def _held(self, ring: Ring, alarm: Alarm, sweep: _Sweep) -> str:
        """Return who or what keeps the reconciler's hands off, "" when nobody does; what cannot be asked does."""
        hold = self._ports.surroundings.held(service_key(alarm))
        silence = self._ports.surroundings.muted(ring.episode.id)
        for each, what in ((hold, "held"), (silence, "silenced")):
            if each is not None and each.holds(sweep.delivery.now):
                return f"{what} by {each.by} until {iso(each.until)}"
        muted = sweep.levels.muted(ring.alarm_name)
        return "" if muted is False else "a mute rule is active" if muted else "whether a mute rule is active cannot be read"

    # --- what is over -------------------------------------------------------------------------------------------------

    def _over(self, sweep: _Sweep, ringing: dict[str, Level], dues: list[Due]) -> None:
        """Close the episodes of alarms that rang at the last sweep, or that a run waits for, and ring no more."""
        wanted = sorted({*sweep.memory.seen, *(due.alarm for due in dues if due.alarm)} - set(ringing))
        asked, later = wanted[:MOST_ASKED], wanted[MOST_ASKED:]
        sweep.seen.update({name: sweep.memory.seen[name] for name in later if name in sweep.memory.seen})
        for level in sweep.levels.of(asked):
            if level.state is State.ALARM or level.since is None or level.since + YOUNG > sweep.delivery.now or not sweep.may():
                if level.name in sweep.memory.seen:
                    sweep.seen[level.name] = sweep.memory.seen[level.name]
                continue
            self._try(sweep, level.name, partial(self._close, level, sweep))

    def _close(self, level: Level, sweep: _Sweep) -> None:
        event = level.event(sweep.place, previous=State.ALARM)
        alarm = self._ports.rows.row(event.alarm_key) if event is not None else None
        if event is None or alarm is None:
            return
        episodes = self._ports.history.service(service_key(alarm)).episodes
        mine = next((item for item in episodes if item.subject == event.subject_key), None)
        if mine is None or not mine.is_open or mine.ring is None or iso(mine.changed_at) >= iso(event.changed_at):
            return
        self._say("closed", mine.ring, alarm, LOST_END, sweep)
        self._engine.on_event(event, sweep.delivery)

    # --- what is overdue ----------------------------------------------------------------------------------------------

    def _bring_on(self, due: Due, sweep: _Sweep) -> None:
        """Do what the run's timer should have had done, by the same handler."""
        run = self._ports.history.run(due.run)
        if run is not None:
            self._say("overdue", run.ring, run.alarm, OVERDUE, sweep, run=run.id, action=run.policy.action)
            if run.status is RunStatus.ASKED:
                self._engine.questions.expire(run.id, sweep.delivery)
            elif run.status is RunStatus.INTENT or not run.concluded:
                self._verifier.on_timer(run.id, sweep.delivery)
            else:
                self._reverter.on_timer(run.id, sweep.delivery)
        self._ports.outstanding.put_off(sweep.place, due, sweep.delivery.now + AGAIN)

    # --- its words ----------------------------------------------------------------------------------------------------

    def _try(self, sweep: _Sweep, about: str, step: Callable[[], Result]) -> Result | None:
        """Take a step; what fails is noted, and waits for the next sweep."""
        try:
            return step()
        except (Retryable, Permanent) as failure:
            self._note(about, f"failed: {failure}"[:300], sweep)
            return None

    def _note(self, about: str, why: str, sweep: _Sweep) -> None:
        self._telling.note("sweep", about, why, sweep.delivery.now)

    def _say(self, about: str, ring: Ring, alarm: Alarm, why: Text, sweep: _Sweep, **more: str) -> None:
        self._ports.audit(
            {
                "type": SWEPT,
                "at": iso(sweep.delivery.now),
                "about": about,
                "episode": ring.episode.id,
                "subject": ring.subject,
                "alarm": ring.alarm_name,
                "row": alarm.row,
                "why": why.to_document(),
                **more,
            }
        )


def _before(name: str, names: list[str]) -> str:
    """Return where to go on from so that ``name`` comes first the next time."""
    place = names.index(name)
    return names[place - 1] if place else ""
