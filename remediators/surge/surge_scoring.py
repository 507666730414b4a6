"""Business or attack? Every signal, its value, its weight and its lean; pure, and honest about what is not known.

A signal leans from -1 (business) to +1 (attack). The score is the sum of leans times weights over the sum of weights. A signal
that was asked for and gave no answer may stand for anything, so the score is a range: read as an attack only when its lowest end
says so, and as business only when its highest end does. An unknown signal thus never pushes towards either.

The weights say how hard a sign is to fake or to come about by chance; the bounds are where practice puts them and are meant
to be argued with: they stand here, once, with their reasons.
"""

from __future__ import annotations

import ipaddress
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from alarms.domain.text import Text
from remediators.surge.traffic import DENIED, Traffic, top

THRESHOLD = 0.35  # a third of all weight, after what speaks against it
LEAST_WEIGHT = 0.45  # below this too little was asked to judge at all: one log and nothing else is just enough
FEWEST = 200  # requests in the log; fewer have no shares worth the name
SURGE = 1.5  # times the usual; below it there is none


class Verdict(StrEnum):
    """What the traffic is taken for."""

    BUSINESS = "business"
    ATTACK = "attack"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign. ``lean`` is None when it was asked for and not answered."""

    name: Text
    shown: str
    lean: float | None
    weight: float

    @property
    def line(self) -> Text:
        """What it says, and how much that counts."""
        if self.lean is None:
            return Text(
                f"{self.name.en}: unknown (weight {self.weight:.2f})", f"{self.name.ko}: 알 수 없음 (가중치 {self.weight:.2f})"
            )
        en, ko = ("neither", "중립") if abs(self.lean) < 0.05 else ("attack", "공격") if self.lean > 0 else ("business", "업무")
        share = f"{self.lean * self.weight:+.2f} / {self.weight:.2f}"
        return Text(f"{self.name.en}: {self.shown} → {en} {share}", f"{self.name.ko}: {self.shown} → {ko} {share}")


@dataclass(frozen=True, slots=True)
class Score:
    """The range of the score, -1 to 1, and what it is made of."""

    low: float
    high: float
    signals: tuple[Signal, ...]

    @property
    def verdict(self) -> Verdict:
        """What the whole range agrees upon."""
        if sum(signal.weight for signal in self.signals) < LEAST_WEIGHT:
            return Verdict.UNDECIDED
        if self.low >= THRESHOLD:
            return Verdict.ATTACK
        return Verdict.BUSINESS if self.high <= -THRESHOLD else Verdict.UNDECIDED

    @property
    def lines(self) -> tuple[Text, ...]:
        """The verdict and every signal, the heaviest first."""
        span = f"{self.low:+.2f}" if math.isclose(self.low, self.high) else f"{self.low:+.2f} … {self.high:+.2f}"
        ko = {Verdict.BUSINESS: "업무 급증", Verdict.ATTACK: "공격", Verdict.UNDECIDED: "판단 불가"}[self.verdict]
        head = Text(
            f"Score {span}: {self.verdict.value} (attack from {THRESHOLD:+.2f}, business from {-THRESHOLD:+.2f})",
            f"점수 {span}: {ko} (공격 {THRESHOLD:+.2f} 이상, 업무 {-THRESHOLD:+.2f} 이하)",
        )
        order = sorted(self.signals, key=lambda signal: -abs(signal.weight * (signal.lean or 0.0)))
        return (head, *(signal.line for signal in order))


def score(signals: Iterable[Signal]) -> Score:
    """Return the score of ``signals``."""
    known = tuple(signals)
    whole = sum(signal.weight for signal in known) or 1.0
    low = sum(signal.weight * (-1.0 if signal.lean is None else signal.lean) for signal in known) / whole
    high = sum(signal.weight * (1.0 if signal.lean is None else signal.lean) for signal in known) / whole
    return Score(low, high, known)


def signals(traffic: Traffic) -> tuple[Signal, ...]:
    """Return every signal of the sources that the row names."""
    found = [_rate(traffic)]
    if "log" in traffic.asked:
        found += [_talkers(traffic), _networks(traffic), _denied(traffic), _paths(traffic), _agents(traffic)]
    if "users" in traffic.asked:
        found.append(_users(traffic))
    if "kpi" in traffic.asked:
        found.append(_kpi(traffic))
    if "calendar" in traffic.asked:
        found.append(_calendar(traffic))
    # Labels and Shield speak only where somebody pays for them: silence there is not a missing answer but a missing source.
    if traffic.labelled is not None:
        found.append(_labels(traffic.labelled))
    if "shield" in traffic.asked:
        found.append(_shield(traffic.attack))
    return tuple(found)


def ramp(value: float, business_at: float, attack_at: float) -> float:
    """Return -1 at and beyond ``business_at``, +1 at and beyond ``attack_at``, straight between; either may be the greater."""
    share = (value - business_at) / (attack_at - business_at)
    return max(-1.0, min(1.0, 2 * share - 1))


def rise(value: float, neutral_at: float, attack_at: float) -> float:
    """Return 0 up to ``neutral_at`` and +1 from ``attack_at`` on: its absence speaks for nobody."""
    return max(0.0, min(1.0, (value - neutral_at) / (attack_at - neutral_at)))


def _rate(traffic: Traffic) -> Signal:
    """Weigh how steep it is. Light: campaigns are steep too; only beyond what customers do does it speak."""
    ratio = traffic.ratio
    shown = f"{ratio:,.1f}x" if ratio is not None else ""
    return Signal(
        Text("Requests against the usual", "평소 대비 요청"), shown, None if ratio is None else rise(ratio, 3, 20), 0.10
    )


def _talkers(traffic: Traffic) -> Signal:
    """Weigh the ten busiest addresses. An even spread speaks for neither: botnets are spread."""
    counts = [count for _, count in traffic.logged.talkers or ()]
    share = _share(top(counts, 10), traffic.logged.requests, known=traffic.logged.talkers is not None)
    return Signal(
        Text("Ten busiest addresses", "상위 주소 10개"), _percent(share), None if share is None else rise(share, 0.10, 0.50), 0.15
    )


def _networks(traffic: Traffic) -> Signal:
    """Weigh the busiest /24. Light: an office or a carrier's NAT looks the same."""
    nets: Counter[str] = Counter()
    for address, count in traffic.logged.talkers or ():
        nets[_network(address)] += count
    share = _share(top(list(nets.values()), 1), traffic.logged.requests, known=bool(nets))
    return Signal(
        Text("Busiest network", "최다 네트워크"), _percent(share), None if share is None else rise(share, 0.05, 0.40), 0.05
    )


