"""Orders of the list of cases: pages both ways hold each case once, in order; each read along an index, whatever is stored; views saved."""

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.operators import Browser, operating
from support.region import World, region
from support.stages import ACCEPTING, PRESIDING, SOURCE, Stage, stage

from gateway.app import DATABASE_FILE
from gateway.model.people import Person, Role
from gateway.model.transfer import State
from gateway.storage.database import load_queries
from gateway.storage.rows import TransferRow
from gateway.system import package_folder
from gateway.transfers import list_order
from gateway.transfers.list_order import ORDERS, Order
from gateway.transfers.saved_views import NAME_MAX, VIEWS_MAX, SavedViews
from gateway.transfers.transfer_list import Filter
from gateway.web.pages.transfers import SORTS

PLACES = ("reviewing", "settled", "reviewing", "held", "withdrawn", "delivering", "rejected", "posting")
MANY = 20_000
WHO = [Person(name, "测试员", frozenset({Role.VIEWER})) for name in ("a", "b")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("orders")


@asynccontextmanager
async def laid(folder: Path) -> AsyncIterator[tuple[World, dict[str, Stage]]]:
    async with region(folder) as world:
        made: dict[str, Stage] = {}
        for place in PLACES:
            made[place] = await stage(world, place)
            world.clock.advance(minutes=7)
        yield world, made


def database(world: World) -> sqlite3.Connection:
    return sqlite3.connect(world.gateway.settings.node.data_folder / DATABASE_FILE)


def expected(rows: list[TransferRow], order: Order) -> list[str]:
    """As anybody would sort them."""
    kept = [row for row in rows if row.deadline is not None] if order.by == list_order.DUE else rows
    made = sorted(kept, key=lambda row: (getattr(row, order.by), row.id), reverse=order.descending or order.by_state)
    if order.by_state:
        made.sort(key=lambda row: list(State).index(State(row.state)), reverse=order.descending)
    return [row.id for row in made]


async def both_ways(world: World, order: Order, most: int, wanted: Filter) -> list[str]:
    centre = world.gateway.parts.centre
    page = await centre.transfers(wanted, order=order, most=most)
    there = [page]
    while page.next:
        page = await centre.transfers(wanted, order=order, cursor=page.next, most=most)
        there.append(page)
    back = [page]
    while page.before:
        page = await centre.transfers(wanted, order=order, cursor=page.before, back=True, most=most)
        back.append(page)
    forth = [case.transfer for each in there for case in each.cases]
    assert [case.transfer for each in reversed(back) for case in each.cases] == forth
    assert {len(each.cases) for each in there[:-1]} <= {most}
    return forth


async def test_orders_when_paged_both_ways_then_each_case_once_and_in_order(folder: Path) -> None:
    async with laid(folder / "paged") as (world, made):
        with database(world) as connection:
            rows = [TransferRow(*row) for row in connection.execute("SELECT * FROM transfer")]
        connection.close()
        assert len(rows) == len(PLACES)
        assert set(ORDERS) == set(SORTS)
        centre = world.gateway.parts.centre
        for order in ORDERS.values():
            found = await both_ways(world, order, 3, Filter())
            assert found == expected(rows, order), order.name
            few = [row for row in rows if row.state in {"reviewing", "settled"}]
            wanted = Filter(states=(State.REVIEWING, State.SETTLED), source=SOURCE, seen_by=ACCEPTING)
            assert await both_ways(world, order, 1, wanted) == expected(few, order), order.name
            for at, id_ in enumerate(found):
                detail = await centre.case(id_, Filter(), order)
                assert detail is not None
                assert detail[1:] == (found[at - 1] if at else "", (*found, "")[at + 1]), order.name
            alike = await centre.transfers(Filter(prefix=rows[0].id[:4]), order=order)
            assert [each.transfer for each in alike.cases] == ([rows[0].id] if order.holds(rows[0]) else [])
        for nonsense in ("x", "|", "||", "none|1|2", "~|~|~|~"):
            for order in ORDERS.values():
                assert (await centre.transfers(Filter(), order=order, cursor=nonsense)).cases is not None
        await a_case_moves(world, made["held"])


async def a_case_moves(world: World, held: Stage) -> None:
    """Between two pages: whatever has not moved and was not shown yet is shown still, once."""
    centre = world.gateway.parts.centre
    opened, moved = [ORDERS[name] for name in ("-opened", "")]
    whole = {order.name: await both_ways(world, order, 3, Filter()) for order in (opened, moved)}
    nexts = {order.name: (await centre.transfers(Filter(), order=order, most=3)).next for order in (opened, moved)}
    assert held.transfer in whole[opened.name][3:]
    await held.do(PRESIDING, "retry")
    for order, gone in ((opened, ""), (moved, held.transfer)):
        page = await centre.transfers(Filter(), order=order, cursor=nexts[order.name], most=100)
        assert [case.transfer for case in page.cases] == [each for each in whole[order.name][3:] if each != gone]


@contextmanager
def steps(connection: sqlite3.Connection) -> Iterator[list[int]]:
    """Hundreds of steps of the database's own machine that the body took."""
    taken = [0]

    def count() -> int:
        taken[0] += 1
        return 0

    connection.set_progress_handler(count, 100)
    yield taken
    connection.set_progress_handler(None, 0)


async def test_orders_when_very_many_cases_are_stored_then_a_page_is_read_along_an_index_and_costs_no_more(folder: Path) -> None:
    async with laid(folder / "many") as (world, _):
        queries = load_queries(package_folder() / "storage" / "sql" / "queries.sql")
        with database(world) as connection:
            costs = [cost_of_pages(connection, queries)]
            columns = ", ".join(TransferRow._fields[1:])
            shown = columns.replace("opened_at,", "'2026-01-01T' || printf('%06d', n),").replace("changed_at,", "'2026-02-01T' || n,")
            connection.execute(
                f"WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < {MANY}) "
                f"INSERT INTO transfer (id, {columns}) SELECT printf('%064x', n), {shown} FROM transfer, many WHERE state = 'settled'"
            )
            costs.append(cost_of_pages(connection, queries))
            connection.rollback()
        connection.close()
        assert costs[0].keys() == set(list_order.QUERIES.values())
        assert all(cost < 100 for cost in costs[1].values()), costs


def cost_of_pages(connection: sqlite3.Connection, queries: object) -> dict[str, int]:
    """By query: steps in hundreds; on the way its plan is looked at."""
    assert isinstance(queries, dict)
    any_, all_ = ("member", "seen_by", "held_from", "turn", "source", "accepting"), ("since", "opened_since")
    costs: dict[str, int] = {}
    for (by, descending), name in list_order.QUERIES.items():
        at = "~" if descending else ""
        params = dict.fromkeys(any_, "") | dict.fromkeys(all_, "") | {"until": "~", "opened_until": "~", "cursor_at": at, "cursor_id": at}
        params |= {"state": "settled", "states": '["settled", "reviewing"]', "most": 51}
        plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + queries[name], params)]
        assert any("USING INDEX transfer_by_" in line for line in plan), (name, plan)
        assert not any("ORDER BY" in line and not re.search("LAST TERM|RIGHT PART", line) for line in plan), (name, plan)
        assert not any(line.startswith("SCAN transfer") and by != list_order.DUE for line in plan), (name, plan)
        with steps(connection) as taken:
            connection.execute(queries[name], params).fetchall()
        costs[name] = taken[0]
    return costs


