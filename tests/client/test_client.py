"""A client made from the promised document, driving the real application: what is promised is what is there."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from huimeng.entry.context import Context
from huimeng.entry.worker import importer
from tests.conftest import Shop
from tests.contract import PROMISE, ROOT
from tests.served import application, fresh, token


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The client's package, made anew; what the generator says. It names each operation that it leaves out."""
    folder = tmp_path_factory.mktemp("client")
    done = subprocess.run(
        [
            Path(sys.executable).parent / "openapi-python-client",
            *("generate", "--path", PROMISE, "--config", ROOT / "docs" / "client.yaml"),
            *("--output-path", folder / "python"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    sys.path.insert(0, str(folder / "python"))
    yield done.stdout + done.stderr
    sys.path.remove(str(folder / "python"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "huimeng_client"]:
        del sys.modules[name]


def api(tag: str, operation: str) -> Any:
    return importlib.import_module(f"huimeng_client.api.{tag}.{operation}")


def model(name: str) -> Any:
    return getattr(importlib.import_module("huimeng_client.models"), name)


class Till:
    """Calls by the names of the operations; every answer must be one that the document names."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def __call__(self, tag: str, operation: str, *path: Any, status: int = 200, **given: Any) -> Any:
        module = api(tag, operation)
        answer = await module.asyncio_detailed(*path, client=self._client, **given)
        assert answer.status_code == status, answer.content
        return answer.parsed

    async def write(self, tag: str, operation: str, *path: Any, status: int = 200, **given: Any) -> Any:
        key = fresh()["Idempotency-Key"]
        return await self(tag, operation, *path, status=status, idempotency_key=key, **given)


@pytest.fixture
def context(context: Context, tmp_path: Path) -> Context:
    return msgspec.structs.replace(context, settings=msgspec.structs.replace(context.settings, data_dir=tmp_path))


@pytest.fixture
async def till(made: str, context: Context, shop: Shop) -> AsyncIterator[Till]:
    kind = importlib.import_module("huimeng_client").AuthenticatedClient
    async with application(context) as app:
        client = kind(
            base_url="http://huimeng.test",
            token=await token(context, shop),
            httpx_args={"transport": httpx.ASGITransport(app=app)},
            raise_on_unexpected_status=True,
        )
        async with client:
            yield Till(client)


def test_no_operation_is_left_out(made: str) -> None:
    assert "WARNING" not in made.upper() and "ERROR" not in made.upper(), made
    document = msgspec.json.decode(PROMISE.read_bytes())
    package = Path(importlib.import_module("huimeng_client").__file__ or "").parent
    there = {path.stem for path in (package / "api").rglob("*.py")} - {"__init__"}
    assert there == {each["operationId"] for item in document["paths"].values() for each in item.values()}


async def test_a_day_at_the_till(till: Till) -> None:
    rule = await till.write(
        "earning_rules",
        "create_earning_rule",
        status=201,
        body=model("RuleIn").from_dict({"name": "积分", "points_per_yuan": "1"}),
    )
    assert (rule.state, rule.current.points_per_yuan) == ("in_force", "1")
    joining = {"identities": [{"kind": "phone", "value": "13800007701"}], "name": "张三"}
    member = await till.write("members", "join_member", status=201, body=model("MemberInput").from_dict(joining))
    bill = {
        "store": "s1",
        "member_id": member.member_id,
        "lines": [{"sku": "milk", "quantity": "2", "paid_fen": 1290}, {"sku": "tea", "paid_fen": 4500}],
        "tenders": [{"kind": "wechat", "amount_fen": 5790}],
    }
    quote = await till("orders", "quote_order", body=model("BillIn").from_dict(bill))
    assert (quote.points, quote.reasons[0].code) == (57, "applied")
    order = {**bill, "order_no": "A1", "quote": quote.quote}
    done = await till.write("orders", "complete_order", status=201, body=model("OrderIn").from_dict(order))
    assert (done.points, done.points_balance) == (57, 57)
    refund = {"lines": [{"line_no": 1, "quantity": "1"}]}
    back = await till.write(
        "orders", "refund_order", done.order_id, status=201, body=model("RefundIn").from_dict(refund)
    )
    assert (back.amount_fen, back.points_balance) == (645, 51)
    read = await till("orders", "get_order", done.order_id)
    assert (read.status, len(read.lines), len(read.refunds)) == ("partly_refunded", 2, 1)
    held = await till("points", "get_points_balance", member.member_id)
    assert held.points.available == 51
    page = await till("orders", "list_orders", member_id=member.member_id, store="s1")
    assert [each.order_no for each in page.items] == ["A1"] and page.next_cursor is None


async def test_each_order_of_a_batch_has_its_answer(till: Till) -> None:
    sold = {"store": "s1", "lines": [{"sku": "milk", "paid_fen": 1290}]}
    orders = [{**sold, "order_no": "B1"}, {**sold, "order_no": "B2", "store": "nowhere"}]
    batch = model("BatchIn").from_dict({"orders": orders})
    assert [type(line) for line in batch.orders[0].lines] == [model("LineIn")]
    done = await till.write("orders", "complete_orders", body=batch)
    booked, refused = done.items
    assert isinstance(booked.result, model("CompletedOut")) and isinstance(refused.problem, model("Problem"))
    assert (booked.result.order_no, booked.problem) == ("B1", None)
    assert (refused.problem.code, refused.result) == ("unknown_store", None)


async def test_a_rule_is_drafted_tried_and_published(till: Till) -> None:
    draft = await till.write(
        "earning_rules",
        "create_rule_draft",
        status=201,
        body=model("NewDraftIn").from_dict({"name": "双倍", "points_per_yuan": "2"}),
    )
    bill = {"store": "s1", "member_id": None, "amount_fen": 1000}
    trying = {"bill": bill, "drafts": [draft.draft_id]}
    tried = await till("earning_rules", "try_earning_rules", body=model("TryIn").from_dict(trying))
    assert (tried.points, tried.points_now, tried.reasons[0].code) == (0, 0, "no_member")
    rule = await till.write(
        "earning_rules", "publish_rule_draft", draft.draft_id, body=model("PublishIn").from_dict({"at": None})
    )
    assert rule.state == "in_force"


async def test_a_refusal_is_a_problem(till: Till) -> None:
    problem = await till("members", "get_member", "4711", status=404)
    assert (problem.code, problem.status) == ("member_not_found", 404)
    problem = await till.write(
        "merchant", "create_region", status=400, body=model("Region").from_dict({"code": " ", "name": "x"})
    )
    assert problem.code == "invalid_input" and problem.additional_properties["field"] == "code"


async def test_a_file_is_handed_in_and_its_result_read(till: Till, context: Context) -> None:
    text = "order_no,ordered_at,store,member,sku,paid_amount\nA1,2026-03-01 10:00:00,s1,,milk,12.00\nA2,x,s1,,milk,1\n"
    file = importlib.import_module("huimeng_client.types").File(io.BytesIO(text.encode()), file_name="三月.csv")
    body = model("CreateImportFilesBody")(file=file)
    started = await till.write("imports", "create_import", status=202, kind="orders", body=body)
    assert started.state == "queued" and started.file_name == "三月.csv"
    await importer(context).run_waiting()
    over = await till("imports", "get_import", started.import_id)
    assert (over.state, over.rows, over.bad_rows, over.counts["created"]) == ("done", 2, 1, 1)
    errors = await till("imports", "get_import_errors", started.import_id)
    assert "bad_time" in errors
