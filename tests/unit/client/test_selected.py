"""What the signer checks of a selection before anything is signed (PR-351)."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

import pytest

from gateway.client.reading import ReadingApi
from gateway.client.selected import collect
from gateway.errors import PeerError
from gateway.model.canonical import jcs


@dataclass
class Gateway:
    """Answers with this document, whatever it is."""

    document: dict[str, Any]

    async def selection(self, _token: str) -> dict[str, Any]:
        return self.document


def good() -> dict[str, Any]:
    digest = sha256(jcs(["retry", "a", "b"])).hexdigest()
    items = [{"id": "a", "transfer": "a", "done": False}, {"id": "b", "transfer": "c", "done": True}]
    return {
        "v": 1,
        "selection": "t",
        "act": "retry",
        "state": "released",
        "count": 2,
        "digest": digest,
        "reason": "r",
        "rate": 5,
        "items": items,
    }


async def test_selection_when_whole_then_entries_with_their_message_or_none() -> None:
    found = await collect(cast(ReadingApi, Gateway(good())), "t")
    assert [(each.id, each.transfer, each.message, each.done) for each in found.entries] == [("a", "a", "", False), ("b", "c", "b", True)]


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 3},
        {"act": "cancel"},
        {"act": "erase"},
        {"selection": "other"},
        {"digest": "0" * 64},
        {"rate": 0},
        {"items": []},
        {"items": [{"id": "b", "transfer": "c", "done": False}, {"id": "a", "transfer": "a", "done": False}]},
        {"items": None},
    ],
    ids=["count", "act", "unknown-act", "token", "digest", "rate", "no-items", "order", "form"],
)
async def test_selection_when_anything_differs_then_nothing_is_taken_from_it(changes: dict[str, Any]) -> None:
    with pytest.raises(PeerError, match=r"peer\.off_protocol"):
        await collect(cast(ReadingApi, Gateway(good() | changes)), "t")
