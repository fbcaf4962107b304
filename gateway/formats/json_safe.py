"""JSON from a stranger: bytes to plain values, strictly and within bounds.

The standard decoder does the work; this module closes what it leaves open.  Duplicate keys are
refused (last-one-wins lets two readers see two records), so are NaN and Infinity, a byte-order
mark (RFC 8259 section 8.1: implementations MUST NOT add one), unpaired surrogates, over-long
numbers, and anything after the value.  Numbers with a fraction or exponent become `Decimal`.

Size, nesting and the number of values are bounded on the bytes, before the decoder builds
anything: `bytes.count` answers for ordinary messages, and only a message that might be over a
limit pays for a look outside its strings.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TypeAlias, Union

from gateway.errors import FormatError

JsonValue: TypeAlias = Union[bool, int, str, Decimal, list["JsonValue"], dict[str, "JsonValue"], None]
JsonInput: TypeAlias = Union[bool, int, str, Decimal, Sequence["JsonInput"], Mapping[str, "JsonInput"], None]


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """Bounds of one document.  `number_chars_max` counts the written form; `exponent_max` bounds a Decimal's magnitude."""

    bytes_max: int = 8 * 1024 * 1024
    depth_max: int = 32
    nodes_max: int = 500_000
    number_chars_max: int = 32
    exponent_max: int = 30


DEFAULT_LIMITS = JsonLimits()
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_BRACKETS = bytes(set(range(256)) - set(b'[]{}"'))
_ONE_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_UNPAIRED = re.compile("[\ud800-\udfff]")


