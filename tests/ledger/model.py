"""The book said again in plain Python, from its rules and not from its code."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

import msgspec


class Refused(Exception):
    """The name of the refusal that is to come."""


class ModelLot(msgspec.Struct):
    expires_at: datetime | None
    earned: int = 0
    left: int = 0
    expired: int = 0
    closed: bool = False


class ModelLine(msgspec.Struct):
    pieces: int
    paid: int
    earned: int
    pieces_back: int = 0
    paid_back: int = 0
    earned_back: int = 0

    @property
    def done(self) -> bool:
        return self.pieces_back == self.pieces and self.paid_back == self.paid


class ModelOrder(msgspec.Struct):
    member: int
    lot: ModelLot | None
    lines: list[ModelLine]
    void: bool = False


class ModelMember(msgspec.Struct):
    lots: list[ModelLot] = msgspec.field(default_factory=list)
    debt: int = 0

    @property
    def balance(self) -> int:
        return sum(lot.left for lot in self.lots)


class Model:
    """earned, taken, expired: all that ever moved between members and the rest of the world."""

    def __init__(self) -> None:
        self.members: dict[int, ModelMember] = {}
        self.orders: dict[str, ModelOrder] = {}
        self.flow: dict[str, int] = {"in": 0, "out": 0}

    def earn(self, member: ModelMember, amount: int, expires_at: datetime | None) -> ModelLot:
        open_lots = [lot for lot in member.lots if lot.expires_at == expires_at and not lot.closed]
        if not open_lots:
            open_lots = [ModelLot(expires_at)]
            member.lots += open_lots
        lot = open_lots[0]
        lot.earned += amount
        lot.left += amount
        self.flow["in"] += amount
        repaid = min(amount, member.debt)
        member.debt -= repaid
        self._out(lot, repaid)
        return lot

    def spend(self, member: ModelMember, amount: int, now: datetime) -> None:
        usable = [lot for lot in member.lots if lot.expires_at is None or lot.expires_at > now]
        if sum(lot.left for lot in usable) < amount:
            raise Refused("InsufficientBalance")
        assert self._draw(usable, amount) == 0

    def expire(self, now: datetime) -> int:
        total = 0
        for member in self.members.values():
            for lot in member.lots:
                if lot.expires_at is not None and lot.expires_at <= now and not lot.closed:
                    total += lot.left
                    lot.expired += lot.left
                    self._out(lot, lot.left)
                    lot.closed = True
        return total

    def buy(self, number: str, member_id: int, lines: list[tuple[int, int]], points: list[int], until: Any) -> None:
        """lines: (pieces, paid fen); points by line."""
        lot = None
        if sum(points):
            lot = self.earn(self.members[member_id], sum(points), until)
        made = [ModelLine(pieces, paid, earned) for (pieces, paid), earned in zip(lines, points, strict=True)]
        self.orders[number] = ModelOrder(member_id, lot, made)

    def refund(
        self, number: str, wanted: tuple[int, int] | None, now: datetime, *, void: bool = False
    ) -> tuple[int, int]:
        """wanted: (line, pieces), None: all that is left. The answer is (fen, points) that go back."""
        order = self.orders[number]
        if order.void or all(line.done for line in order.lines):
            raise Refused("OrderNotRefundable")
        fen = points = 0
        if wanted is None:
            parts = [(line, line.pieces - line.pieces_back) for line in order.lines if not line.done]
        else:
            line = order.lines[wanted[0]]
            if wanted[1] > line.pieces - line.pieces_back or line.done:
                raise Refused("RefundTooLarge")
            parts = [(line, wanted[1])]
        for line, pieces in parts:
            line.pieces_back += pieces
            share = Fraction(line.pieces_back, line.pieces)
            whole = line.pieces_back == line.pieces
            paid = line.paid if whole else int(line.paid * share)
            earned = line.earned if whole or paid == line.paid else int(Fraction(line.earned * paid, line.paid))
            fen += paid - line.paid_back
            points += earned - line.earned_back
            line.paid_back, line.earned_back = paid, earned
        order.void = void
        if points:
            assert order.lot is not None
            self._take_back(self.members[order.member], order.lot, points, now)
        return fen, points

    def _take_back(self, member: ModelMember, lot: ModelLot, amount: int, now: datetime) -> None:
        here = min(amount, lot.left)
        self._out(lot, here)
        gone = min(amount - here, lot.expired)
        lot.expired -= gone
        others = [x for x in member.lots if x is not lot and (x.expires_at is None or x.expires_at > now)]
        member.debt += self._draw(others, amount - here - gone)

    def _draw(self, lots: list[ModelLot], amount: int) -> int:
        """Earliest expiry first; the answer is what is missing."""
        for lot in sorted(lots, key=lambda each: (each.expires_at is None, each.expires_at or 0)):
            part = min(amount, lot.left)
            self._out(lot, part)
            amount -= part
        return amount

    def _out(self, lot: ModelLot, amount: int) -> None:
        lot.left -= amount
        self.flow["out"] += amount
