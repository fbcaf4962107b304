r"""The Zhejiang hash chain of one learner's account: hashing, checking, starting.

    hash = hex(SM3(ascii(prevHash) ‖ "\n" ‖ canonical JSON of payload))

Canonical means keys sorted, separators "," and ":", UTF-8 unescaped, no fractions (they are
texts); that is RFC 8785 for the values that occur.  Heights are consecutive per account.  An
entry whose payload is withheld still stands as (height, prevHash, hash), so links stay checkable
while its own hash is taken on the source's word.  A chain proves order and completeness; who wrote
it is proven by the envelope around it, not by the chain.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gateway.crypto.sm3 import sm3_hex
from gateway.errors import RecordError
from gateway.model.canonical import INTEGER_MAX, Json, jcs

ZERO_HASH = "0" * 64
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Start:
    """A place a chain may begin at.  `account` "" means any account."""

    height: int
    prev_hash: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """One entry.  `payload` None: withheld, only the link is shown."""

    row: int
    height: int
    prev_hash: str
    hash: str
    payload: Mapping[str, object] | None = None

    @property
    def triple(self) -> tuple[int, str, str]:
        return self.height, self.prev_hash, self.hash


@dataclass(frozen=True, slots=True)
class Chain:
    """A checked chain: links by height, rows that repeat one of them, heights at which it starts (first or anew)."""

    links: tuple[Link, ...]
    repeated: tuple[int, ...]
    starts: tuple[int, ...]


def is_hash(value: object) -> bool:
    """64 lower-case hexadecimal digits."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def is_height(value: object) -> bool:
    return type(value) is int and 0 <= value <= INTEGER_MAX


def payload_hash(prev_hash: str, payload: Json) -> str:
    """The rule above.  Raises ValueError for a payload without a canonical form."""
    return sm3_hex(prev_hash.encode("ascii") + b"\n" + jcs(payload))


def extend(height: int, prev_hash: str, payloads: Sequence[Json]) -> list[tuple[int, str, str]]:
    """(height, prevHash, hash) for each payload of a chain that begins at `height`."""
    entries = []
    for payload in payloads:
        own = payload_hash(prev_hash, payload)
        entries.append((height, prev_hash, own))
        height, prev_hash = height + 1, own
    return entries


def check(links: Sequence[Link], starts: Collection[Start], account: str) -> Chain:
    """Check one account's entries, in whatever order they stand.

    Raises RecordError: record.chain_empty, .chain_fork, .chain_start, .chain_gap, .chain_broken, .not_canonical,
    each with the heights it is about.
    """
    if not links:
        raise RecordError("record.chain_empty", "哈希链没有条目", "the hash chain has no entry")
    single, repeated = _one_a_height(links)
    trusted = {(start.height, start.prev_hash) for start in starts if start.account in ("", account)}
    begun = []
    before: Link | None = None
    for link in single:
        _check_own_hash(link)
        if before is None or not _follows(before, link):
            if (link.height, link.prev_hash) not in trusted:
                raise _not_linked(before, link)
            begun.append(link.height)
        before = link
    return Chain(tuple(single), tuple(repeated), tuple(begun))


def _one_a_height(links: Sequence[Link]) -> tuple[list[Link], list[int]]:
    """The links by height, shown ones before withheld ones; a second, different one at a height is a fork."""
    single: list[Link] = []
    repeated = []
    for link in sorted(links, key=lambda entry: (entry.height, entry.payload is None, entry.row)):
        last = single[-1] if single else None
        if last is None or last.height != link.height:
            single.append(link)
        elif last.triple == link.triple and link.payload in (None, last.payload):
            repeated.append(link.row)
        else:
            raise RecordError(
                "record.chain_fork", f"哈希链在高度 {link.height} 分叉", f"the hash chain forks at height {link.height}", height=link.height
            )
    return single, repeated


def _check_own_hash(link: Link) -> None:
    if link.payload is None:
        return
    try:
        own = payload_hash(link.prev_hash, link.payload)  # type: ignore[arg-type]  # jcs checks every value itself
    except (ValueError, RecursionError):
        raise RecordError(
            "record.not_canonical",
            f"高度 {link.height} 的内容没有规范形式(小数应写作文本)",
            f"the payload at height {link.height} has no canonical form (fractions are texts)",
            height=link.height,
        ) from None
    if own != link.hash:
        raise _broken(link.height)


def _follows(before: Link, link: Link) -> bool:
    return link.height == before.height + 1 and link.prev_hash == before.hash


def _not_linked(before: Link | None, link: Link) -> RecordError:
    if before is None:
        return RecordError(
            "record.chain_start",
            f"高度 {link.height} 不是可信起点",
            f"height {link.height} is not a trusted start of the chain",
            height=link.height,
        )
    if link.height == before.height + 1:
        return _broken(link.height)
    missing_from, missing_to = before.height + 1, link.height - 1
    return RecordError(
        "record.chain_gap",
        f"哈希链缺少高度 {missing_from} 至 {missing_to}",
        f"the hash chain lacks heights {missing_from} to {missing_to}",
        missing_from=missing_from,
        missing_to=missing_to,
    )


def _broken(height: int) -> RecordError:
    return RecordError("record.chain_broken", f"哈希链在高度 {height} 断裂", f"the hash chain is broken at height {height}", height=height)
