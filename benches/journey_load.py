"""The load: a process of its own that seals requests beforehand and posts them over a fixed number of connections.

Run by `bench_journey.py`; talks to its parent in JSON lines.  Targets loopback only.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, date, datetime, timedelta

import aiohttp

from gateway.crypto.digests import salted_digest
from gateway.crypto.keys import SigningKey
from gateway.federation.channels.https import _multipart
from gateway.federation.envelope import seal
from gateway.federation.framing import to_http
from gateway.federation.message import Content, HttpTarget
from gateway.mapping.documents import write
from gateway.model.documents import Consent, Identity, Request
from gateway.system import SystemIds

IDS = SystemIds()
RECORDS = 3


def part(number: int) -> tuple[bytes, tuple[str, ...]]:
    """A push of three courses; record ids differ from message to message."""
    records = tuple(f"SHC{number:09d}{n}" for n in range(RECORDS))
    credit = [
        {"credit_outer_id": record, "course_name": "管理学基础", "course_property": 30, "course_result_code": 40, "course_score": 86,
         "course_season": 50, "course_subject": "行政管理", "course_year": "2023", "credit": 4, "credit_hour": 64,
         "experience_time": "2023-07-05 00:00:00", "inst_name": "上海开放大学黄浦分校", "learning_stage": 21}
        for record in records
    ]  # fmt: skip
    body = {"channel": "shcreditbank", "cb_id": "100238845511", "trace_no": "1", "pushed_at": "2024-07-03 10:22:33"}
    body |= {"credit": credit, "credit_num": RECORDS, "certificate_experience": [], "certificate_num": 0, "training": [], "training_num": 0}
    return json.dumps(body, ensure_ascii=False).encode(), records


def sealed(number: int, url: str, key: SigningKey) -> tuple[dict[str, bytes | str], str]:
    """One request, ready for the wire: contents and token."""
    now = datetime.now(UTC)  # noqa: TID251 (the load runs in real time)
    content, records = part(number)
    papers = Request("CN-31", "CN-33", "CN-31", "120402", "行政管理", "recognition", records, {}, now)
    consent = Consent(
        consent_id=f"c-{IDS.jti()}", controller="CN-31", recipient="CN-33", recipient_contact="0571-0000", purpose="recognition",
        method="网络",
        kinds=("学分",), retention_until=date(2031, 1, 1), rights="可撤回", notice_digest="0" * 64, source="CN-31", records=records,
        given_at=now - timedelta(hours=1), expires_at=now + timedelta(days=30),
    )  # fmt: skip
    contents = [
        Content("request", write(papers), "application/xml", IDS.secret()),
        Content("identity", write(Identity("11010519491231002X", "王测试", synthetic=True)), "application/xml", IDS.secret()),
        Content("consent", write(consent), "application/xml", IDS.secret()),
        Content("part", content, "application/json", IDS.secret()),
    ]
    token = seal(
        key=key, iss="CN-31", aud="CN-YRD", jti=IDS.jti(), iat=now, exp=now + timedelta(minutes=4), act="request", contents=contents,
        http=HttpTarget("POST", url), same_person=salted_digest(contents[1].secret, contents[1].data),
    )  # fmt: skip
    form = to_http(token, contents)
    writer = _multipart(form)
    return {"form": form, "type": writer.content_type}, token


async def post(session: aiohttp.ClientSession, url: str, form: object) -> float:
    started = time.perf_counter()
    async with session.post(url, data=_multipart(form["form"]), headers=form["form"].headers) as response:  # type: ignore[index]
        await response.read()
        if response.status != 202:
            raise SystemExit(f"status {response.status}: {(await response.text())[:300]}")
    return time.perf_counter() - started


async def closed_loop(url: str, forms: list[object], connections: int) -> float:
    """Submissions per second with so many always under way."""
    waiting = iter(forms)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:

        async def one() -> None:
            for form in waiting:
                await post(session, url, form)

        started = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(connections)))
        return len(forms) / (time.perf_counter() - started)


async def open_loop(url: str, forms: list[object], per_second: float) -> list[float]:
    """Latencies (s) at a fixed rate, whatever the answers do."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=256)) as session:
        started, tasks = time.perf_counter(), []
        async with asyncio.TaskGroup() as group:
            for number, form in enumerate(forms):
                delay = started + number / per_second - time.perf_counter()
                if delay > 0:
                    await asyncio.sleep(delay)
                tasks.append(group.create_task(post(session, url, form)))
        return sorted(task.result() for task in tasks)


def main() -> None:
    """Commands, one JSON a line: {url, key, first, count, connections | per_second}."""
    for line in sys.stdin:
        order = json.loads(line)
        key = SigningKey.from_seed(order["key"].encode().ljust(32, b"."))
        forms = [sealed(order["first"] + n, order["url"], key)[0] for n in range(order["count"])]
        if "per_second" in order:
            print(json.dumps(asyncio.run(open_loop(order["url"], forms, order["per_second"]))), flush=True)
        else:
            print(json.dumps(asyncio.run(closed_loop(order["url"], forms, order["connections"]))), flush=True)


if __name__ == "__main__":
    main()
