"""Completing orders: once, by their identity, with what they earn, and what is refused without a trace."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from huimeng.checkout.commands import CompleteOrder, ImportOrder
from huimeng.checkout.errors import QuoteExpired, StoreChanged, UnknownMember, UnknownStore
from huimeng.checkout.service import Till
from huimeng.checkout.values import BillIn, LineIn, OrderIn, QuoteOut, TenderIn
from huimeng.kernel.errors import BusinessError, IdempotencyKeyReused, InvalidInput
from huimeng.ledger.errors import AmountOutOfRange
from huimeng.order.errors import OrderExists, TendersDontAddUp
from huimeng.order.rules import LineInput, OrderInput, TenderInput, check
from tests.desk import Desk, line, new_key


async def test_an_order_is_written_with_all_that_it_earns(desk: Desk) -> None:
    points = await desk.rule()
    growth = await desk.rule("成长值", rate=2, unit=2)
    member_id = await desk.join()
    bill = (line(2580, "2", sku="milk", category="dairy"), line(1290, sku="egg"))
    done = await desk.complete(desk.order(member_id, *bill, no="A1", tenders=(TenderInput("wechat", 3870),)))

    assert (done.points, done.growth, done.points_balance, done.debt_repaid) == (38, 77, 38, 0)
    assert [(each.points, each.growth) for each in done.lines] == [(25, 51), (13, 26)]
    reasons = [(reason.rule_id, reason.code, reason.amount) for reason in done.reasons]
    assert reasons == [(str(points), "applied", 38), (str(growth), "applied", 77)]
    order_id = int(done.order_id)
    assert await desk.rows(
        "select order_id, order_no, paid_fen, refunded_fen, status, member_id from orders where cell_id = %s"
    ) == [(order_id, "A1", 3870, 0, 1, member_id)]
    assert await desk.rows("select kind, amount_fen from order_tender where cell_id = %s") == [("wechat", 3870)]
    assert await desk.rows("select kind, ref_id, payload from outbox where cell_id = %s order by seq desc limit 1") == [
        (
            "order.completed",
            order_id,
            {
                "store_id": desk.shop.store.store_id,
                "business_day": "2026-03-04",
                "member_id": member_id,
                "net_fen": 3870,
                "orders": 1,
            },
        )
    ]
    assert await desk.wrong() == []


async def test_the_same_number_is_taken_once(desk: Desk) -> None:
    """Also within one batch, and also when it says something else; another day it is another order."""
    await desk.rule()
    member_id = await desk.join()
    orders = [desk.order(member_id, line(1000 + n), no="7") for n in range(5)]
    outcomes = await asyncio.gather(*(desk.complete(order) for order in orders), return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes[1:]] == ["OrderExists"] * 4
    first = outcomes[0]
    assert not isinstance(first, BaseException)
    with pytest.raises(OrderExists) as refused:
        await desk.complete(orders[2])
    assert refused.value.fields == {"order_id": first.order_id}
    assert await desk.held(member_id) == (10, 0)

    desk.clock.forward(days=1)
    assert (await desk.complete(desk.order(member_id, line(1000), no="7"))).points_balance == 20


async def test_the_same_key_gives_the_same_answer_once(desk: Desk) -> None:
    await desk.rule()
    order = desk.order(await desk.join(), line(1000), no="8")
    command = CompleteOrder(desk.shop.cell_id, order, key="k", fingerprint=b"body")
    replies = await asyncio.gather(*(desk.teller.submit(command) for _ in range(4)))
    replies.append(await desk.teller.submit(command))
    assert len({reply.body for reply in replies}) == 1
    assert [reply.replayed for reply in replies] == [False, True, True, True, True]
    assert {reply.status for reply in replies} == {201}

    before = await desk.counts()
    other = CompleteOrder(desk.shop.cell_id, desk.order(None, line(1)), key="k", fingerprint=b"other")
    with pytest.raises(IdempotencyKeyReused):
        await desk.teller.submit(other)
    assert await desk.counts() == before


async def test_a_refused_key_may_be_tried_again(desk: Desk) -> None:
    """A refusal is not kept: once the cause is gone, the same key succeeds."""
    order = desk.order(1024 * 999_999, line(1000))
    with pytest.raises(UnknownMember):
        await desk.complete(order, key="again", fingerprint=b"1")
    done = await desk.complete(desk.order(None, line(1000)), key="again", fingerprint=b"2")
    assert done.paid_fen == 1000


async def test_an_anonymous_order_earns_nothing_and_says_why(desk: Desk) -> None:
    await desk.rule()
    done = await desk.buy(None, 5000)
    assert (done.points, done.points_balance, done.earned) == (0, None, [])
    assert [reason.code for reason in done.reasons] == ["no_member"]
    assert (await desk.counts())["transfer"] == 0


async def test_unknown_members_and_stores_leave_no_trace(desk: Desk) -> None:
    await desk.rule()
    before = await desk.counts()
    order = desk.order(None, line(1000))
    cases: list[tuple[type[BusinessError], OrderInput]] = [
        (UnknownMember, desk.order(1024 * 77, line(1000))),
        (UnknownStore, _with(order, store_id=99)),
        (StoreChanged, _with(order, business_day=order.business_day - timedelta(days=1))),
    ]
    for refusal, wanted in cases:
        with pytest.raises(refusal):
            await desk.complete(wanted)
        with pytest.raises(refusal):
            await desk.teller.submit(ImportOrder(desk.shop.cell_id, wanted, earn=True))
    assert await desk.counts() == before


async def test_points_beyond_what_can_be_stored_are_refused(desk: Desk) -> None:
    await desk.rule(rate=10_000)
    member_id = await desk.join()
    before = await desk.counts()
    with pytest.raises(AmountOutOfRange):
        await desk.buy(member_id, 10**13)
    assert await desk.counts() == before


async def test_the_first_order_counts_once(desk: Desk) -> None:
    """Two orders in one batch, then one more; a void first order doesn't count."""
    await desk.rule("首单", rate=10, first_order=True, priority=1)
    await desk.rule()
    member_id = await desk.join()
    both = await asyncio.gather(desk.buy(member_id, 1000), desk.buy(member_id, 1000))
    assert [done.points for done in both] == [100, 10]
    assert [reason.code for reason in both[1].reasons] == ["not_first_order", "applied"]
    for done in both:
        await desk.void(done.order_id)
    assert (await desk.buy(member_id, 1000)).points == 100