def _denied(traffic: Traffic) -> Signal:
    """Weigh 401, 403, 404 and 429 among what was answered at all: customers know the way and have a key."""
    paths = traffic.logged.paths
    answered = sum(count for _, status, count in paths or () if not status.startswith("5"))
    share = _share(sum(count for _, status, count in paths or () if status in DENIED), answered, known=paths is not None)
    return Signal(
        Text("Denied (401, 403, 404, 429)", "거부됨(401, 403, 404, 429)"), _percent(share), _lean(share, 0.05, 0.40), 0.15
    )


def _paths(traffic: Traffic) -> Signal:
    """Weigh how even the paths are. Lightest: an API with one busy path is common."""
    counts: Counter[str] = Counter()
    for path, _, count in traffic.logged.paths or ():
        counts[path] += count
    enough = traffic.logged.requests >= FEWEST
    evenness = entropy(list(counts.values())) / math.log2(len(counts)) if len(counts) > 1 else 0.0
    hot = counts.most_common(1)[0] if counts else ("", 0)
    shown = f"entropy {evenness:.2f}, {hot[0][:40]} {hot[1] / max(1, traffic.logged.requests):.0%}" if enough else ""
    return Signal(Text("Paths", "경로"), shown, _lean(evenness if enough else None, 0.60, 0.10), 0.05)


def _agents(traffic: Traffic) -> Signal:
    """Weigh how many kinds of client there are, counted by their share: scripts bring one or two."""
    counts = [count for _, count, _ in traffic.logged.agents or ()]
    kinds = 2 ** entropy(counts) if sum(counts) >= FEWEST else None
    shown = f"{kinds:,.1f}" if kinds is not None else ""
    return Signal(Text("Kinds of client", "클라이언트 종류"), shown, _lean(kinds, 6.0, 1.5), 0.10)


def _users(traffic: Traffic) -> Signal:
    """Weigh who is signed in: accounts are harder to come by than addresses."""
    agents = traffic.logged.agents
    total = sum(count for _, count, _ in agents or ())
    share = _share(sum(known for *_, known in agents or ()), total, known=agents is not None)
    return Signal(Text("Signed in", "로그인 비율"), _percent(share), _lean(share, 0.60, 0.05), 0.15)


def _kpi(traffic: Traffic) -> Signal:
    """Weigh whether business rises with what is answered (an overloaded API cannot sell). Heaviest: nobody attacks by buying."""
    follows, now, usual = None, traffic.now, traffic.usual
    if now.kpi is not None and now.answered and usual.kpi and usual.answered:
        follows = (now.kpi / usual.kpi) / (now.answered / usual.answered)
    shown = f"{follows:.0%}" if follows is not None else ""
    return Signal(Text("Business figure follows the requests", "업무 지표 동행"), shown, _lean(follows, 0.70, 0.20), 0.25)


def _calendar(traffic: Traffic) -> Signal:
    """Weigh a day on which it was to be expected. That it was not says nothing: news is not announced."""
    shown, expected = traffic.expected or "not in the calendar", traffic.expected
    lean = None if expected is None else -1.0 if expected else 0.0
    return Signal(Text("Calendar", "일정"), shown, lean, 0.0 if lean == 0 else 0.20)


def _labels(labelled: tuple[int, int]) -> Signal:
    """Weigh what WAF's managed rules think; of a sample of the first requests, hence not the heaviest."""
    share = labelled[0] / labelled[1] if labelled[1] else 0.0
    return Signal(Text("WAF's labels", "WAF 레이블"), _percent(share), rise(share, 0.05, 0.50), 0.20)


def _shield(attack: bool | None) -> Signal:
    """Weigh Shield Advanced's own view; that it sees none yet says nothing."""
    shown = {True: "attack", False: "no attack", None: ""}[attack]
    lean = None if attack is None else float(attack)
    return Signal(Text("Shield Advanced", "Shield Advanced"), shown, lean, 0.0 if lean == 0 else 0.25)


def entropy(counts: Sequence[int]) -> float:
    """Return Shannon's entropy in bits."""
    whole = sum(counts)
    return -sum(count / whole * math.log2(count / whole) for count in counts if count) if whole else 0.0


def _lean(value: float | None, business_at: float, attack_at: float) -> float | None:
    return None if value is None else ramp(value, business_at, attack_at)


def _share(part: int, whole: int, *, known: bool) -> float | None:
    return part / whole if known and whole >= FEWEST else None


def _percent(share: float | None) -> str:
    return f"{share:.0%}" if share is not None else ""


def _network(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{ip}/{24 if ip.version == 4 else 48}", strict=False))
