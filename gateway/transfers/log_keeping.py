"""The log put back from an archive into a database that has none of it, or only its beginning.

Leaves, index rows, tile rows and head go in as they were first written, `ROWS` leaves a transaction, under the same fence: a restore that
breaks off is run again and goes on.  What stands there already has to be the archive's own beginning, by root.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from gateway.errors import TransferLogError
from gateway.storage.database import Database, Read, Row, Write
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.merkle import leaf_hash
from gateway.transferlog.tiles import Appended, TreeState, append

ROWS: Final = 1024


async def restore_log(database: Database, leaves: Iterable[bytes], size: int, root: bytes) -> int:
    """Append what is missing; gives how many leaves were written.  The archive was verified before.

    Raises `transferlog.not_a_beginning` where the database holds another log, or a longer one; FencedError, StorageError.
    """
    ((stored, stored_root, _),) = await database.fetch("head")
    walking, state = iter(leaves), TreeState()
    while state.size < stored and (known := list(islice(walking, min(ROWS, stored - state.size)))):
        state = append(state, [leaf_hash(raw) for raw in known]).state
    if state.size != stored or state.root() != stored_root:
        raise _other()
    while batch := list(islice(walking, ROWS)):
        state = (await _put(database, state, batch)).state
    if (state.size, state.root()) != (size, root):
        raise _other()
    return size - int(stored)


async def _put(database: Database, state: TreeState, batch: list[bytes]) -> Appended:
    grown = append(state, [leaf_hash(raw) for raw in batch])
    leaves = [parse_leaf(raw) for raw in batch]
    writes = [
        Write("log_entry_add", list(enumerate(batch, state.size))),
        Write("log_key_add", [_index_row(index, leaf) for index, leaf in enumerate(leaves, state.size)]),
        Write("log_tile_put", [(tile.id, tile.data) for tile in grown.writes]),
        Write("head_move", [(grown.state.size, grown.root, leaves[-1].at, state.size)], hits=1),
    ]

    def decide(_rows: object) -> list[Write]:
        return [write for write in writes if write.rows]

    await database.group([Read("head", {})], decide)
    return grown


def _index_row(index: int, leaf: Leaf) -> Row:
    return (leaf.scope, leaf.seq, leaf.iss, leaf.jti, leaf.n, index)


def _other() -> TransferLogError:
    return TransferLogError(
        "transferlog.not_a_beginning", "数据库中的存证日志不是此档案的开头", "what the database holds is not the beginning of this archive"
    )
