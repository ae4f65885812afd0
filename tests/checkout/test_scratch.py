from tests.desk import Desk, line, part
async def test_x(desk: Desk) -> None:
    m = await desk.join()
    await desk.rule()
    o = await desk.complete(desk.order(m, line(10000), line(-2000), line(0), line(500, "0")))
    print(o.points, [l.points for l in o.lines])
    for w in ([part(2)], [part(3)], [part(4, None, 200)], [part(1, None, 3333)], []):
        r = await desk.refund(o.order_id, *w)
        print(r.status, r.amount_fen, r.points_taken, r.lines, r.tenders, r.points_balance)
    print(await desk.wrong(), await desk.history(m), await desk.lots(m), await desk.counts())
