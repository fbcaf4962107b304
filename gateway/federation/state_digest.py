"""The periodic state digest and a bank's answer to it: content `state` of the gateway's notice, and of the bank's `noted`.

Both are JCS JSON and hold numbers, transfer and record ids, states and credits: nothing personal.  Numbers are told as
ranges `[[first, last], …]`, rising, both ends included, so that a long silence is as short as one lost message.
Everything is bounded here, on reading and on writing.  Sentences: docs/protocol.md, PR-200 to PR-209.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gateway.errors import FormatError
from gateway.federation.claims import SEQ_MAX, VER_MAX, is_digest, is_member_id
from gateway.federation.protocol import VERSION
from gateway.formats.json_safe import JsonLimits, read_json
from gateway.model.canonical import Json, jcs

Ranges: TypeAlias = tuple[tuple[int, int], ...]
ItemState: TypeAlias = tuple[str, str, str | None]
"""Record, state, regional credits."""

SCOPE: Final = "state:"
"""A digest's scope is `state:<member>:<number>`; it is no transfer's id, which is a hex digest."""
EVENT: Final = "state"
CONTENT: Final = "state"
NUMBERS_MAX: Final = 5_000
RANGES_MAX: Final = 2_000
TRANSFERS_MAX: Final = 1_000
ITEMS_MAX: Final = 10_000
TEXT_MAX: Final = 256
LIMITS: Final = JsonLimits(bytes_max=4 * 1024 * 1024, depth_max=6, nodes_max=100_000, number_chars_max=16)


def scope_of(member: str, number: int) -> str:
    """The scope of a member's `number`-th digest."""
    return f"{SCOPE}{member}:{number}"


def is_state_scope(scope: str | None) -> bool:
    """Whether a message belongs to a state digest and not to a case."""
    return scope is not None and scope.startswith(SCOPE)


# ---------------------------------------------------------------- numbers


def ranges_of(numbers: Iterable[int]) -> Ranges:
    """Numbers in any order as rising ranges."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found)


def numbers_in(ranges: Ranges, most: int = NUMBERS_MAX) -> Iterator[int]:
    """The numbers of ranges, lowest first, at most so many: a range may be as long as its sender likes."""
    for first, last in ranges:
        yield from range(first, min(last, first + most - 1) + 1)
        most -= min(last - first + 1, most)
        if most <= 0:
            return


def within(ranges: Ranges, number: int) -> bool:
    """Whether one of the ranges holds the number."""
    return any(first <= number <= last for first, last in ranges)


# ---------------------------------------------------------------- what the two say


@dataclass(frozen=True, slots=True)
class Sent:
    """What the gateway sent to the member, by number.

    All of `after` < n ≤ `to` was acknowledged, but for `open` (still owed) and `cancelled` (never to come).
    `again` are earlier numbers, open or missing when last told of, that are to be looked for now.
    """

    after: int
    to: int
    open: Ranges = ()
    cancelled: Ranges = ()
    again: Ranges = ()

    def expected(self) -> list[int]:
        """The numbers the member has answered, so that it must have them."""
        due = ranges_of(range(self.after + 1, min(self.to, self.after + NUMBERS_MAX) + 1))
        spared = {number for each in (self.open, self.cancelled) for number in numbers_in(each)}
        return sorted(({*numbers_in(due), *numbers_in(self.again)}) - spared)


@dataclass(frozen=True, slots=True)
class Received:
    """The member's own numbers as they came: the highest, those missing below it, and those that two messages carry."""

    to: int
    missing: Ranges = ()
    twice: Ranges = ()


@dataclass(frozen=True, slots=True)
class TransferState:
    """Where one side says a case stands.  State "" and `ver` 0: it knows no such case."""

    transfer: str
    state: str
    ver: int
    items: tuple[ItemState, ...] = ()


@dataclass(frozen=True, slots=True)
class StateDigest:
    """One page of what the gateway holds of a member's affairs, as of `size` leaves and their signed `checkpoint`."""

    member: str
    number: int
    size: int
    checkpoint: str
    sent: Sent
    received: Received
    transfers: tuple[TransferState, ...]
    more: bool = False

    def write(self) -> bytes:
        sent, received = self.sent, self.received
        return jcs(
            {
                "v": VERSION, "event": EVENT, "member": self.member, "digest": self.number,
                "size": self.size, "checkpoint": self.checkpoint,
                "to_you": {
                    "after": sent.after, "to": sent.to,
                    "open": _list(sent.open), "cancelled": _list(sent.cancelled), "again": _list(sent.again),
                },
                "from_you": {"to": received.to, "missing": _list(received.missing), "twice": _list(received.twice)},
                "transfers": [_transfer(each) for each in self.transfers],
                "more": self.more,
            }
        )  # fmt: skip

    @classmethod
    def read(cls, content: bytes) -> "StateDigest":
        """Raises FormatError(`format.state_digest`)."""
        told = _Told(content)
        to_you, from_you = told.inner("to_you"), told.inner("from_you")
        return cls(
            member=told.member("member"),
            number=told.number("digest"),
            size=told.number("size"),
            checkpoint=told.text("checkpoint", 4096),
            sent=Sent(
                to_you.number("after"), to_you.number("to"), to_you.ranges("open"), to_you.ranges("cancelled"), to_you.ranges("again")
            ),
            received=Received(from_you.number("to"), from_you.ranges("missing"), from_you.ranges("twice")),
            transfers=told.transfers("transfers"),
            more=told.flag("more"),
        )


