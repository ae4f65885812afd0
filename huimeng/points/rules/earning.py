"""What a bill earns. Every order is calculated here: the usual case (no conditions) takes no detour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from huimeng.kernel.times import end_of_day, zone
from huimeng.ledger.rules import Expiry, Unit, last_valid_day
from huimeng.points.rules.definition import Rule
from huimeng.points.rules.reasons import Reason
from huimeng.points.rules.ruleset import Plan, Ready, Span

_RATE_SCALE = 1_000_000  # fen x points per yuan x 10^4
_BPS = 10_000

Used = Mapping[tuple[int, Span], int]
Codes = dict[int, tuple[str, dict[str, Any]]]


class BillLine(Protocol):
    @property
    def sku(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def paid_fen(self) -> int: ...


class BillTender(Protocol):
    @property
    def kind(self) -> str: ...
    @property
    def amount_fen(self) -> int: ...


class Bill(msgspec.Struct, frozen=True):
    """paid_fen of a line is what is paid for the whole line; it may be zero or negative."""

    store_id: int
    region: str | None
    business_day: date
    lines: Sequence[BillLine]
    tenders: Sequence[BillTender]


class Award(msgspec.Struct, frozen=True):
    """What goes into one lot; parts ((rule_id, version, amount), ...) add up to the amount."""

    unit: int
    expires_at: datetime | None
    amount: int
    parts: tuple[tuple[int, int, int], ...]


class Earnings(msgspec.Struct, frozen=True):
    """used: by how much the counters of capped rules grow; explanation is empty unless it was asked for."""

    awards: tuple[Award, ...]
    points_by_line: list[int]
    growth_by_line: list[int]
    used: dict[tuple[int, Span], int]
    explanation: tuple[Reason, ...] = ()


def earn(
    rules: Sequence[Rule],
    bill: Bill,
    *,
    member: bool,
    first_order: bool,
    used: Used,
    occurred_at: datetime,
    timezone: str,
    explain: bool = False,
) -> Earnings:
    """What the bill earns by these rules (best a Plan of a RuleSet); docs/rules/earning.md.

    used: what the member earned before by (rule_id, "d" or "m") in the bill's business day and month;
    timezone: the one that lots expire in.
    """
    plan = rules if isinstance(rules, Plan) else Plan(rules)
    paid = [line.paid_fen for line in bill.lines]
    codes: Codes | None = {} if explain else None
    by_unit: dict[int, list[int]] = {}
    awards: tuple[Award, ...] = ()
    grown: dict[tuple[int, Span], int] = {}
    if member and sum(paid) > 0 and plan:
        sums = _Sums(bill, paid, first_order, codes)
        booking = _Booking(used, grown, codes, occurred_at, timezone)
        for unit, rates, multipliers in plan.units:
            claims = sums.claims(rates)
            if claims:
                by_line = booking.rates(unit, claims)
                if multipliers:
                    booking.multipliers(unit, sums.boosts(multipliers, claims), by_line)
                by_unit[unit] = by_line
            elif multipliers:
                sums.boosts(multipliers, claims)
        awards = booking.awards()
    reasons: tuple[Reason, ...] = ()
    if codes is not None:
        reasons = _reasons(plan, codes, "nothing_to_earn" if member else "no_member")
    return Earnings(
        awards,
        by_unit.get(Unit.POINTS) or [0] * len(paid),
        by_unit.get(Unit.GROWTH) or [0] * len(paid),
        grown,
        reasons,
    )


class _Claim:
    """A rate rule and, for each line, the fen that it counts there (0 where the line isn't the rule's)."""

    __slots__ = ("counted", "eligible_fen", "ready")

    def __init__(self, ready: Ready, counted: list[int], eligible_fen: int) -> None:
        self.ready = ready
        self.counted = counted
        self.eligible_fen = eligible_fen


class _Boost:
    """A multiplier and, for each line, its base in points x 10^6."""

    __slots__ = ("base", "ready")

    def __init__(self, ready: Ready, base: list[int]) -> None:
        self.ready = ready
        self.base = base


class _Sums:
    """Which money counts for which rule on which line."""

    __slots__ = ("bill", "codes", "first_order", "paid", "shares", "weights")

    def __init__(self, bill: Bill, paid: list[int], first_order: bool, codes: Codes | None) -> None:
        self.bill = bill
        self.paid = paid
        self.first_order = first_order
        self.codes = codes
        self.weights = paid if min(paid) >= 0 else [max(0, amount) for amount in paid]
        self.shares: dict[frozenset[str], list[int] | None] = {}

    def share(self, tenders: frozenset[str]) -> list[int] | None:
        """What these tenders paid, over the lines; None when they paid nothing."""
        shares = self.shares
        if tenders in shares:
            return shares[tenders]
        counted = 0
        for tender in self.bill.tenders:
            if tender.kind in tenders:
                counted += tender.amount_fen
        total = sum(self.paid)
        counted = min(counted, total)
        if counted <= 0:
            found = None
        elif counted == total and self.weights is self.paid:
            found = self.paid
        else:
            found = split(counted, self.weights)
        shares[tenders] = found
        return found

    def claims(self, rates: tuple[Ready, ...]) -> list[_Claim]:
        """Each line goes to the first rate rule that wants it: money counts once for a unit."""
        claims: list[_Claim] = []
        owners: list[Rule | None] | None = None
        for number, ready in enumerate(rates):
            counted = self._wanted(ready)
            if counted is None:
                continue
            eligible = sum(counted)
            if eligible < ready.rule.minimum_fen:
                self._note(ready, "below_minimum", eligible_fen=eligible)
                continue
            if ready.all_lines and not claims:
                claims.append(_Claim(ready, counted, eligible))
                if self.codes is not None:
                    self._cover(rates[number + 1 :], ready.rule)
                break
            if owners is None:
                owners = [None] * len(counted)
            own = [amount if owner is None else 0 for amount, owner in zip(counted, owners, strict=True)]
            eligible = sum(own)
            if not eligible:
                by = next(o for o, amount in zip(owners, counted, strict=True) if amount and o is not None)
                self._note(ready, "covered_by_rule", by_rule_id=by.rule_id, by_name=by.name)
                continue
            claims.append(_Claim(ready, own, eligible))
            for i, line in enumerate(self.bill.lines):
                if owners[i] is None and ready.matches(line.category, line.sku):
                    owners[i] = ready.rule
        return claims

    def boosts(self, multipliers: tuple[Ready, ...], claims: list[_Claim]) -> list[_Boost]:
        boosts: list[_Boost] = []
        for ready in multipliers:
            limit = self._wanted(ready)
            if limit is None:
                continue
            base = [0] * len(limit)
            eligible = 0
            for claim in claims:
                rate = claim.ready.rule.rate_e4
                # Without tenders of its own it follows its base; `limit` then only says which lines match.
                free = ready.tenders is None
                for i, (counted, most) in enumerate(zip(claim.counted, limit, strict=True)):
                    if counted and most:
                        fen = counted if free or counted < most else most
                        base[i] += fen * rate
                        eligible += fen
            if not eligible:
                self._note(ready, "nothing_to_earn")
            elif eligible < ready.rule.minimum_fen:
                self._note(ready, "below_minimum", eligible_fen=eligible)
            else:
                boosts.append(_Boost(ready, base))
        return boosts

    def _wanted(self, ready: Ready) -> list[int] | None:
        """Counted fen on the lines that the rule is for, by line; None when it isn't for this bill."""
        if ready.conditional:
            code = _refused(ready, self.bill, self.first_order)
            if code is not None:
                self._note(ready, code)
                return None
        shares = self.weights if ready.tenders is None else self.share(ready.tenders)
        if shares is None:
            self._note(ready, "tender_not_counted")
            return None
        if ready.all_lines:
            return shares
        matches = ready.matches
        fits = [matches(line.category, line.sku) for line in self.bill.lines]
        if True not in fits:
            self._note(ready, "other_goods")
            return None
        counted = [amount if fit else 0 for amount, fit in zip(shares, fits, strict=True)]
        if not any(counted):
            self._note(ready, "below_minimum" if ready.rule.minimum_fen else "nothing_to_earn", eligible_fen=0)
            return None
        return counted

    def _cover(self, rest: Sequence[Ready], by: Rule) -> None:
        for ready in rest:
            counted = self._wanted(ready)
            if counted is None:
                continue
            eligible = sum(counted)
            if eligible < ready.rule.minimum_fen:
                self._note(ready, "below_minimum", eligible_fen=eligible)
            else:
                self._note(ready, "covered_by_rule", by_rule_id=by.rule_id, by_name=by.name)

    def _note(self, ready: Ready, code: str, **fields: Any) -> None:
        if self.codes is not None:
            self.codes[ready.rule.rule_id] = (code, {"amount": 0, **fields})


