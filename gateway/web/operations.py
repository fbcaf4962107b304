"""Health, version and metrics, on a listener of their own."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway import __version__
from gateway.metrics import (
    BATCH_CHANGES,
    BUILD,
    CONTESTED,
    DEAD_LETTERS,
    HANDOVER_UNSIGNED,
    LOG_FINAL,
    LOG_SIZE,
    OWED,
    REGISTRY,
    STATEMENTS,
    TRANSFERS,
)
from gateway.web.keys import PARTS

BUILD.labels(__version__).set(1)


async def livez(_request: web.Request) -> web.Response:
    """The process answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Database readable, log loaded, registry in the log, clocks in step."""
    parts = request.app[PARTS]
    if not parts.ready.is_set():
        return web.Response(status=503, text="starting\n")
    if not parts.log_open():
        return web.Response(status=503, text="a witness contradicts the transfer log: nothing is taken until that is settled\n")
    if not parts.clocks_agree():
        return web.Response(status=503, text="wall clock and monotonic clock disagree: deadlines stand still\n")
    await parts.reading.head()
    return web.Response(text="ready\n")


async def version(_request: web.Request) -> web.Response:
    return web.json_response({"name": "credit-exchange-gateway", "version": __version__})


async def metrics(request: web.Request) -> web.Response:
    """Gauges are read when asked for, from the database, so they cannot drift."""
    parts = request.app[PARTS]
    LOG_SIZE.set(parts.ledger.size)
    LOG_FINAL.set(await parts.finality.size())
    committer = parts.receiver.committer
    BATCH_CHANGES.set(committer.changes / committer.batches if committer.batches else 0)
    transfers, owed, letters = await parts.status.counts(), await parts.status.owed_counts(), await parts.status.dead_letter_counts()
    for gauge in (TRANSFERS, OWED, DEAD_LETTERS):
        gauge.clear()  # what is not counted any more must not stand there as it was
    for state, count in transfers.items():
        TRANSFERS.labels(state).set(count)
    for member, state, count in owed:
        OWED.labels(member, state).set(count)
    for member, count in letters.items():
        DEAD_LETTERS.labels(member).set(count)
    STATEMENTS.clear()
    for state, count in (await parts.status.statement_counts()).items():
        STATEMENTS.labels(state).set(count)
    CONTESTED.set(await parts.status.contested_count())
    HANDOVER_UNSIGNED.set(len(await parts.presiding.unsigned()))
    return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
