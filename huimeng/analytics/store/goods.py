"""Figures of categories and products: a step of the projection, and making them anew."""

from __future__ import annotations

from huimeng.order.store import LINE_KEPT, PRODUCT

TABLES = ("category_day", "sold_day", "sold_month")


# What an event of a step changes: a new order by its lines, a refund by what it says. what 1: a category, 2: a product.
_CHANGES = f"""
    events as materialized (
        select seq, ref_id, kind, (payload ->> 'business_day')::date as day,
               date_trunc('month', (payload ->> 'business_day')::timestamp)::date as month,
               (payload ->> 'store_id')::bigint as store_id,
               coalesce((payload ->> 'member_id')::bigint, 0) as member_id,
               (payload ->> 'orders')::int as orders, payload -> 'goods' as goods
        from outbox
        where cell_id = %(cell)s and seq > %(after)s and seq <= %(upto)s
          and kind in ('order.completed', 'order.refunded', 'order.voided')),
    bought as materialized (
        select e.seq, e.day, e.month, e.store_id, e.member_id, l.category, {PRODUCT} as product, e.orders,
               sum(l.paid_fen)::bigint as net_fen
        from events e join order_line l on l.cell_id = %(cell)s and l.order_id = e.ref_id
        where e.kind = 'order.completed' group by 1, 2, 3, 4, 5, 6, 7, 8),
    given_back as materialized (
        select e.day, e.month, e.store_id, e.member_id, g.category, g.product, g.orders, g.net_fen
        from events e cross join lateral jsonb_to_recordset(e.goods)
             as g(category text, product text, orders int, net_fen bigint)
        where e.kind <> 'order.completed' and e.goods is not null),
    changes as materialized (
        select 1 as what, day, month, store_id, member_id, category, '' as product, orders,
               sum(net_fen)::bigint as net_fen
        from bought group by seq, 2, 3, 4, 5, 6, 8
        union all
        select 2, day, month, store_id, member_id, category, product, orders, net_fen from bought
        union all
        select case when product is null then 1 else 2 end, day, month, store_id, member_id, category,
               coalesce(product, ''), orders, net_fen from given_back)"""

_CATEGORY_DAY = ("category_day", "category, business_day, store_id, member_id")
_SOLD_DAY = ("sold_day", "what, business_day, category, product")
_SOLD_MONTH = ("sold_month", "what, store_id, month, category, product")


def _upsert(table: str, key: str, select: str) -> str:
    """Sorted, so that neighbours are written together."""
    return f"""
        insert into {table} (cell_id, {key}, orders, net_fen)
        select %(cell)s, bill.* from ({select}) bill where orders <> 0 or net_fen <> 0 order by {key}
        on conflict (cell_id, {key}) do update
        set orders = {table}.orders + excluded.orders, net_fen = {table}.net_fen + excluded.net_fen"""


_SUMS = "sum(orders)::int as orders, sum(net_fen)::bigint as net_fen"
_BY_MEMBER = (
    f"select category, day as business_day, store_id, member_id, {_SUMS} from changes where what = 1 "
    "group by 1, 2, 3, 4"
)
_BY_DAY = f"select what, day as business_day, category, product, {_SUMS} from changes group by 1, 2, 3, 4"
_BY_MONTH = (
    f"select what, store_id, month, category, product, {_SUMS} from changes group by 1, 2, 3, 4, 5 "
    f"union all select what, 0, month, category, product, {_SUMS} from changes group by 1, 3, 4, 5"
)

ADD = f"""
    with {_CHANGES},
    by_member as ({_upsert(*_CATEGORY_DAY, _BY_MEMBER)}),
    by_day as ({_upsert(*_SOLD_DAY, _BY_DAY)})
    {_upsert(*_SOLD_MONTH, _BY_MONTH)}"""


# Of the goods that refunds of a step name, rows of which nothing is left.
CLEAR = (
    f"""
    with {_CHANGES}
    delete from category_day d using given_back g
    where d.cell_id = %(cell)s and d.category = g.category and d.business_day = g.day and d.store_id = g.store_id
      and d.member_id = g.member_id and g.product is null and d.orders = 0 and d.net_fen = 0""",
    f"""
    with {_CHANGES}
    delete from sold_day d using given_back g
    where d.cell_id = %(cell)s and d.what = case when g.product is null then 1 else 2 end
      and d.business_day = g.day and d.category = g.category and d.product = coalesce(g.product, '')
      and d.orders = 0 and d.net_fen = 0""",
    f"""
    with {_CHANGES}
    delete from sold_month d using given_back g
    where d.cell_id = %(cell)s and d.what = case when g.product is null then 1 else 2 end
      and d.store_id in (0, g.store_id) and d.month = g.month and d.category = g.category
      and d.product = coalesce(g.product, '') and d.orders = 0 and d.net_fen = 0""",
)

# What is left of the orders: an order counts while it is kept and some line of the goods is not wholly given back.
KEPT = f"o.status in (1, 2) and {LINE_KEPT}"
_LINES = f"""
    select o.order_id, o.business_day, o.store_id, coalesce(o.member_id, 0) as member_id,
           l.category, {PRODUCT} as product, bool_or({KEPT})::int as orders,
           sum(l.paid_fen - l.refunded_fen)::bigint as net_fen
    from orders o join order_line l on l.cell_id = o.cell_id and l.order_id = o.order_id
    where o.cell_id = %(cell)s group by 1, 2, 3, 4, 5, 6"""
_BY_CATEGORY = """
    select order_id, business_day, store_id, member_id, category, '' as product, max(orders) as orders,
           sum(net_fen)::bigint as net_fen from lines group by 1, 2, 3, 4, 5"""


def _insert(table: str, key: str, select: str) -> str:
    return f"""
    insert into {table} (cell_id, {key}, orders, net_fen)
    select %(cell)s, bill.* from ({select}) bill where orders <> 0 or net_fen <> 0 order by {key}"""


_MEMBERS_LEFT = f"select category, business_day, store_id, member_id, {_SUMS} from categories group by 1, 2, 3, 4"
_DAYS_LEFT = f"select what, business_day, category, product, {_SUMS} from left_over group by 1, 2, 3, 4"
_MONTHS_LEFT = (
    "select what, store_id, date_trunc('month', business_day::timestamp)::date as month, category, product, "
    f"{_SUMS} from left_over group by 1, 2, 3, 4, 5"
)
_ALL_STORES = (
    f"select what, 0 as store_id, month, category, product, {_SUMS} from sold_month "
    "where cell_id = %(cell)s and store_id <> 0 group by 1, 3, 4, 5"
)
FROM_ORDERS = (
    f"""
    with lines as materialized ({_LINES}), categories as materialized ({_BY_CATEGORY}),
    left_over as (select 1 as what, categories.* from categories union all select 2, lines.* from lines),
    by_member as ({_insert(*_CATEGORY_DAY, _MEMBERS_LEFT)}),
    by_day as ({_insert(*_SOLD_DAY, _DAYS_LEFT)})
    {_insert(*_SOLD_MONTH, _MONTHS_LEFT)}""",
    _insert(*_SOLD_MONTH, _ALL_STORES),
)
