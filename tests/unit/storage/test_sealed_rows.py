"""Values in rows: sealed on the way in, open on the way out, empty once the key is gone."""

import pytest

from gateway.crypto.sealing import KeyEncryptionKey
from gateway.storage.database import Write
from gateway.storage.sealed_rows import MARK, Opener, Sealing, _KeysWantedError

KEY = KeyEncryptionKey.from_bytes(bytes(range(32)))
_, WRAPPED = KEY.new_part_key("T", b"\x07" * 32)
CLAIMS = '{"event": "revoked", "records": ["SHC1"]}'


def owed(claims: str) -> tuple[object, ...]:
    return ("J", "CN-31", "T", 1, "notify", "revoked", "", claims, "[]", "new", 0, "", "", "", 1, "", "")


def test_claims_when_they_name_records_then_sealed_and_others_are_left() -> None:
    sealing = Sealing(KEY, {"T": WRAPPED})
    (write,) = sealing.writes([Write("owed_put", [owed(CLAIMS), owed('{"event": "case"}')])])
    assert [str(row[7])[:1] == MARK for row in write.rows] == [True, False]
    assert "SHC1" not in str(write.rows)
    opened = Opener(KEY).rows("owed_due", [(*row, WRAPPED) for row in write.rows])
    assert [row[7] for row in opened] == [CLAIMS, '{"event": "case"}']
    assert [row[7] for row in Opener(KEY).rows("owed_due", [(*row, None) for row in write.rows])] == ["", '{"event": "case"}']


def test_writes_when_a_parts_key_was_not_read_then_it_is_asked_for_and_one_without_is_left_in_the_open() -> None:
    with pytest.raises(_KeysWantedError) as wanted:
        Sealing(KEY, {}).writes([Write("owed_put", [owed(CLAIMS)])])
    assert wanted.value.parts == {"T"}
    (write,) = Sealing(KEY, {"T": None}).writes([Write("owed_put", [owed(CLAIMS)])])
    assert write.rows[0][7] == CLAIMS


def test_writes_when_the_key_is_destroyed_in_the_same_transaction_then_nothing_is_sealed_under_it() -> None:
    forgets = Write("part_key_forget", [("T",)])
    answer = ("CN-31", "J", "con", "erase", "T", "at", 200, b"{}", b"\x01" * 32, None, None, None, "")
    _, message, own = Sealing(KEY, {"T": WRAPPED}).writes([forgets, Write("message_add", [answer])])
    assert own.name == "part_key_put"
    assert message.rows[0][12] == own.rows[0][0] != "T"
    (opened,) = Opener(KEY).rows("messages_by_key", [(*message.rows[0], own.rows[0][2])])
    assert opened[7:9] == (b"{}", b"\x01" * 32)
    (erased,) = Opener(KEY).rows("messages_by_key", [(*message.rows[0], None)])
    assert erased[7:9] == (b"", b"")
