"""What the pages show, from values to HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from huimeng.analytics.values import BucketOut, Overview, Trend
from huimeng.checkout.values import OrderSummary
from huimeng.entry.demo import MERCHANT_CODE as DEMO
from huimeng.entry.page.chart import bars
from huimeng.entry.page.html import Html, document, html, table, tag
from huimeng.entry.page.style import STYLE
from huimeng.entry.page.words import IDENTITIES, KINDS, REFERENCES, STATUSES, Words
from huimeng.ledger.rules import Lot, Unit
from huimeng.member.values import MemberView
from huimeng.merchant.values import Merchant
from huimeng.points.service import BalanceView, HistoryItem

SEARCH_MAX = 64


class Visitor(msgspec.Struct, frozen=True):
    """Who is logged in; csrf goes with every form."""

    name: str
    csrf: str


class Frame(msgspec.Struct, frozen=True):
    """What every page has; merchant and visitor are None before log-in."""

    words: Words
    merchant: Merchant | None = None
    visitor: Visitor | None = None

    def link(self, path: str, lang: str | None = None) -> str:
        return path + ("?lang=en" if (lang or self.words.lang) == "en" else "")

    def page(self, title: str, *body: object, path: str = "/", refresh: bool = False) -> str:
        words = self.words
        other = "zh" if words.lang == "en" else "en"
        brand = html("会盟 ", tag("span", "Huimeng"))
        nav = tag(
            "nav",
            tag("a", words("api"), href="/docs" + ("?lang=en" if words.lang == "en" else "")),
            tag("a", words("other_language"), href=self.link(path, other), hreflang="en" if other == "en" else "zh-CN"),
            self._visitor_links(),
        )
        return document(
            f"{title} · {words('brand')}",
            STYLE,
            words.lang,
            tag("header", tag("a", brand, href=self.link("/"), class_="brand"), nav),
            tag("main", *body),
            tag("footer", tag("p", words("masked_note")) if self.visitor else None),
            refresh_seconds=5 if refresh else None,
        )

    def token(self) -> Html | None:
        """For every form that is sent by POST."""
        return None if self.visitor is None else tag("input", type="hidden", name="csrf", value=self.visitor.csrf)

    def _visitor_links(self) -> Html | None:
        if self.visitor is None:
            return None
        out = tag(
            "form",
            self.token(),
            tag("button", self.words("log_out"), type="submit", class_="quiet"),
            method="post",
            action=self.link("/logout"),
        )
        return html(tag("a", self.visitor.name, href=self.link("/password"), title=self.words("change_password")), out)


def find_form(frame: Frame, asked: str = "") -> Html:
    """By POST: what is typed is personal data and must not stand in addresses and logs."""
    words = frame.words
    demo = frame.merchant is not None and frame.merchant.code == DEMO
    return tag(
        "form",
        frame.token(),
        tag("label", words("find"), for_="q"),
        tag(
            "input",
            type="search",
            id="q",
            name="q",
            value=asked,
            maxlength=str(SEARCH_MAX),
            required=True,
            autocomplete="off",
            placeholder=words("find_hint"),
        ),
        tag("button", words("find_button"), type="submit"),
        tag("span", words("find_try"), class_="soft small") if demo else None,
        class_="card find",
        method="post",
        action=frame.link("/find"),
        role="search",
    )


def _demo_note(frame: Frame) -> Html | None:
    if frame.merchant is None or frame.merchant.code != DEMO:
        return None
    return tag("p", frame.words("demo_note"), class_="notice")


def _year_links(frame: Frame, shown: int, years: Sequence[int]) -> Html | None:
    if len(years) < 2:
        return None
    home = frame.link("/")
    joint = "&" if "?" in home else "?"
    links = [
        tag("a", str(year), href=f"{home}{joint}year={year}") if year != shown else tag("strong", str(year))
        for year in reversed(years)
    ]
    return tag("p", [html(link, " ") for link in links], class_="soft")


def year_page(frame: Frame, year: int, years: Sequence[int], overview: Overview, trend: Trend) -> str:
    words, figures = frame.words, overview.figures
    assert frame.merchant is not None
    cells = (
        ("net", words.money(figures.net_fen)),
        ("orders", words.number(figures.orders)),
        ("aov", words.money(figures.aov_fen)),
        ("active", words.number(figures.active_members)),
        ("new", words.number(figures.new_members)),
        ("returning", words.number(figures.returning_members)),
    )
    lagging = overview.lag_events > 0
    return frame.page(
        frame.merchant.name,
        tag("h1", frame.merchant.name),
        _demo_note(frame),
        tag("p", words("lagging", count=words.number(overview.lag_events)), class_="notice", role="status")
        if lagging
        else None,
        tag("h2", words("year", year=year)),
        _year_links(frame, year, years),
        tag(
            "dl",
            [tag("div", tag("dt", words(name)), tag("dd", value), class_="figure") for name, value in cells],
            class_="figures",
        ),
        tag("div", _net_chart(words, trend.buckets), _member_chart(words, trend.buckets), class_="two"),
        find_form(frame),
        tag("details", tag("summary", words("in_table")), _month_table(words, trend.buckets), class_="card"),
        tag("p", words("as_of", time=words.time(overview.as_of)), class_="soft small") if overview.as_of else None,
        refresh=lagging,
    )


def _net_chart(words: Words, buckets: Sequence[BucketOut]) -> Html:
    return bars(
        html(tag("b", words("net")), " ", tag("span", words("by_month"), class_="soft small")),
        [(bucket.figures.net_fen,) for bucket in buckets],
        [(words.month(bucket.first), words.short_money(bucket.figures.net_fen)) for bucket in buckets],
        [f"{bucket.label}: {words.money(bucket.figures.net_fen)}" for bucket in buckets],
    )


def _member_chart(words: Words, buckets: Sequence[BucketOut]) -> Html:
    def key(style: str, name: str) -> Html:
        square = tag("svg", tag("rect", width="12", height="12", rx="3", class_=style), viewBox="0 0 12 12")
        return tag("span", square, words(name), class_="key")

    return bars(
        html(
            tag("b", words("members_by_month")),
            tag("span", key("bar", "returning"), key("bar2", "new")),
        ),
        [(bucket.figures.returning_members, bucket.figures.new_members) for bucket in buckets],
        [(words.month(bucket.first), words.number(bucket.figures.active_members)) for bucket in buckets],
        [
            f"{bucket.label}: {words('returning')} {words.number(bucket.figures.returning_members)}, "
            f"{words('new')} {words.number(bucket.figures.new_members)}"
            for bucket in buckets
        ],
    )


def _month_table(words: Words, buckets: Sequence[BucketOut]) -> Html:
    names = ("month", "orders", "net", "aov", "active", "new", "returning")
    rows = [
        (
            bucket.label,
            words.number(bucket.figures.orders),
            words.money(bucket.figures.net_fen),
            words.money(bucket.figures.aov_fen),
            words.number(bucket.figures.active_members),
            words.number(bucket.figures.new_members),
            words.number(bucket.figures.returning_members),
        )
        for bucket in buckets
    ]
    return table([words(name) for name in names], rows, frozenset(range(1, 7)))


def empty_page(frame: Frame, lag_events: int = 0) -> str:
    """A merchant without orders: what to do next."""
    words = frame.words
    assert frame.merchant is not None
    title, code = frame.merchant.name, frame.merchant.code
    steps = [
        ("step_store", f'huimeng store create --merchant {code} --code s1 --name "一号店"'),
        ("step_members", f"huimeng import members members.csv --merchant {code}"),
        ("step_orders", f"huimeng import orders orders.csv --merchant {code}"),
        ("step_key", f"huimeng api-key create --merchant {code}"),
    ]
    listed = [tag("li", words(name), tag("pre", tag("code", command))) for name, command in steps]
    return frame.page(
        title,
        tag("h1", title),
        tag("p", words("lagging", count=words.number(lag_events)), class_="notice", role="status")
        if lag_events
        else None,
        tag(
            "section",
            tag("h2", words("empty")),
            tag("p", words("empty_hint")),
            tag("ol", listed, class_="steps"),
            class_="card",
        ),
        find_form(frame),
        refresh=lag_events > 0,
    )


def desk_page(frame: Frame) -> str:
    """For who may find members and not see the figures."""
    assert frame.merchant is not None
    name = frame.merchant.name
    return frame.page(
        name, tag("h1", name), _demo_note(frame), tag("p", frame.words("no_figures"), class_="soft"), find_form(frame)
    )


def found_page(frame: Frame, asked: str, found: Sequence[MemberView], more: bool) -> str:
    words = frame.words
    if found:
        title = words("found_more" if more else "found", count=len(found))
        rows = [
            (
                tag("a", member.name or member.member_id, href=frame.link(f"/member/{member.member_id}")),
                identity_pills(words, member),
                words.time(member.registered_at),
            )
            for member in found
        ]
        shown = table([words("name"), words("identities"), words("registered")], rows)
    else:
        title = words("none_found")
        shown = tag("p", words("none_found_hint"), class_="soft")
    return frame.page(
        title, tag("h1", words("find")), find_form(frame, asked), tag("section", tag("h2", title), shown, class_="card")
    )


def identity_pills(words: Words, member: MemberView) -> list[Html]:
    return [
        tag("span", words.of(IDENTITIES, identity.kind), " ", identity.value, class_="pill")
        for identity in member.identities
    ]


class Holdings(msgspec.Struct, frozen=True):
    """What a member has and did; newest first."""

    balances: Mapping[int, BalanceView]
    lots: Sequence[Lot]
    points: Sequence[HistoryItem]
    growth: Sequence[HistoryItem]
    orders: Sequence[OrderSummary]
    store_names: Mapping[str, str]


def member_page(frame: Frame, member: MemberView, held: Holdings, now: datetime) -> str:
    words = frame.words
    title = member.name or f"{words('member')} {member.member_id}"
    order_numbers = {order.order_id: order.order_no for order in held.orders}
    numbers = [each.value for each in member.identities if each.kind == "external_id"][:1] if member.name else []
    newest = len(held.points)
    return frame.page(
        title,
        tag("p", tag("a", "← ", words("back"), href=frame.link("/")), class_="small"),
        tag("h1", title, [tag("span", " ", number, class_="soft") for number in numbers]),
        _demo_note(frame),
        tag(
            "div",
            tag("section", _facts(frame, member, held.store_names), class_="card"),
            tag("dl", _balances(words, held.balances), class_="figures pair"),
            class_="two",
        ),
        tag("section", tag("h2", words("lots")), _lots(words, held.lots, now), class_="card"),
        tag(
            "section",
            tag("h2", words("history"), " ", tag("span", words("newest", count=newest), class_="soft small")),
            _history(words, held.points, order_numbers),
            tag("details", tag("summary", words("growth_history")), _history(words, held.growth, order_numbers)),
            class_="card",
        ),
        tag("section", tag("h2", words("recent_orders")), _orders(words, held), class_="card"),
        path=f"/member/{member.member_id}",
    )


def _facts(frame: Frame, member: MemberView, store_names: Mapping[str, str]) -> Html:
    words, source = frame.words, member.source
    came = [
        store_names.get(str(source.store_id)) if source.store_id is not None else None,
        source.channel,
        source.staff,
        source.campaign,
    ]
    facts: list[tuple[str, object]] = [
        ("identities", identity_pills(words, member)),
        ("birthday", member.birthday),
        ("registered", words.time(member.registered_at)),
        ("source", " · ".join(text for text in came if text)),
        ("tags", [tag("span", text, class_="pill") for text in member.tags]),
        ("member_id", member.member_id),
    ]
    rows = [[tag("dt", words(name)), tag("dd", value)] for name, value in facts if value]
    return tag("dl", rows, class_="facts")


def _balances(words: Words, balances: Mapping[int, BalanceView]) -> list[Html]:
    shown = []
    for unit, name in ((Unit.POINTS, "points"), (Unit.GROWTH, "growth")):
        view = balances.get(unit) or BalanceView()
        notes: list[object] = []
        if view.debt:
            notes.append(tag("div", words("debt", amount=words.number(view.debt)), class_="small minus"))
        if view.expiring_30_days:
            notes.append(tag("div", words("expiring", amount=words.number(view.expiring_30_days)), class_="small"))
        amount = tag("dd", words.number(view.available), notes)
        shown.append(tag("div", tag("dt", words(name)), amount, class_="figure"))
    return shown


def _lots(words: Words, lots: Sequence[Lot], now: datetime) -> Html:
    shown = [lot for lot in lots if lot.remaining and lot.valid(now)]
    if not shown:
        return tag("p", words("nothing_yet"), class_="soft")
    rows = [
        (
            # The lot ends at the first moment after its last day.
            words("never") if lot.expires_at is None else words.last_day(lot.expires_at),
            words.number(lot.earned),
            words.number(lot.remaining),
        )
        for lot in shown
    ]
    return table([words("expires"), words("earned"), words("remaining")], rows, frozenset({1, 2}))


def _history(words: Words, items: Sequence[HistoryItem], order_numbers: Mapping[str, str]) -> Html:
    if not items:
        return tag("p", words("nothing_yet"), class_="soft")
    rows = []
    for item in items:
        row = item.row
        reference = str(row.ref_id)
        if item.reference == "order":
            reference = order_numbers.get(reference, reference)
        sign = "+" if row.amount > 0 else ""
        rows.append(
            (
                words.time(row.occurred_at),
                tag("span", sign, words.number(row.amount), class_="plus" if row.amount > 0 else "minus"),
                words.number(row.balance_after),
                html(words.of(KINDS, item.kind), html(": ", item.reason) if item.reason else None),
                html(tag("span", words.of(REFERENCES, item.reference), " ", class_="soft"), reference),
            )
        )
    names = ("time", "change", "after", "what", "reference")
    return table([words(name) for name in names], rows, frozenset({1, 2}))


def _orders(words: Words, held: Holdings) -> Html:
    if not held.orders:
        return tag("p", words("nothing_yet"), class_="soft")
    rows = [
        (
            words.time(order.ordered_at),
            order.order_no,
            held.store_names.get(str(order.store_id), str(order.store_id)),
            words.money(order.paid_fen),
            words.money(order.refunded_fen) if order.refunded_fen else "",
            words.of(STATUSES, order.status),
        )
        for order in held.orders
    ]
    names = ("time", "order_no", "store", "paid", "refunded", "status")
    return table([words(name) for name in names], rows, frozenset({3, 4}))


def refused_page(frame: Frame, text: str) -> str:
    return frame.page(
        frame.words("refused"), tag("section", tag("h2", frame.words("refused")), tag("p", text), class_="card")
    )