async def test_views_when_saved_then_ones_own_few_and_replaced_by_name(folder: Path) -> None:
    async with region(folder / "views") as world:
        views = SavedViews(world.gateway.database, world.clock)
        mine, other = WHO
        assert await views.save(mine, " 挂起的 ", "state=held")
        assert await views.save(mine, "挂起的", "state=held&sort=due")
        assert [(view.name, view.query) for view in await views.of(mine)] == [("挂起的", "state=held&sort=due")]
        assert (await views.of(other), await views.forget(other, "挂起的")) == ([], False)
        for name, query in (("", "x"), (" ", "x"), ("a\nb", "x"), ("x" * (NAME_MAX + 1), "x"), ("x", "x" * 501)):
            assert not await views.save(mine, name, query)
        for number in range(VIEWS_MAX):
            assert await views.save(mine, f"v{number}", "") is (number < VIEWS_MAX - 1)
        assert await views.save(mine, "v3", "state=all"), "one that is there is replaced"
        assert await views.forget(mine, "挂起的")
        assert (len(await views.of(mine)), await views.forget(mine, "挂起的")) == (VIEWS_MAX - 1, False)


async def test_list_when_sorted_and_saved_on_the_page_then_headers_say_how_and_a_view_leads_back(tmp_path: Path) -> None:
    async with operating(tmp_path) as here:
        viewer, other = await here.browser("viewer"), await here.browser("operator-31")
        page = (await viewer.get("/transfers?state=all"))[1]
        assert page.count("aria-sort=") == 1
        assert headers(page) == {"状态": "", "立案": "", "未动": "ascending", "期限": ""}
        for title in ("状态", "立案", "期限", "未动"):
            for order in ("ascending", "descending", "ascending"):
                page = await follow(viewer, page, title)
                assert {each: how for each, how in headers(page).items() if how} == {title: order}
        assert (await viewer.get("/transfers?sort=source"))[0] == 400
        assert (await viewer.post("/transfers/views?state=none", {"name": "x"}))[0] == 400
        assert (await viewer.post("/transfers/views?state=held&sort=due&cursor=x", {"name": ""}))[0] == 400
        saved = await viewer.post("/transfers/views?state=held&sort=due&cursor=x&csv=1", {"name": "<挂起>"})
        assert saved == (303, "/transfers?state=held&sort=due")
        page = (await viewer.get("/transfers"))[1]
        assert ("&lt;挂起&gt;" in page, "<挂起>" in page) == (True, False)
        assert 'href="/transfers?state=held&amp;sort=due" lang' in page
        assert "挂起&gt;" not in (await other.get("/transfers"))[1]
        assert (await other.post("/transfers/views/forget", {"name": "<挂起>"}))[0] == 404
        assert (await viewer.post("/transfers/views/forget", {"name": "<挂起>"}, token="wrong"))[0] == 403
        assert (await viewer.post("/transfers/views/forget", {"name": "<挂起>"}))[0] == 303
        assert "&lt;挂起&gt;" not in (await viewer.get("/transfers"))[1]
        auditor = await here.browser("auditor")
        rows = (await auditor.get("/audit?csv=audit&act=view.save"))[1].splitlines()
        assert (len(rows), "挂起" in rows[1], rows[1].endswith("–,–")) == (2, False, True), "no name, no leaf"


def headers(page: str) -> dict[str, str]:
    """Title of each column that sorts → how it is sorted now."""
    found = re.findall(r'<th scope="col"(?: class="number")?(?: aria-sort="(\w+)")?><a class="by" href="[^"]+">([^ <]+)', page)
    return {title: order for order, title in found}


async def follow(browser: Browser, page: str, title: str) -> str:
    found = re.search(rf'<a class="by" href="([^"]+)">{title}', page)
    assert found
    url = urlsplit(unescape(found[1]))
    status, text = await browser.get(f"{url.path}?{url.query}")
    assert status == 200
    return text
