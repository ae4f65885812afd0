"""Routes of earning rules, and of a member's points and growth value."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, HeaderParameter, PathParameter, QueryParameter

from huimeng.infra.etags import check_expected
from huimeng.infra.http import (
    Req,
    caller,
    cursor_id,
    database,
    expected,
    parse_id,
    run_command,
    run_write,
    strict,
    tagged,
    with_tag,
    write_key,
)
from huimeng.kernel.ids import cell_of_entity
from huimeng.kernel.times import utc_now
from huimeng.ledger.rules import Unit
from huimeng.merchant.service import load_stores
from huimeng.points import schemas, service
from huimeng.points.commands import Adjusted, AdjustPoints
from huimeng.points.store import DraftState

Key = Annotated[
    str,
    HeaderParameter(name="Idempotency-Key", required=True, description="同一键只记一次 / written once"),
]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="每页条数 / items in a page")]
Cursor = Annotated[str | None, QueryParameter(description="上一页的 next_cursor / of the page before")]
RuleId = Annotated[str, PathParameter(max_length=19, description="规则编号 / id of the rule")]
DraftId = Annotated[str, PathParameter(max_length=19, description="草稿编号 / id of the draft")]
InState = Annotated[DraftState, QueryParameter(name="state", description="草稿状态 / state of the drafts")]
MemberId = Annotated[str, PathParameter(max_length=19, description="会员编号 / id of the member")]
Counted = Annotated[schemas.UnitName, QueryParameter(description="points 积分, growth 成长值")]
Closed = Annotated[bool, QueryParameter(description="含已到期核销的批次 / also lots that were written off")]

_RULE = ResponseSpec(
    schemas.RuleOut,
    description="规则 / the rule",
    generate_examples=False,
    examples=[schemas.RULE_OUT_EXAMPLE],
)
_DRAFT = ResponseSpec(
    schemas.DraftOut,
    description="草稿 / the draft",
    generate_examples=False,
    examples=[schemas.DRAFT_OUT_EXAMPLE],
)
_ADJUSTED = ResponseSpec(
    Adjusted,
    description="已入账 / booked",
    generate_examples=False,
    examples=[schemas.ADJUSTED_EXAMPLE],
)


@get(
    "/v1/earning-rules",
    tags=["earning rules"],
    summary="积分规则列表 / earning rules",
    description="按创建顺序。In the order in which they were made. Scope: rules:read.",
)
async def list_rules(request: Req, limit: Limit = 50, cursor: Cursor = None) -> Response[schemas.RulePage]:
    principal = caller(request, "rules:read")
    async with database(request).reader(principal.merchant_id) as conn:
        found = await service.list_rules(
            conn, principal.merchant_id, now=utc_now(), after=cursor_id(cursor) or 0, limit=limit + 1
        )
        stores = await load_stores(conn, principal.merchant_id)
    items = [schemas.rule_out(told, stores) for told in found[:limit]]
    return tagged(request, schemas.RulePage(items, items[-1].rule_id if len(found) > limit else None))


@post(
    "/v1/earning-rules",
    status_code=201,
    tags=["earning rules"],
    summary="新建积分规则 / a new earning rule",
    description="docs/rules/earning.md 有算例。Scope: rules:write. Errors: invalid_input, too_many_rules.",
    responses={201: _RULE},
)
async def create_rule(
    request: Req, data: Annotated[schemas.RuleIn, Body(examples=schemas.RULE_EXAMPLES)], key: Key = ""
) -> Response[bytes]:
    principal = caller(request, "rules:write")
    body = await strict(request, schemas.RuleIn)

    async def produce(conn: Any) -> schemas.RuleOut:
        stores = await load_stores(conn, principal.merchant_id)
        wanted = schemas.rule_input(body, stores)
        told = await service.create_rule(conn, principal.merchant_id, wanted, actor=principal.actor, now=utc_now())
        return schemas.rule_out(told, stores)

    return await run_write(request, principal, produce, 201)


@get(
    "/v1/earning-rules/drafts",
    tags=["earning rules"],
    summary="规则草稿列表 / drafts of earning rules",
    description="按创建顺序。In the order in which they were begun. Scope: rules:read.",
)
async def list_drafts(
    request: Req, in_state: InState = "draft", limit: Limit = 50, cursor: Cursor = None
) -> schemas.DraftPage:
    principal = caller(request, "rules:read")
    async with database(request).reader(principal.merchant_id) as conn:
        found = await service.list_drafts(
            conn, principal.merchant_id, in_state, after=cursor_id(cursor) or 0, limit=limit + 1
        )
        stores = await load_stores(conn, principal.merchant_id)
    items = [schemas.draft_out(draft, stores) for draft in found[:limit]]
    return schemas.DraftPage(items, items[-1].draft_id if len(found) > limit else None)


@post(
    "/v1/earning-rules/drafts",
    status_code=201,
    tags=["earning rules"],
    summary="新建规则草稿 / begin a draft",
    description="草稿不计分；可先用 POST /v1/earning-rules/try 试算，再发布。"
    "Nobody earns by a draft: try it on a bill, "
    "then publish it. rule_id: the rule that it would change. Scope: rules:write. "
    "Errors: invalid_input, earning_rule_not_found, earning_rule_changed, too_many_rule_drafts.",
    responses={201: _DRAFT},
)
async def create_draft(
    request: Req, data: Annotated[schemas.NewDraftIn, Body(examples=schemas.RULE_EXAMPLES)], key: Key = ""
) -> Response[bytes]:
    principal = caller(request, "rules:write")
    body = await strict(request, schemas.NewDraftIn)
    rule_id = None if body.rule_id is None else parse_id(body.rule_id, "rule_id")

    async def produce(conn: Any) -> schemas.DraftOut:
        stores = await load_stores(conn, principal.merchant_id)
        wanted = schemas.rule_input(body, stores)
        draft = await service.save_draft(
            conn,
            principal.merchant_id,
            wanted,
            rule_id=rule_id,
            expected_version=body.expected_version,
            actor=principal.actor,
            now=utc_now(),
        )
        return schemas.draft_out(draft, stores)

    return await run_write(request, principal, produce, 201)


@get(
    "/v1/earning-rules/drafts/{draft_id:str}",
    tags=["earning rules"],
    summary="规则草稿 / a draft",
    description="Scope: rules:read. Errors: rule_draft_not_found.",
)
async def get_draft(request: Req, draft_id: DraftId) -> Response[schemas.DraftOut]:
    principal = caller(request, "rules:read")
    number = parse_id(draft_id, "draft_id")
    async with database(request).reader(principal.merchant_id) as conn:
        return tagged(request, await _draft_out(conn, principal.merchant_id, number))


@put(
    "/v1/earning-rules/drafts/{draft_id:str}",
    tags=["earning rules"],
    summary="修改规则草稿 / change a draft",
    description="整份替换。The whole of it. Takes If-Match. Scope: rules:write. "
    "Errors: rule_draft_not_found, rule_draft_is_over, earning_rule_changed, invalid_input, precondition_failed.",
    responses={200: _DRAFT},
)
async def change_draft(
    request: Req,
    draft_id: DraftId,
    data: Annotated[schemas.DraftIn, Body(examples=schemas.RULE_EXAMPLES[:1])],
    key: Key = "",
) -> Response[bytes]:
    principal = caller(request, "rules:write")
    number = parse_id(draft_id, "draft_id")
    body, tags = await strict(request, schemas.DraftIn), expected(request)

    async def produce(conn: Any) -> schemas.DraftOut:
        check_expected(tags, await _draft_out(conn, principal.merchant_id, number))
        stores = await load_stores(conn, principal.merchant_id)
        wanted = schemas.rule_input(body, stores)
        draft = await service.save_draft(
            conn,
            principal.merchant_id,
            wanted,
            draft_id=number,
            expected_version=body.expected_version,
            actor=principal.actor,
            now=utc_now(),
        )
        return schemas.draft_out(draft, stores)

    return with_tag(await run_write(request, principal, produce))


@post(
    "/v1/earning-rules/drafts/{draft_id:str}/publish",
    status_code=200,
    tags=["earning rules"],
    summary="发布规则草稿 / publish a draft",
    description="从 at 起（不填为即刻）按它计分；若规则已有更新的版本则拒绝。"
    "It counts from `at` on (null: now); refused "
    "when the rule has a newer version than the draft knows. Scope: rules:write. Errors: rule_draft_not_found, "
    "rule_draft_is_over, earning_rule_changed, too_many_rules, invalid_input.",
    responses={200: _RULE},
)
async def publish_draft(
    request: Req,
    draft_id: DraftId,
    data: Annotated[schemas.PublishIn, Body(examples=schemas.PUBLISH_EXAMPLES)],
    key: Key = "",
) -> Response[bytes]:
    principal = caller(request, "rules:write")
    number = parse_id(draft_id, "draft_id")
    body = await strict(request, schemas.PublishIn)

    async def produce(conn: Any) -> schemas.RuleOut:
        told = await service.publish_draft(
            conn, principal.merchant_id, number, at=body.at, actor=principal.actor, now=utc_now()
        )
        return schemas.rule_out(told, await load_stores(conn, principal.merchant_id))

    return await run_write(request, principal, produce)


@post(
    "/v1/earning-rules/drafts/{draft_id:str}/discard",
    status_code=200,
    tags=["earning rules"],
    summary="放弃规则草稿 / discard a draft",
    description="Scope: rules:write. Errors: rule_draft_not_found, rule_draft_is_over.",
    responses={200: _DRAFT},
)
async def discard_draft(request: Req, draft_id: DraftId, key: Key = "") -> Response[bytes]:
    principal = caller(request, "rules:write")
    number = parse_id(draft_id, "draft_id")

    async def produce(conn: Any) -> schemas.DraftOut:
        draft = await service.discard_draft(conn, principal.merchant_id, number, actor=principal.actor, now=utc_now())
        return schemas.draft_out(draft, await load_stores(conn, principal.merchant_id))

    return await run_write(request, principal, produce)


async def _draft_out(conn: Any, merchant_id: int, draft_id: int) -> schemas.DraftOut:
    draft = await service.get_draft(conn, merchant_id, draft_id)
    return schemas.draft_out(draft, await load_stores(conn, merchant_id))


@get(
    "/v1/earning-rules/{rule_id:str}",
    tags=["earning rules"],
    summary="积分规则及其历史 / an earning rule with its history",
    description="Scope: rules:read. Errors: earning_rule_not_found.",
)
async def read_rule(request: Req, rule_id: RuleId) -> Response[schemas.RuleDetail]:
    principal = caller(request, "rules:read")
    number = parse_id(rule_id, "rule_id")
    async with database(request).reader(principal.merchant_id) as conn:
        return tagged(request, await _rule_detail(conn, principal.merchant_id, number))


async def _rule_detail(conn: Any, merchant_id: int, rule_id: int) -> schemas.RuleDetail:
    told = await service.get_rule(conn, merchant_id, rule_id, now=utc_now())
    return schemas.rule_detail(told, await load_stores(conn, merchant_id))


@put(
    "/v1/earning-rules/{rule_id:str}",
    tags=["earning rules"],
    summary="修改积分规则（新版本） / change an earning rule (a new version)",
    description="从 effective_from 起按新版本计算，已完成的订单不变。From effective_from on the new version counts; "
    "orders keep the versions they used. Takes If-Match. Scope: rules:write. "
    "Errors: earning_rule_not_found, earning_rule_changed, invalid_input, precondition_failed.",
    responses={200: _RULE},
)
async def change_rule(
    request: Req,
    rule_id: RuleId,
    data: Annotated[schemas.RuleChange, Body(examples=schemas.RULE_EXAMPLES[:1])],
    key: Key = "",
) -> Response[bytes]:
    principal = caller(request, "rules:write")
    number = parse_id(rule_id, "rule_id")
    body, tags = await strict(request, schemas.RuleChange), expected(request)

    async def produce(conn: Any) -> schemas.RuleOut:
        check_expected(tags, await _rule_detail(conn, principal.merchant_id, number))
        stores = await load_stores(conn, principal.merchant_id)
        told = await service.change_rule(
            conn,
            principal.merchant_id,
            number,
            schemas.rule_input(body, stores),
            actor=principal.actor,
            now=utc_now(),
            expected_version=body.expected_version,
        )
        return schemas.rule_out(told, stores)

    return await run_write(request, principal, produce)


@post(
    "/v1/earning-rules/{rule_id:str}/disable",
    status_code=200,
    tags=["earning rules"],
    summary="停用积分规则 / switch an earning rule off",
    description="即刻停用；用 PUT 可再启用。From now on; PUT switches it on again. "
    "Scope: rules:write. Errors: earning_rule_not_found.",
    responses={200: _RULE},
)
async def disable_rule(request: Req, rule_id: RuleId, key: Key = "") -> Response[bytes]:
    principal = caller(request, "rules:write")
    number = parse_id(rule_id, "rule_id")

    async def produce(conn: Any) -> schemas.RuleOut:
        told = await service.disable_rule(conn, principal.merchant_id, number, actor=principal.actor, now=utc_now())
        return schemas.rule_out(told, await load_stores(conn, principal.merchant_id))

    return await run_write(request, principal, produce)


@get(
    "/v1/members/{member_id:str}/points",
    tags=["points"],
    summary="会员的积分与成长值 / a member's points and growth value",
    description="可用、欠、将到期。Available, owed, expiring soon. Scope: points:read. Errors: member_not_found.",
)
async def read_balance(request: Req, member_id: MemberId) -> schemas.BalancesOut:
    principal = caller(request, "points:read")
    number = parse_id(member_id, "member_id")
    async with database(request).reader(principal.merchant_id) as conn:
        held = await service.balance(conn, principal.merchant_id, number, utc_now())
    return schemas.BalancesOut(str(number), held[Unit.POINTS], held[Unit.GROWTH])


@get(
    "/v1/members/{member_id:str}/points/lots",
    tags=["points"],
    summary="积分批次 / lots, earliest expiry first",
    description="Scope: points:read. Errors: member_not_found.",
)
async def read_lots(
    request: Req, member_id: MemberId, unit: Counted = "points", include_closed: Closed = False
) -> schemas.LotPage:
    principal = caller(request, "points:read")
    number = parse_id(member_id, "member_id")
    async with database(request).reader(principal.merchant_id) as conn:
        found = await service.lots(
            conn, principal.merchant_id, number, schemas.UNITS[unit], include_closed=include_closed
        )
    return schemas.LotPage([schemas.lot_out(lot) for lot in found])


@get(
    "/v1/members/{member_id:str}/points/history",
    tags=["points"],
    summary="积分流水 / history, newest first",
    description="Scope: points:read. Errors: member_not_found.",
)
async def read_history(
    request: Req,
    member_id: MemberId,
    unit: Counted = "points",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> schemas.HistoryPage:
    principal = caller(request, "points:read")
    number = parse_id(member_id, "member_id")
    async with database(request).reader(principal.merchant_id) as conn:
        found = await service.history(
            conn,
            principal.merchant_id,
            number,
            schemas.UNITS[unit],
            before_seq=cursor_id(cursor),
            limit=limit + 1,
        )
    items = [schemas.history_out(item) for item in found[:limit]]
    return schemas.HistoryPage(items, items[-1].seq if len(found) > limit else None)


@post(
    "/v1/members/{member_id:str}/points/adjustments",
    status_code=201,
    tags=["points"],
    summary="调整积分或成长值 / adjust by hand",
    description="须写明原因，不会扣成负数。A reason is needed; never below zero. Scope: points:write. "
    "Errors: insufficient_balance, member_not_found, member_erased, adjustment_is_zero, invalid_input.",
    responses={201: _ADJUSTED},
)
async def adjust(
    request: Req,
    member_id: MemberId,
    data: Annotated[schemas.AdjustmentIn, Body(examples=schemas.ADJUSTMENT_EXAMPLES)],
    key: Key = "",
) -> Response[bytes]:
    principal = caller(request, "points:write")
    name, fingerprint = await write_key(request)
    number = parse_id(member_id, "member_id")
    body = await strict(request, schemas.AdjustmentIn)
    command = AdjustPoints(
        cell_of_entity(principal.merchant_id, number),
        number,
        schemas.UNITS[body.unit],
        body.amount,
        reason=body.reason,
        actor=principal.actor,
        expires_at=body.expires_at,
        key=name,
        fingerprint=fingerprint,
    )
    return await run_command(request, command)


routes: list[Any] = [
    list_rules,
    create_rule,
    list_drafts,
    create_draft,
    get_draft,
    change_draft,
    publish_draft,
    discard_draft,
    read_rule,
    change_rule,
    disable_rule,
    read_balance,
    read_lots,
    read_history,
    adjust,
]
