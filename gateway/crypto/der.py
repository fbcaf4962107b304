"""DER (X.690), as far as a time stamp needs it: definite lengths in their shortest form, tags below 31, bounded depth and size.

A reader over bytes nobody trusts: every fault is `DerError`, which the caller turns into a fault with a code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
GENERALIZED_TIME: Final = 0x18
BOOLEAN: Final = 0x01
SEQUENCE: Final = 0x30
SET: Final = 0x31
CHILDREN_MAX: Final = 256


class DerError(ValueError):
    """Not DER, or not where it was looked for."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value.  `raw` is the whole of it, header and all; `body` what it holds."""

    tag: int
    body: bytes
    raw: bytes

    def children(self) -> list["Node"]:
        """The values inside a constructed one."""
        if not self.tag & 0x20:
            raise DerError("a primitive value has no parts")
        found: list[Node] = []
        rest = self.body
        while rest:
            if len(found) == CHILDREN_MAX:
                raise DerError("too many parts")
            node, rest = read(rest)
            found.append(node)
        return found

    def expect(self, tag: int) -> "Node":
        if self.tag != tag:
            raise DerError("another type than expected")
        return self

    def integer(self) -> int:
        body = self.expect(INTEGER).body
        if not body or (len(body) > 1 and body[0] == 0 and body[1] < 0x80):
            raise DerError("an integer in a longer form than needed")
        return int.from_bytes(body, "big", signed=True)

    def oid(self) -> str:
        """Dotted."""
        body = self.expect(OID).body
        if not body or body[-1] & 0x80:
            raise DerError("an object identifier that does not end")
        numbers: list[int] = []
        value = 0
        for byte in body:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(value)
                value = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def parse(data: bytes) -> Node:
    """Exactly one value.  Raises DerError."""
    node, rest = read(data)
    if rest:
        raise DerError("bytes after the value")
    return node


def read(data: bytes) -> tuple[Node, bytes]:
    """The first value and what follows it.  Raises DerError."""
    if len(data) < 2 or data[0] & 0x1F == 0x1F:
        raise DerError("cut off, or a tag of more than one byte")
    length, start = data[1], 2
    if length >= 0x80:
        count = length & 0x7F
        start += count
        if not 1 <= count <= 4 or len(data) < start:
            raise DerError("a length that DER does not have")
        length = int.from_bytes(data[2:start], "big")
        if length < 0x80 or data[2] == 0:
            raise DerError("a length in a longer form than needed")
    if len(data) < start + length:
        raise DerError("cut off")
    return Node(data[0], data[start : start + length], data[: start + length]), data[start + length :]


def write(tag: int, *parts: bytes) -> bytes:
    """One value over these bytes, joined."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(body).to_bytes(size, "big") + body


def write_integer(value: int) -> bytes:
    """A number from 0 up."""
    return write(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def write_oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    return write(OID, b"".join(map(_base128, [40 * first + second, *rest])))


def _base128(number: int) -> bytes:
    found = [number & 0x7F]
    while number := number >> 7:
        found.append(number & 0x7F | 0x80)
    return bytes(reversed(found))


def tagged(nodes: Sequence[Node], tag: int) -> Node | None:
    """The first of these with that tag."""
    return next((node for node in nodes if node.tag == tag), None)