async def test_caps_hold_per_order_day_and_month(desk: Desk) -> None:
    """Two orders in one batch share what is left of the day."""
    await desk.rule(cap_per_order=60, cap_per_day=100, cap_per_month=130)
    member_id = await desk.join()
    both = await asyncio.gather(desk.buy(member_id, 8_000), desk.buy(member_id, 8_000))
    assert [done.points for done in both] == [60, 40]
    assert [done.reasons[0].code for done in both] == ["capped_by_order", "capped_by_day"]
    assert (await desk.buy(member_id, 8_000)).points == 0
    desk.clock.forward(days=1)
    third = await desk.buy(member_id, 8_000)
    assert (third.points, third.reasons[0].code) == (30, "capped_by_month")
    desk.clock.forward(days=31)
    assert (await desk.buy(member_id, 8_000)).points == 60
    assert await desk.caps(member_id) == {
        "d2026-03-04": 100,
        "d2026-03-05": 30,
        "m2026-03": 130,
        "d2026-04-05": 60,
        "m2026-04": 60,
    }


# Input.

LATE = datetime(2026, 3, 4, 4, tzinfo=UTC)
HOSTILE: list[tuple[dict[str, object], str]] = [
    ({"order_no": "a\x00b"}, "order_no"),
    ({"order_no": "\ud800"}, "order_no"),
    ({"order_no": "   "}, "order_no"),
    ({"order_no": "x" * 65}, "order_no"),
    ({"source": "po\ns"}, "source"),
    ({"lines": ()}, "lines"),
    ({"lines": (LineInput(),) * 2001}, "lines"),
    ({"lines": (LineInput(sku="\udfff"),)}, "lines[0].sku"),
    ({"lines": (LineInput(), LineInput(product="\x1b[2J"))}, "lines[1].product"),
    ({"lines": (LineInput(category="类" * 101),)}, "lines[0].category"),
    ({"lines": (LineInput(line_key="\x7f"),)}, "lines[0].line_key"),
    ({"lines": (LineInput(quantity="1e9"),)}, "lines[0].quantity"),
    ({"lines": (LineInput(quantity="NaN"),)}, "lines[0].quantity"),
    ({"lines": (LineInput(quantity="1.00001"),)}, "lines[0].quantity"),
    ({"lines": (LineInput(quantity="１"),)}, "lines[0].quantity"),
    ({"lines": (LineInput(quantity="9999999999"),)}, "lines[0].quantity"),
    ({"lines": (LineInput(paid_fen=10**13 + 1),)}, "lines[0].paid_fen"),
    ({"lines": (LineInput(list_fen=-(10**13) - 1),)}, "lines[0].paid_fen"),
    # No figure of such bills could be kept, nor read exactly by a program that counts in floats.
    ({"lines": (LineInput(paid_fen=10**13), LineInput(paid_fen=1))}, "lines"),
    ({"lines": (LineInput(paid_fen=10**13, category="a"), LineInput(paid_fen=-(10**13), category="b"))}, "lines"),
    ({"lines": (LineInput(list_fen=10**13), LineInput(list_fen=1))}, "lines"),
    ({"ordered_at": LATE.replace(tzinfo=None)}, "ordered_at"),
    ({"ordered_at": LATE.replace(year=2201)}, "ordered_at"),
    ({"ordered_at": LATE.replace(year=1989)}, "ordered_at"),
    ({"tenders": (TenderInput("gold", 1000),)}, "tenders.kind"),
]