class _Booking:
    """Amounts of rules: floored, capped, split over their lines, gathered into awards."""

    __slots__ = ("codes", "day", "grown", "lots", "occurred_at", "timezone", "used")

    def __init__(
        self,
        used: Used,
        grown: dict[tuple[int, Span], int],
        codes: Codes | None,
        occurred_at: datetime,
        timezone: str,
    ) -> None:
        self.used = used
        self.grown = grown
        self.codes = codes
        self.occurred_at = occurred_at
        self.timezone = timezone
        self.day: date | None = None
        self.lots: dict[tuple[int, datetime | None], list[tuple[int, int, int]]] = {}

    def rates(self, unit: int, claims: list[_Claim]) -> list[int]:
        """Amounts by line."""
        by_line: list[int] | None = None
        for claim in claims:
            ready = claim.ready
            full = claim.eligible_fen * ready.rule.rate_e4 // _RATE_SCALE
            amount = self._take(unit, ready, full, claim.eligible_fen)
            if amount:
                shares = split(amount, claim.counted)
                by_line = shares if by_line is None else [a + b for a, b in zip(by_line, shares, strict=True)]
        return by_line if by_line is not None else [0] * len(claims[0].counted)

    def multipliers(self, unit: int, boosts: list[_Boost], by_line: list[int]) -> None:
        """Adds to by_line."""
        for boost in boosts:
            ready = boost.ready
            base = sum(boost.base)
            full = base * (ready.rule.multiplier_bps - _BPS) // (_RATE_SCALE * _BPS)
            amount = self._take(unit, ready, full, base)
            if amount:
                for i, share in enumerate(split(amount, boost.base)):
                    by_line[i] += share

    def awards(self) -> tuple[Award, ...]:
        return tuple(
            Award(unit, expires_at, sum([part[2] for part in parts]), tuple(parts))
            for (unit, expires_at), parts in self.lots.items()
        )

    def _take(self, unit: int, ready: Ready, full: int, base: int) -> int:
        """The amount after caps, booked for its lot; base is only told."""
        rule = ready.rule
        amount, code = (full, "applied") if not ready.capped else _capped(ready, full, self.used)
        if amount:
            expires_at = None if rule.expiry.kind == "never" else self._expires_at(rule.expiry)
            part = (rule.rule_id, rule.version, amount)
            lot = self.lots.get((unit, expires_at))
            if lot is None:
                self.lots[unit, expires_at] = [part]
            else:
                lot.append(part)
            for span, _ in ready.spans:
                self.grown[rule.rule_id, span] = amount
        if self.codes is not None:
            if full == 0:
                code = "nothing_to_earn"
            told = {"eligible_fen": base} if rule.kind == "rate" else {"base": base // _RATE_SCALE}
            self.codes[rule.rule_id] = (code, {"amount": amount, "uncapped": full, **told})
        return amount

    def _expires_at(self, expiry: Expiry) -> datetime | None:
        if self.day is None:
            self.day = self.occurred_at.astimezone(zone(self.timezone)).date()
        return _end_of_validity(expiry, self.day, self.timezone)


@lru_cache(maxsize=4096)
def _end_of_validity(expiry: Expiry, earned_on: date, timezone: str) -> datetime | None:
    day = last_valid_day(expiry, earned_on)
    return None if day is None else end_of_day(day, timezone)


def split(total: int, weights: list[int]) -> list[int]:
    """kernel.money.allocate for weights that are known to have a positive sum, without its checks."""
    whole = sum(weights)
    if total == whole:
        return weights.copy()
    products = [total * weight for weight in weights]
    shares = [product // whole for product in products]
    missing = total - sum(shares)
    if missing:
        remainder = [product % whole for product in products].__getitem__
        # Stable, also in reverse: of equal remainders the earlier line wins.
        for i in sorted(range(len(weights)), key=remainder, reverse=True)[:missing]:
            shares[i] += 1
    return shares


def _capped(ready: Ready, full: int, used: Used) -> tuple[int, str]:
    rule = ready.rule
    amount, code = full, "applied"
    if rule.cap_per_order is not None and amount > rule.cap_per_order:
        amount, code = rule.cap_per_order, "capped_by_order"
    for span, cap in ready.spans:
        left = max(0, cap - used.get((rule.rule_id, span), 0))
        if amount > left:
            amount, code = left, "capped_by_day" if span == "d" else "capped_by_month"
    return amount, code


def _refused(ready: Ready, bill: Bill, first_order: bool) -> str | None:
    """The first condition on the whole bill that isn't met."""
    rule, day = ready.rule, bill.business_day
    if ready.stores and bill.store_id not in ready.stores:
        return "other_store"
    if ready.regions and bill.region not in ready.regions:
        return "other_region"
    if (rule.date_from is not None and day < rule.date_from) or (rule.date_to is not None and day > rule.date_to):
        return "outside_dates"
    if ready.weekdays and day.isoweekday() not in ready.weekdays:
        return "other_weekday"
    return "not_first_order" if rule.first_order and not first_order else None


def _reasons(plan: Plan, codes: Codes, default: str) -> tuple[Reason, ...]:
    reasons = [Reason.of(rule, *codes.get(rule.rule_id, (default, {"amount": 0}))) for rule in plan]
    reasons += [Reason.of(rule, code, {"amount": 0}) for rule, code in plan.idle]
    return tuple(reasons)