@dataclass(frozen=True, slots=True)
class StateAnswer:
    """What the member makes of a digest.

    `lacks`: numbers it has answered, says the gateway, and does not have.  `floor`: it knows of nothing above that number being
    settled before, and asks to be told again from there.  `sent`: the highest number it has given; `pending` of these are still to
    be sent (or sent again), `given_up` never will be, `lost` are numbers of which it has no message.  `differs`: its own view of
    each case where that is another than the gateway's.
    """

    lacks: Ranges = ()
    floor: int | None = None
    sent: int = 0
    pending: Ranges = ()
    given_up: Ranges = ()
    lost: Ranges = ()
    differs: tuple[TransferState, ...] = ()

    def write(self) -> bytes:
        body: dict[str, Json] = {
            "v": VERSION, "lacks": _list(self.lacks), "sent": self.sent, "pending": _list(self.pending), "given_up": _list(self.given_up),
            "lost": _list(self.lost), "differs": [_transfer(each) for each in self.differs],
        }  # fmt: skip
        if self.floor is not None:
            body["floor"] = self.floor
        return jcs(body)

    @classmethod
    def read(cls, content: bytes) -> "StateAnswer":
        """Raises FormatError(`format.state_digest`)."""
        told = _Told(content)
        return cls(
            lacks=told.ranges("lacks"),
            floor=told.number("floor") if "floor" in told.found else None,
            sent=told.number("sent"),
            pending=told.ranges("pending"),
            given_up=told.ranges("given_up"),
            lost=told.ranges("lost"),
            differs=told.transfers("differs"),
        )


def read_ranges(value: Any) -> Ranges:
    """Ranges as JSON: rising, apart, at most `RANGES_MAX`.  Raises FormatError."""
    if not isinstance(value, list) or len(value) > RANGES_MAX:
        raise _fault("ranges")
    found, before = [], -1
    for each in value:
        if not (isinstance(each, list) and len(each) == 2 and all(type(one) is int for one in each)):
            raise _fault("ranges")
        first, last = each
        if not before < first <= last <= SEQ_MAX:
            raise _fault("ranges")
        found.append((first, last))
        before = last
    return tuple(found)


def _list(ranges: Ranges) -> list[Json]:
    return [[first, last] for first, last in ranges[:RANGES_MAX]]


def _transfer(each: TransferState) -> dict[str, Json]:
    return {"transfer": each.transfer, "state": each.state, "ver": each.ver, "items": [list(item) for item in each.items]}


class _Told:
    """An object of the other side's, taken member by member in its exact form."""

    def __init__(self, content: bytes | Mapping[str, Any]) -> None:
        found: Any = read_json(content, LIMITS) if isinstance(content, bytes) else content
        if not isinstance(found, Mapping) or (isinstance(content, bytes) and found.get("v") != VERSION):
            raise _fault("form")
        self.found: Mapping[str, Any] = found

    def inner(self, name: str) -> "_Told":
        value = self.found.get(name)
        if not isinstance(value, Mapping):
            raise _fault(name)
        return _Told(value)

    def number(self, name: str, most: int = SEQ_MAX) -> int:
        value = self.found.get(name)
        if type(value) is not int or not 0 <= value <= most:
            raise _fault(name)
        return value

    def text(self, name: str, most: int = TEXT_MAX) -> str:
        value = self.found.get(name)
        if not isinstance(value, str) or len(value) > most:
            raise _fault(name)
        return value

    def member(self, name: str) -> str:
        value = self.text(name)
        if not is_member_id(value):
            raise _fault(name)
        return value

    def flag(self, name: str) -> bool:
        value = self.found.get(name)
        if not isinstance(value, bool):
            raise _fault(name)
        return value

    def ranges(self, name: str) -> Ranges:
        return read_ranges(self.found.get(name))

    def transfers(self, name: str) -> tuple[TransferState, ...]:
        value = self.found.get(name)
        if not isinstance(value, list) or len(value) > TRANSFERS_MAX or not all(isinstance(each, Mapping) for each in value):
            raise _fault(name)
        found = tuple(_Told(each).transfer() for each in value)
        if sum(len(each.items) for each in found) > ITEMS_MAX:
            raise _fault(name)
        return found

    def transfer(self) -> TransferState:
        items, id_ = self.found.get("items"), self.text("transfer")
        if not isinstance(items, list) or not is_digest(id_):
            raise _fault("transfers")
        return TransferState(id_, self.text("state"), self.number("ver", VER_MAX), tuple(_item(each) for each in items))


def _item(value: Any) -> ItemState:
    if not isinstance(value, list) or len(value) != 3:
        raise _fault("items")
    record, state, credits_ = value
    if not (isinstance(record, str) and isinstance(state, str) and (credits_ is None or isinstance(credits_, str))):
        raise _fault("items")
    if max(len(record), len(state), len(credits_ or "")) > TEXT_MAX:
        raise _fault("items")
    return record, state, credits_


def _fault(where: str) -> FormatError:
    return FormatError("format.state_digest", "状态摘要格式不正确", "the state digest does not have its form", where=where)