@pytest.mark.parametrize(("changed", "field"), HOSTILE)
def test_hostile_orders_are_named(changed: dict[str, object], field: str) -> None:
    good = OrderInput("pos", 1, "1", LATE.date(), LATE, None, (line(1000),), ())
    check(good, "CNY")
    with pytest.raises(InvalidInput) as refused:
        check(_with(good, **changed), "CNY")
    assert refused.value.fields["field"] == field


def test_tenders_must_add_up() -> None:
    tenders = (TenderInput("cash", 600), TenderInput("wechat", 500))
    good = OrderInput("pos", 1, "1", LATE.date(), LATE, None, (line(1000), line(100)), tenders)
    check(good, "CNY")
    with pytest.raises(TendersDontAddUp) as refused:
        check(_with(good, tenders=tenders[:1]), "HKD")
    assert refused.value.fields == {"tenders_fen": 600, "paid_fen": 1100, "currency": "HKD"}
    assert refused.value.text("zh") == "支付合计 6.00 港元 与应付 11.00 港元 不一致"
    assert refused.value.text("en") == "Tenders add up to HK$6.00, the lines to HK$11.00"


async def test_strange_but_lawful_text_is_kept_as_it_is(desk: Desk) -> None:
    strange = "牛奶 🥛 <b>'; drop table orders;-- \\u0000 {x} %s"
    done = await desk.complete(desk.order(None, line(1, product=strange, sku="é\u200f"), no="№ 1'\"\\"))
    assert done.order_no == "№ 1'\"\\"
    assert await desk.rows("select product, sku from order_line where cell_id = %s") == [(strange, "é\u200f")]


# Quotes.


async def test_an_order_earns_what_was_quoted_also_when_the_rule_changed(desk: Desk) -> None:
    rule_id = await desk.rule()
    till, member_id = Till(desk.db, b"secret"), await desk.join()
    before = await desk.counts()
    quote = await till.quote(desk.shop.merchant_id, _bill(desk, member_id))
    assert (quote.points, quote.paid_fen) == (10, 1000)
    assert await desk.counts() == before

    desk.clock.forward(minutes=5)
    await desk.change_rule(rule_id, rate=3)
    kept = await _complete(desk, till, member_id, "q1", quote.quote)
    fresh = await _complete(desk, till, member_id, "q2", None)
    assert (kept, fresh) == (10, 30)
    parts = await desk.rows("select parts from order_earning where cell_id = %s order by order_id")
    assert parts == [([[rule_id, 1, 10]],), ([[rule_id, 2, 30]],)]


async def test_a_quote_belongs_to_its_bill(desk: Desk) -> None:
    await desk.rule()
    till, member_id = Till(desk.db, b"secret"), await desk.join()
    quote = await till.quote(desk.shop.merchant_id, _bill(desk, member_id))
    payload, signature = quote.quote.split(".")
    other_sign = "B" if signature[0] == "A" else "A"
    tokens = ["", "x", "a.b", "é.é", f"{payload}.{other_sign}{signature[1:]}", f"{payload}x.{signature}", "." * 50]
    for token in tokens:
        with pytest.raises(QuoteExpired):
            await _complete(desk, till, member_id, new_key("no"), token)
    other = await desk.join()
    with pytest.raises(QuoteExpired):
        await _complete(desk, till, other, new_key("no"), quote.quote)
    with pytest.raises(QuoteExpired):
        await _complete(desk, Till(desk.db, b"other"), member_id, new_key("no"), quote.quote)
    assert (await desk.counts())["orders"] == 0


async def test_quote_and_order_agree_on_caps_and_first_order(desk: Desk) -> None:
    await desk.rule("首单", rate=10, first_order=True, priority=1)
    await desk.rule(cap_per_day=25)
    till, member_id = Till(desk.db, b"secret"), await desk.join()
    for expected in (100, 10, 10, 5, 0):
        quote: QuoteOut = await till.quote(desk.shop.merchant_id, _bill(desk, member_id))
        done = await _complete(desk, till, member_id, new_key("no"), quote.quote)
        assert (quote.points, done) == (expected, expected)


def _bill(desk: Desk, member_id: int) -> BillIn:
    return BillIn(
        store="s1",
        ordered_at=desk.clock(),
        member_id=str(member_id),
        lines=(LineIn(paid_fen=1000, sku="a"),),
        tenders=(TenderIn("cash", 1000),),
    )


async def _complete(desk: Desk, till: Till, member_id: int, order_no: str, quote: str | None) -> int:
    """Points of the order."""
    bill = _bill(desk, member_id)
    body = OrderIn(
        store=bill.store,
        # The same bill, rung up a little later.
        ordered_at=desk.clock(),
        member_id=bill.member_id,
        lines=bill.lines,
        tenders=bill.tenders,
        order_no=order_no,
        quote=quote,
    )
    command = await till.complete(desk.shop.merchant_id, body, new_key("quoted"), b"")
    return int((await desk.teller.submit(command)).value.points)


def _with(order: OrderInput, **changed: object) -> OrderInput:
    fields = {name: getattr(order, name) for name in order.__struct_fields__}
    return OrderInput(**{**fields, **changed})
