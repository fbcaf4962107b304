"""The document itself: SOAP envelope or bare `CGPC`, in and out.  What the values mean is checked elsewhere.

A feed of the bank holds many learners in one `CGPC`: each `XXZ` is followed by its `CG`.  A part is
the same document with one `XXZ`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.adapters.fields import TOO_LONG, Fault
from gateway.adapters.jiangsu.faults import REPEATED_ELEMENT, TOO_MANY_VALUES, VERSION
from gateway.adapters.jiangsu.options import Options
from gateway.adapters.jiangsu.paths import LEARNER_ORDER, PATH_CHARS_MAX, RECORD_ORDER, VALUE_CHARS_MAX, VALUES_MAX, Flat, flatten, markup
from gateway.errors import RecordError
from gateway.formats.gb18030 import encode_gb18030
from gateway.formats.soap import ENVELOPE_LIMITS, base64_bytes, base64_text, is_envelope, open_envelope, write_soap
from gateway.formats.xml_safe import Element, children, escape_attribute, local_name, namespace, parse_xml, text_of

NAMESPACE_PREFIX: Final = "urn:jsxfyh:"
HEAD_ORDER: Final = ("@PCH", "@CJSJ", "@TS", "@BB")
NOTE: Final = "<!-- 未由本行签名 not signed locally: the gateway holds no key of the bank -->"


@dataclass(slots=True)
class Row:
    """One `CG`; `number` is its 1-based position among the document's `CG`."""

    number: int
    flat: Flat


@dataclass(slots=True)
class Group:
    """One `XXZ` and its rows."""

    learner: Flat
    rows: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Document:
    """`head`: attributes of `CGPC` and its unknown children; `security`: values of `js:Sec`; `strays`: rows before any `XXZ`."""

    head: Flat
    security: dict[str, str]
    groups: list[Group] = field(default_factory=list)
    strays: list[Row] = field(default_factory=list)

    @property
    def rows_read(self) -> int:
        return len(self.strays) + sum(len(group.rows) for group in self.groups)


def read_document(content: bytes, options: Options, rows_max: int) -> Document:
    """Raises FormatError; RecordError `record.unknown_document`, `.unknown_version`, `.repeated_element`, `.too_many_rows`."""
    root = parse_xml(content, limits=ENVELOPE_LIMITS)
    security: dict[str, str] = {}
    if is_envelope(root):
        known = tuple(f"{{{NAMESPACE_PREFIX}{version}}}Sec" for version in options.format_versions)
        message = open_envelope(root, understood=known)
        security = _security([block for block in message.headers if str(block.tag) in known])
        root = parse_xml(_payload(message.body, options))
    if root.tag != "CGPC":
        raise _unknown_document()
    document = Document(flatten(root, skip=("XXZ", "CG")), security)
    _gather(root, document, rows_max)
    return document


def _gather(root: Element, document: Document, rows_max: int) -> None:
    number = 0
    for child in children(root):
        if child.tag == "XXZ":
            document.groups.append(Group(flatten(child)))
        elif child.tag == "CG":
            number += 1
            if number > rows_max:
                raise RecordError("record.too_many_rows", "成果条数超过上限", "there are too many achievements", most=rows_max)
            rows = document.groups[-1].rows if document.groups else document.strays
            rows.append(Row(number, flatten(child)))


def _payload(body: Element, options: Options) -> bytes:
    space = namespace(body)
    if local_name(body) != "pushCg" or not space.startswith(NAMESPACE_PREFIX):
        raise _unknown_document()
    if space.removeprefix(NAMESPACE_PREFIX) not in options.format_versions:
        raise RecordError(VERSION.code, VERSION.zh, VERSION.en)
    inside = list(children(body))
    if [str(child.tag) for child in inside] != [f"{{{space}}}data"] or list(children(inside[0])):
        raise _unknown_document()
    return base64_bytes(inside[0])


def _security(blocks: Sequence[Element]) -> dict[str, str]:
    """Kept as the bank sent it and never judged here: it signs bytes, not values."""
    if len(blocks) > 1:
        raise _refused(REPEATED_ELEMENT)
    values: dict[str, str] = {}
    for child in (child for block in blocks for child in children(block)):
        path, value = f"Sec/{local_name(child)}", text_of(child)
        if path in values:
            raise _refused(REPEATED_ELEMENT)
        if len(path) > PATH_CHARS_MAX or len(value) > VALUE_CHARS_MAX:
            raise _refused(TOO_LONG)
        if len(values) >= VALUES_MAX:
            raise _refused(TOO_MANY_VALUES)
        values[path] = value
    return values


def _refused(fault: Fault) -> RecordError:
    return RecordError(fault.code, fault.zh, fault.en, problems=(fault.at("Sec"),))


def write_document(head: Mapping[str, str], learner: Mapping[str, str], rows: Sequence[Mapping[str, str]], *, soap: bool) -> bytes:
    """One learner's document; `head` has `@BB`.

    Raises RecordError or FormatError for what XML or GB18030 cannot hold; nothing becomes a `?`.
    """
    inside = ["\n ", markup("XXZ", learner, LEARNER_ORDER)]
    for values in rows:
        inside += ["\n ", markup("CG", values, RECORD_ORDER)]
    text = markup("CGPC", head, HEAD_ORDER, rest="".join(inside) + "\n")
    content = encode_gb18030(f'<?xml version="1.0" encoding="GB18030"?>\n{text}')
    if not soap:
        return content
    space = escape_attribute(NAMESPACE_PREFIX + head["@BB"])
    return write_soap(f'<js:pushCg xmlns:js="{space}"><js:data>{base64_text(content)}</js:data></js:pushCg>', header=NOTE)


def _unknown_document() -> RecordError:
    return RecordError("record.unknown_document", "不是江苏学分银行的推送格式", "not a document of the Jiangsu push format")