def read_json(raw: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> JsonValue:
    """Decode one JSON text.  Raises FormatError, and nothing else, whatever the bytes."""
    _check_shape(raw, limits)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("format.encoding", "不是有效的 UTF-8", "not valid UTF-8", offset=error.start) from None
    value = _decode(text, raw, limits)
    if b"\\" in raw and _SURROGATE_ESCAPE.search(raw):
        _refuse_surrogates(value)
    return value


def _check_shape(raw: bytes, limits: JsonLimits) -> None:
    if len(raw) > limits.bytes_max:
        raise FormatError("format.too_large", "内容过大", "the content is too large", bytes=len(raw), limit=limits.bytes_max)
    if raw.startswith(_BOMS):
        raise FormatError("format.bom", "JSON 不得以字节顺序标记开头", "JSON must not begin with a byte-order mark")
    opened = raw.count(b"[") + raw.count(b"{")
    if opened > limits.depth_max:
        _check_depth(raw, limits)
    if 1 + opened + raw.count(b",") > limits.nodes_max:
        _check_nodes(raw, limits)


def _outside_strings(raw: bytes) -> bytes:
    """The bytes that stand outside strings.  Escapes go first, pairs of backslashes before quotes, so what is left are real quotes."""
    return b"".join(raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


def _check_depth(raw: bytes, limits: JsonLimits) -> None:
    """Peel one level of brackets a round.  What still nests after `depth_max` rounds, open or closed, is too deep."""
    quotes = raw.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _BRACKETS)
    if quotes.count(b'"') > 4 * limits.nodes_max:
        raise _too_many(limits)
    brackets = b"".join(quotes.split(b'"')[::2]).translate(_ONE_KIND)
    for _ in range(limits.depth_max):
        if b"[]" not in brackets:
            break
        brackets = brackets.replace(b"[]", b"")
    if b"[]" in brackets or brackets.count(b"[") > limits.depth_max:
        raise FormatError("format.too_deep", "嵌套过深", "nested too deeply", limit=limits.depth_max)


def _check_nodes(raw: bytes, limits: JsonLimits) -> None:
    if raw.count(b'"') > 8 * limits.nodes_max:
        raise _too_many(limits)
    outside = _outside_strings(raw)
    if 1 + outside.count(b"[") + outside.count(b"{") + outside.count(b",") > limits.nodes_max:
        raise _too_many(limits)


def _too_many(limits: JsonLimits) -> FormatError:
    return FormatError("format.too_many_nodes", "值的数量过多", "too many values", limit=limits.nodes_max)


def _decode(text: str, raw: bytes, limits: JsonLimits) -> JsonValue:
    decoder = _decoder(limits.number_chars_max, limits.exponent_max, count=_may_hold_long_number(raw, limits))
    try:
        value: JsonValue = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _syntax(error) from None
    except RecursionError:
        raise FormatError("format.too_deep", "嵌套过深", "nested too deeply", limit=limits.depth_max) from None
    return value


def _may_hold_long_number(raw: bytes, limits: JsonLimits) -> bool:
    """Whether a run of digits reaches the limit: one look at the bytes, where a call for each integer took a quarter of the reading."""
    return b"0" * limits.number_chars_max in raw.translate(_ONE_DIGIT)


@lru_cache(maxsize=32)
def _decoder(chars_max: int, exponent_max: int, *, count: bool) -> json.JSONDecoder:
    """A strict decoder; `count` says that integers may be too long and are to be measured."""

    def integer(written: str) -> int:
        if len(written) > chars_max:
            raise _number()
        return int(written)

    def decimal(written: str) -> Decimal:
        if len(written) > chars_max:
            raise _number()
        number = Decimal(written)
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or abs(exponent) > exponent_max or abs(number.adjusted()) > exponent_max:
            raise _number()
        return number

    return json.JSONDecoder(
        object_pairs_hook=_object, parse_float=decimal, parse_int=integer if count else None, parse_constant=_not_finite
    )


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FormatError("format.duplicate_key", "对象中有重复的键", "an object holds one key twice")
    return found


def _not_finite(_written: str) -> JsonValue:
    raise FormatError("format.not_finite", "JSON 不允许 NaN 或 Infinity", "JSON has no NaN and no Infinity")


def _number() -> FormatError:
    return FormatError("format.number", "数字过长或过大", "a number is too long or too large")


def _syntax(error: json.JSONDecodeError) -> FormatError:
    if error.msg == "Extra data":
        return FormatError("format.trailing_data", "JSON 之后还有内容", "there is more after the JSON value", line=error.lineno)
    return FormatError("format.json", "不是有效的 JSON", "not valid JSON", line=error.lineno, column=error.colno)


def _refuse_surrogates(value: JsonValue) -> None:
    match value:
        case str():
            if _UNPAIRED.search(value):
                raise FormatError("format.surrogate", "字符串含有不成对的代理码", "a string holds an unpaired surrogate")
        case list():
            for inner in value:
                _refuse_surrogates(inner)
        case dict():
            for key, inner in value.items():
                _refuse_surrogates(key)
                _refuse_surrogates(inner)
        case _:
            return


def write_json(value: JsonInput, *, indent: int | None = None) -> bytes:
    """The UTF-8 bytes of `value`, members in their own order, unescaped, Decimals exactly as they are.

    `indent` None gives the compact form.  The standard encoder has no exact form for Decimal, hence this one.
    """
    return _write(value, indent, "\n").encode("utf-8")


def _write(value: JsonInput, indent: int | None, line: str) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return encode_basestring(value)
        case int() | Decimal():
            return str(value)
        case Mapping():
            colon = ":" if indent is None else ": "
            inner = line if indent is None else line + " " * indent
            members = [encode_basestring(key) + colon + _write(item, indent, inner) for key, item in value.items()]
            return _wrap("{", members, "}", indent, line)
        case _:
            inner = line if indent is None else line + " " * indent
            return _wrap("[", [_write(item, indent, inner) for item in value], "]", indent, line)


def _wrap(opening: str, items: list[str], closing: str, indent: int | None, line: str) -> str:
    if not items:
        return opening + closing
    if indent is None:
        return opening + ",".join(items) + closing
    inner = line + " " * indent
    return opening + inner + ("," + inner).join(items) + line + closing
