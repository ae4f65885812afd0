"""Postings that commands make inside their decision; each keeps account, lots and transfers in step."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from huimeng.infra.teller import Command, Key, Needs, Rows
from huimeng.ledger.errors import AmountOutOfRange, InsufficientBalance
from huimeng.ledger.rules import (
    AMOUNT_MAX,
    Kind,
    Lot,
    System,
    account_id,
    debt_of,
    draw,
    holder_of,
    plan_take_back,
    unit_of,
)
from huimeng.ledger.values import ACCOUNT, TRANSFER, Account, Posted, Reference, Transfer


def account_needs(cell_id: int, holder_id: int, *units: int) -> list[tuple[str, Key]]:
    return [(ACCOUNT, (cell_id, account_id(holder_id, unit))) for unit in units]


def open_account(rows: Rows, cell_id: int, holder_id: int, unit: int) -> Account:
    """The account for editing; it begins with its first posting."""
    number = account_id(holder_id, unit)
    key = (cell_id, number)
    if rows.get(ACCOUNT, key) is None:
        rows.put(ACCOUNT, key, Account(cell_id, number))
    account: Account = rows.edit(ACCOUNT, key)
    return account


def earn(
    rows: Rows, account: Account, amount: int, expires_at: datetime | None, why: Reference, system: int = System.ISSUED
) -> Posted:
    """Adds to the open lot with this expiry, then repays what is owed; amount > 0."""
    if not 0 < amount <= AMOUNT_MAX or account.balance + amount > AMOUNT_MAX * 1000:
        raise AmountOutOfRange()
    lot = next((lot for lot in account.lots.values() if lot.expires_at == expires_at and not lot.closed), None)
    if lot is None:
        lot = Lot(account.next_lot, expires_at, 0, 0, 0, False)
        account.next_lot += 1
    account.set_lot(Lot(lot.lot_id, expires_at, lot.earned + amount, lot.remaining + amount, lot.expired, False))
    account.balance += amount
    seq = _post(rows, account, system, account.account_id, amount, lot.lot_id, why)
    # What is over already can't be spent, so it can't repay either.
    repaid = min(account.debt, amount) if expires_at is None or expires_at > rows.now else 0
    if repaid:
        _repay(rows, account, repaid, lot.lot_id, why)
    return Posted(seq, lot.lot_id, repaid)


def spend(rows: Rows, account: Account, amount: int, why: Reference, system: int = System.REDEEMED) -> None:
    """Draws valid lots, earliest expiry first, one transfer a lot; InsufficientBalance leaves all as it was."""
    drawn, missing = draw(account.lots.values(), amount, rows.now)
    if missing:
        raise InsufficientBalance(available=amount - missing, wanted=amount)
    for lot_id, part in drawn:
        _out_of_lot(rows, account, lot_id, part, system, why)


def take_back(rows: Rows, account: Account, lot_id: int, amount: int, why: Reference) -> int:
    """Takes an earning back (docs/rules/refund.md); the answer is what became a debt."""
    plan = plan_take_back(account.lots, lot_id, amount, rows.now)
    if plan.from_lot:
        _out_of_lot(rows, account, lot_id, plan.from_lot, System.ISSUED, why)
    if plan.from_expired:
        _reinstate(rows, account, lot_id, plan.from_expired, why)
        _out_of_lot(rows, account, lot_id, plan.from_expired, System.ISSUED, why)
    for other, part in plan.from_others:
        taken = msgspec.structs.replace(why, kind=Kind.REFUND_TAKEN)
        _out_of_lot(rows, account, other, part, System.ISSUED, taken)
    if plan.debt:
        _owe(rows, account, plan.debt, why)
    return plan.debt


def expire_due(rows: Rows, account: Account, at: datetime) -> int:
    """Writes off what is no longer valid and closes the lots; the answer is the amount. Again, it does nothing."""
    total = 0
    for lot in list(account.lots.values()):
        if lot.closed or lot.valid(at):
            continue
        if lot.remaining:
            assert lot.expires_at is not None
            why = Reference(Kind.EXPIRE, lot.lot_id, lot.expires_at)
            _out_of_lot(rows, account, lot.lot_id, lot.remaining, System.EXPIRED, why)
        now = account.lots[lot.lot_id]
        account.set_lot(msgspec.structs.replace(now, expired=now.expired + lot.remaining, closed=True))
        total += lot.remaining
    return total


def _reinstate(rows: Rows, account: Account, lot_id: int, amount: int, why: Reference) -> None:
    """What expired comes back so that it can be taken back: it was never earned, so it is no breakage either."""
    lot = account.lots[lot_id]
    account.set_lot(msgspec.structs.replace(lot, expired=lot.expired - amount, remaining=lot.remaining + amount))
    account.balance += amount
    back = Reference(Kind.EXPIRY_REVERSED, why.ref_id, why.occurred_at)
    _post(rows, account, System.EXPIRED, account.account_id, amount, lot_id, back)


def _repay(rows: Rows, account: Account, amount: int, lot_id: int, why: Reference) -> None:
    unit = unit_of(account.account_id)
    _out_of_lot(rows, account, lot_id, amount, System.ISSUED, Reference(Kind.DEBT_REPAID, why.ref_id, why.occurred_at))
    account.debt -= amount
    debt = debt_of(unit)
    holder_debt = account_id(holder_of(account.account_id), debt)
    cleared = Reference(Kind.DEBT_CLEARED, why.ref_id, why.occurred_at)
    _write(rows, account, debt, holder_debt, account_id(System.DEBTS, debt), amount, None, cleared)


def _owe(rows: Rows, account: Account, amount: int, why: Reference) -> None:
    account.debt += amount
    debt = debt_of(unit_of(account.account_id))
    holder_debt = account_id(holder_of(account.account_id), debt)
    owed = Reference(Kind.DEBT, why.ref_id, why.occurred_at, why.reverses)
    _write(rows, account, debt, account_id(System.DEBTS, debt), holder_debt, amount, None, owed)


def _out_of_lot(rows: Rows, account: Account, lot_id: int, amount: int, system: int, why: Reference) -> None:
    lot = account.lots[lot_id]
    account.set_lot(msgspec.structs.replace(lot, remaining=lot.remaining - amount))
    account.balance -= amount
    unit = unit_of(account.account_id)
    _write(rows, account, unit, account.account_id, account_id(system, unit), amount, lot_id, why)


def _post(
    rows: Rows, account: Account, system: int, credit: int, amount: int, lot_id: int | None, why: Reference
) -> int:
    unit = unit_of(account.account_id)
    return _write(rows, account, unit, account_id(system, unit), credit, amount, lot_id, why)


def _write(
    rows: Rows,
    account: Account,
    unit: int,
    debit: int,
    credit: int,
    amount: int,
    lot_id: int | None,
    why: Reference,
) -> int:
    head = rows.head
    today = rows.now.astimezone(UTC).date()
    if head.open_day is None or head.open_day < today:
        head.open_day = today
    seq = rows.take_transfer()
    after = account.balance if unit == unit_of(account.account_id) else account.debt
    rows.add(
        TRANSFER,
        Transfer(
            account.cell_id,
            seq,
            unit,
            why.kind,
            debit,
            credit,
            amount,
            lot_id,
            why.ref_id,
            after,
            why.occurred_at,
            head.open_day,
            why.reverses,
        ),
    )
    return seq


class ExpireAccount(Command):
    """Writes off one account's lots that are invalid at a moment; harmless to run again, so it has no key."""

    def __init__(self, cell_id: int, account: int, at: datetime) -> None:
        self.cell_id = cell_id
        self.account = account
        self.at = at
        self.weight = 4

    def needs(self) -> Needs:
        return [(ACCOUNT, (self.cell_id, self.account))]

    def decide(self, rows: Rows) -> int:
        key = (self.cell_id, self.account)
        if rows.get(ACCOUNT, key) is None:
            return 0
        return expire_due(rows, rows.edit(ACCOUNT, key), self.at)
