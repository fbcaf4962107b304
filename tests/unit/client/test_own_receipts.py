"""What the receipts in a connector's store say of the log: missing, changed, not shown yet, asked again until a head is kept (PR-371)."""

import json
from pathlib import Path

import pytest

from gateway.client.own_receipts import OwnReceipts
from gateway.client.store import Outgoing, Store
from gateway.model.canonical import b64url
from gateway.storage.connector_schema import open_connector
from gateway.transferlog.merkle import leaf_hash


async def answered(store: Store, jti: str, index: int | None) -> None:
    """A message whose verified answer shows its leaf, or has none."""
    await store.commit(Store.send(Outgoing(jti, "request", f"scope-{jti}"), "2026-01-01T00:00:00.000000Z"))
    row = await store.message(jti)
    assert row is not None
    receipt = {"refusal": "x"} if index is None else {"index": index, "leaf": b64url(jti.encode()), "proof": f"proof of {jti}"}
    await store.commit([Store.answered(row, "done", "", 202, b"{}", json.dumps(receipt))])


def shown(**leaves: int) -> dict[int, bytes]:
    return {index: leaf_hash(jti.encode()) for jti, index in leaves.items()}


async def test_receipts_when_the_log_lost_or_changed_a_leaf_then_each_is_named_again_until_a_head_is_kept(tmp_path: Path) -> None:
    store = Store(await open_connector(tmp_path / "connector.db"))
    try:
        receipts = OwnReceipts(store)
        for jti, index in (("a", 3), ("b", None), ("c", 5), ("d", 9)):
            await answered(store, jti, index)
        await store.commit(Store.send(Outgoing("e", "decide", "scope"), "2026-01-01T00:00:00.000000Z"))  # no answer yet

        async def gone(size: int, **leaves: int) -> list[tuple[int, str, str]]:
            return [(each.index, each.fault.code.partition(".")[2], each.proof) for each in await receipts.gone(size, shown(**leaves))]

        assert await gone(9, a=3, c=5) == []  # 9 is not shown yet
        receipts.settle()
        assert await gone(10, a=3, c=5) == [(9, "own_leaf_missing", "proof of d")]
        assert await gone(10, a=3, c=5, x=9) == [(9, "own_leaf_changed", "proof of d")]
        assert await gone(10, d=9) == []  # below what was settled nothing is looked at again
        assert await gone(10) == [(9, "own_leaf_missing", "proof of d")]  # the head was not kept: asked anew

        row = await store.message("e")
        assert row is not None
        receipts.settle()
        await store.commit([Store.answered(row, "done", "", 200, b"{}", json.dumps({"index": 4, "leaf": b64url(b"e"), "proof": "late"}))])
        assert await gone(10, d=9) == [(4, "own_leaf_missing", "late")]  # its leaf was passed before the answer came
    finally:
        await store.close()


@pytest.mark.parametrize("most", [1, 2, 1000])
async def test_receipts_when_there_are_more_than_a_page_then_all_are_read(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.client.own_receipts.ROWS", most)
    store = Store(await open_connector(tmp_path / "connector.db"))
    try:
        for number in range(5):
            await answered(store, f"m{number}", number)
        assert [each.index for each in await OwnReceipts(store).gone(5, shown(m1=1))] == [0, 2, 3, 4]
    finally:
        await store.close()
