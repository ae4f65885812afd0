"""The worked examples of docs/rules/refund.md, number by number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from huimeng.checkout.rules import WantedLine
from huimeng.checkout.values import TenderIn
from huimeng.infra.database import Database
from huimeng.kernel.errors import BusinessError, InvalidInput, NotFound
from huimeng.ledger.rules import Expiry, Unit
from huimeng.order.errors import OrderNotRefundable, RefundTooLarge
from huimeng.order.rules import TenderInput
from tests.conftest import make_shop
from tests.desk import Desk, line, part

A_DAY = Expiry("after", 1, "day")
A_MONTH = Expiry("after", 1, "month")


async def test_example_1_a_line_piece_by_piece(desk: Desk) -> None:
    await desk.rule()
    member_id = await desk.join()
    order = await desk.complete(desk.order(member_id, line(2999, "3")))
    assert order.points == 29

    steps = [await desk.refund(order.order_id, part(1, "1")) for _ in range(3)]
    assert [(step.amount_fen, step.points_taken) for step in steps] == [(999, 9), (1000, 10), (1000, 10)]
    assert [step.status for step in steps] == ["partly_refunded", "partly_refunded", "refunded"]
    assert [step.points_balance for step in steps] == [20, 10, 0]
    with pytest.raises(OrderNotRefundable):
        await desk.refund(order.order_id)
    assert await desk.wrong() == []


async def test_example_2_amounts_of_a_line(desk: Desk) -> None:
    await desk.rule()
    member_id = await desk.join()
    order = await desk.buy(member_id, 10_000)

    first = await desk.refund(order.order_id, part(1, amount_fen=3333))
    second = await desk.refund(order.order_id, part(1, amount_fen=3333))
    last = await desk.refund(order.order_id)
    assert [(r.amount_fen, r.points_taken) for r in (first, second, last)] == [(3333, 33), (3333, 33), (3334, 34)]
    assert last.lines[0].quantity == "1"
    assert await desk.held(member_id) == (0, 0)


async def test_example_3_one_line_of_two(desk: Desk) -> None:
    await desk.rule()
    await desk.rule("成长值", rate=2, unit=Unit.GROWTH)
    member_id = await desk.join()
    order = await desk.buy(member_id, 2550, 1950)
    assert [(each.points, each.growth) for each in order.lines] == [(26, 51), (19, 39)]

    back = await desk.refund(order.order_id, part(2))
    assert (back.amount_fen, back.points_taken, back.growth_taken, back.status) == (1950, 19, 39, "partly_refunded")
    assert (await desk.held(member_id), await desk.held(member_id, Unit.GROWTH)) == ((26, 0), (51, 0))
    rest = await desk.refund(order.order_id)
    assert (rest.amount_fen, rest.points_taken, rest.growth_taken, rest.status) == (2550, 26, 51, "refunded")
    assert await desk.wrong() == []


async def test_example_4_what_was_spent_comes_from_other_lots_then_is_owed(desk: Desk) -> None:
    await desk.rule(expiry=A_MONTH)
    member_id = await desk.join()
    order = await desk.buy(member_id, 10_000)
    await desk.adjust(member_id, -70)
    await desk.adjust(member_id, 50)
    assert await desk.lots(member_id) == [(100, 30, 0, False), (50, 50, 0, False)]

    back = await desk.refund(order.order_id)
    assert (back.points_taken, back.points_debt, back.points_balance) == (100, 20, 0)
    assert (await desk.history(member_id))[-2:] == [("earn_reversed", -30), ("refund_taken", -50)]
    assert await desk.held(member_id) == (0, 20)

    again = await desk.buy(member_id, 6_000)
    assert (again.points, again.debt_repaid, again.points_balance) == (60, 20, 40)
    assert await desk.held(member_id) == (40, 0)
    assert await desk.wrong() == []


async def test_example_5_what_expired_is_not_taken_twice(desk: Desk) -> None:
    await desk.rule(expiry=A_DAY)
    member_id = await desk.join()
    order = await desk.buy(member_id, 10_000)
    await desk.adjust(member_id, -30)
    await desk.adjust(member_id, 40)
    desk.clock.forward(days=3)
    assert await desk.expire() == 70
    assert await desk.held(member_id) == (40, 0)

    back = await desk.refund(order.order_id)
    assert (back.points_taken, back.points_debt, back.points_balance) == (100, 0, 10)
    assert await desk.history(member_id) == [
        ("earn", 100),
        ("adjust", -30),
        ("adjust", 40),
        ("expire", -70),
        ("expiry_reversed", 70),
        ("earn_reversed", -70),
        ("refund_taken", -30),
    ]
    assert await desk.lots(member_id) == [(100, 0, 0, True), (40, 10, 0, False)]
    assert await desk.wrong() == []


async def test_example_5_in_two_halves(desk: Desk) -> None:
    await desk.rule(expiry=A_DAY)
    member_id = await desk.join()
    order = await desk.complete(desk.order(member_id, line(10_000, "2")))
    await desk.adjust(member_id, -30)
    desk.clock.forward(days=3)
    await desk.expire()

    first = await desk.refund(order.order_id, part(1, "1"))
    second = await desk.refund(order.order_id, part(1, "1"))
    assert (first.points_taken, first.points_debt) == (50, 0)
    assert (second.points_taken, second.points_debt) == (50, 30)
    assert await desk.held(member_id) == (0, 30)
    assert await desk.wrong() == []


async def test_example_5_before_the_expiry_job_ran(desk: Desk) -> None:
    """What is no longer valid but not written off yet is still in its lot, and taken from there."""
    await desk.rule(expiry=A_DAY)
    member_id = await desk.join()
    order = await desk.buy(member_id, 10_000)
    desk.clock.forward(days=3)

    back = await desk.refund(order.order_id)
    assert (back.points_taken, back.points_debt, back.points_balance) == (100, 0, 0)
    assert await desk.expire() == 0
    assert await desk.wrong() == []


async def test_example_6_caps_are_freed(desk: Desk) -> None:
    await desk.rule(cap_per_day=150, cap_per_month=200)
    member_id = await desk.join()
    first = await desk.buy(member_id, 10_000)
    second = await desk.buy(member_id, 10_000)
    assert (first.points, second.points) == (100, 50)
    assert await desk.caps(member_id) == {"d2026-03-04": 150, "m2026-03": 150}

    await desk.refund(first.order_id, part(1, amount_fen=4_000))
    assert await desk.caps(member_id) == {"d2026-03-04": 110, "m2026-03": 110}
    assert (await desk.buy(member_id, 10_000)).points == 40
    # Late refunds free the day and month of the order, not those of the refund.
    desk.clock.forward(days=30)
    await desk.refund(second.order_id)
    assert await desk.caps(member_id) == {"d2026-03-04": 100, "m2026-03": 100}


async def test_caps_of_two_rules_in_one_lot_are_freed_by_what_each_gave(desk: Desk) -> None:
    """Piece by piece frees as much as all at once; what other orders used stays."""
    dairy = await desk.rule("乳品", categories=("dairy",), cap_per_day=10)
    meat = await desk.rule("肉", categories=("meat",), cap_per_day=10)
    member_id = await desk.join()
    await desk.complete(desk.order(member_id, line(500, category="dairy"), line(500, category="meat")))
    order = await desk.complete(desk.order(member_id, line(100, category="dairy"), line(100, category="meat")))

    await desk.refund(order.order_id, part(1))
    await desk.refund(order.order_id, part(2))
    used = dict(await desk.rows("select rule_id, amount from earn_cap where cell_id = %s and period like 'd%%'"))
    assert used == {dairy: 5, meat: 5}


async def test_example_7_anonymous_and_amount_only(desk: Desk) -> None:
    await desk.rule()
    order = await desk.buy(None, 5_000)
    back = await desk.refund(order.order_id, part(1, amount_fen=1_200))
    assert (back.amount_fen, back.points_taken, back.points_balance, back.status) == (1200, 0, None, "partly_refunded")
    assert (await desk.refund(order.order_id)).amount_fen == 3_800
    assert await desk.rows("select count(*) from transfer where cell_id = %s") == [(0,)]


async def test_example_8_zero_and_negative_lines(desk: Desk) -> None:
    """100.00 of goods, 20.00 off as a line of its own, a gift, and a deposit of no quantity."""
    await desk.rule()
    member_id = await desk.join()
    order = await desk.complete(desk.order(member_id, line(10_000), line(-2_000), line(0), line(500, "0")))
    assert (order.paid_fen, order.points, [each.points for each in order.lines]) == (8500, 85, [81, 0, 0, 4])

    taken = []
    for wanted in ([part(2)], [part(3)], [part(4, amount_fen=200)], [part(1, amount_fen=3_333)], []):
        back = await desk.refund(order.order_id, *wanted)
        taken.append((back.amount_fen, back.points_taken))
    assert taken == [(-2000, 0), (0, 0), (200, 1), (3333, 26), (6967, 58)]
    assert (back.status, back.points_balance) == ("refunded", 0)
    assert await desk.wrong() == []


async def test_example_9_void(desk: Desk) -> None:
    await desk.rule()
    member_id = await desk.join()
    order = await desk.complete(desk.order(member_id, line(2999, "3"), line(1001)))
    assert [each.points for each in order.lines] == [30, 10]
    await desk.refund(order.order_id, part(1, "1"))

    gone = await desk.void(order.order_id)
    assert (gone.status, gone.amount_fen, gone.points_taken, gone.points_balance) == ("voided", 3001, 31, 0)
    with pytest.raises(OrderNotRefundable):
        await desk.void(order.order_id)
    events = await desk.rows(
        "select kind, (payload->>'net_fen')::int, (payload->>'orders')::int from outbox "
        "where cell_id = %s and kind like 'order.%%' order by seq"
    )
    assert events == [("order.completed", 4000, 1), ("order.refunded", -999, 0), ("order.voided", -3001, -1)]
    assert await desk.wrong() == []


async def test_example_10_a_refund_takes_back_what_was_really_earned(desk: Desk) -> None:
    """The rule gives five times as much by now; the order still goes by its own version."""
    rule_id = await desk.rule()
    member_id = await desk.join()
    order = await desk.complete(desk.order(member_id, line(10_000, "2")))
    desk.clock.forward(hours=1)
    await desk.change_rule(rule_id, rate=5)
    assert (await desk.buy(member_id, 1_000)).points == 50

    back = await desk.refund(order.order_id, part(1, "1"))
    assert (back.points_taken, back.points_balance) == (50, 100)
    versions = await desk.rows("select parts from order_earning where cell_id = %s order by order_id")
    assert versions == [([[rule_id, 1, 100]],), ([[rule_id, 2, 50]],)]


async def test_example_11_money_goes_back_the_ways_it_came(desk: Desk) -> None:
    tenders = (TenderInput("wechat", 6_000), TenderInput("cash", 4_000))
    order = await desk.complete(desk.order(None, line(10_000), tenders=tenders))
    half = await desk.refund(order.order_id, part(1, amount_fen=5_000))
    odd = await desk.refund(order.order_id, part(1, amount_fen=3_333))
    assert [(t.kind, t.amount_fen) for t in half.tenders] == [("wechat", 3000), ("cash", 2000)]
    assert [(t.kind, t.amount_fen) for t in odd.tenders] == [("wechat", 2000), ("cash", 1333)]


async def test_no_tender_gets_back_more_than_it_paid(desk: Desk) -> None:
    tenders = (TenderInput("wechat", 5_000), TenderInput("cash", 5_000))
    order = await desk.complete(desk.order(None, line(10_000), tenders=tenders))

    given = [await desk.refund(order.order_id, part(1, amount_fen=amount)) for amount in (3333, 3333, 3334)]
    shares = [[(t.kind, t.amount_fen) for t in refund.tenders] for refund in given]

    assert shares[0] == [("wechat", 1667), ("cash", 1666)]
    assert shares[1] == [("wechat", 1666), ("cash", 1667)]
    assert shares[2] == [("wechat", 1667), ("cash", 1667)]
    left = await desk.rows("select kind, amount_fen - refunded_fen from order_tender where cell_id = %s order by kind")
    assert left == [("cash", 0), ("wechat", 0)]


REFUSED: list[tuple[list[WantedLine], type[BusinessError], dict[str, object]]] = [
    ([part(1, "4")], RefundTooLarge, {"line_no": 1, "left": "3"}),
    ([part(1, "0")], RefundTooLarge, {"line_no": 1, "left": "3"}),
    ([part(1, "-1")], RefundTooLarge, {"line_no": 1, "left": "3"}),
    ([part(1, amount_fen=3000)], RefundTooLarge, {"line_no": 1, "left": 2999, "currency": "CNY"}),
    ([part(1, amount_fen=-1)], RefundTooLarge, {"line_no": 1, "left": 2999, "currency": "CNY"}),
    ([part(3)], InvalidInput, {"field": "lines.line_no"}),
    ([part(2), part(2)], InvalidInput, {"field": "lines.line_no"}),
]


async def test_refused_refunds_leave_no_trace(desk: Desk) -> None:
    await desk.rule()
    member_id = await desk.join()
    order = await desk.complete(desk.order(member_id, line(2999, "3"), line(1000)))
    before = await desk.counts()
    for wanted, refusal, fields in REFUSED:
        with pytest.raises(refusal) as refused:
            await desk.refund(order.order_id, *wanted)
        assert fields.items() <= refused.value.fields.items()
    with pytest.raises(NotFound):
        await desk.refund("1024000")
    assert await desk.counts() == before
    await desk.refund(order.order_id, part(1))
    with pytest.raises(RefundTooLarge):
        await desk.refund(order.order_id, part(1, "1"))


async def test_a_piece_after_a_generous_amount_gives_nothing_more_back(desk: Desk) -> None:
    """60 of 100 went back as an amount: one of two pieces is paid for by that already."""
    await desk.rule()
    member_id = await desk.join()
    order = await desk.complete(desk.order(member_id, line(10_000, "2")))
    await desk.refund(order.order_id, part(1, amount_fen=6_000))

    piece = await desk.refund(order.order_id, part(1, "1"))
    assert (piece.amount_fen, piece.points_taken) == (0, 0)
    rest = await desk.refund(order.order_id)
    assert (rest.amount_fen, rest.points_taken, rest.status) == (4000, 40, "refunded")


async def test_a_piece_of_a_deposit_that_is_given_back_already(desk: Desk) -> None:
    """The same of a negative line, all of whose money went with the first piece."""
    order = await desk.complete(desk.order(None, line(10_000), line(-900, "3")))
    await desk.refund(order.order_id, part(2, "1", -900))
    assert (await desk.refund(order.order_id, part(2, "1"))).amount_fen == 0
    assert (await desk.refund(order.order_id)).amount_fen == 10_000


async def test_the_answer_tells_the_points_balance_also_when_only_growth_was_earned(desk: Desk) -> None:
    await desk.rule("成长值", unit=Unit.GROWTH)
    member_id = await desk.join()
    await desk.adjust(member_id, 77)
    order = await desk.buy(member_id, 1_000)
    assert (await desk.refund(order.order_id)).points_balance == 77


async def test_another_merchant_can_not_refund_it(desk: Desk, db: Database, vault: object) -> None:
    order = await desk.buy(None, 1_000)
    other = await make_shop(db, vault)  # type: ignore[arg-type]
    stranger = Desk(db, desk.teller, other, desk.keys, desk.clock)
    with pytest.raises(NotFound):
        await stranger.refund(order.order_id)
    assert await desk.rows("select refunded_fen, status from orders where cell_id = %s") == [(0, 1)]


async def test_a_debt_is_repaid_by_whatever_comes_next(desk: Desk) -> None:
    """Also by an adjustment; growth has a debt of its own."""
    await desk.rule()
    await desk.rule("成长值", unit=Unit.GROWTH)
    member_id = await desk.join()
    order = await desk.buy(member_id, 5_000)
    await desk.adjust(member_id, -50)
    await desk.adjust(member_id, -20, unit=Unit.GROWTH)
    back = await desk.refund(order.order_id)
    assert (back.points_debt, back.growth_debt) == (50, 20)

    given = await desk.adjust(member_id, 30)
    assert (given.repaid, given.balance, given.debt) == (30, 0, 20)
    given = await desk.adjust(member_id, 30, expires_at=desk.clock() + timedelta(days=1))
    assert (given.repaid, given.balance, given.debt) == (20, 10, 0)
    assert await desk.held(member_id, Unit.GROWTH) == (0, 20)
    assert await desk.wrong() == []


@pytest.mark.parametrize(
    "told",
    [
        [("cash", 5_000), ("card", -4_500)],
        [("cash", 0), ("wechat", 500)],
        [("cash", 500)],
    ],
)
async def test_a_refund_tells_no_fairy_tales_of_tenders(desk: Desk, told: list[tuple[str, int]]) -> None:
    tenders = (TenderInput("cash", 400), TenderInput("wechat", 600))
    order = await desk.complete(desk.order(None, line(1_000), tenders=tenders))
    with pytest.raises(InvalidInput):
        given = [TenderIn(kind, amount) for kind, amount in told]
        await desk.refund(order.order_id, part(1, amount_fen=500), tenders=given)
    assert await desk.rows("select refunded_fen from orders where cell_id = %s") == [(0,)]


async def test_a_refund_of_nothing_is_refused(desk: Desk) -> None:
    order = await desk.complete(desk.order(None, line(1_000)))
    with pytest.raises(InvalidInput):
        await desk.refund(order.order_id, part(1, amount_fen=0))
    assert await desk.rows("select status from orders where cell_id = %s") == [(1,)]


async def test_points_that_are_over_repay_nothing(desk: Desk) -> None:
    await desk.rule(expiry=Expiry(kind="after", count=1, span="month"))
    member_id = await desk.join()
    order = await desk.complete(desk.order(member_id, line(10_000)))
    await desk.adjust(member_id, -100)
    assert (await desk.refund(order.order_id)).points_debt == 100

    old = await desk.complete(desk.order(member_id, line(10_000), at=datetime(2021, 1, 1, tzinfo=UTC)))

    assert old.debt_repaid == 0
    assert await desk.wrong() == []
