"""The one door to lxml: hostile bytes to a bounded tree, a compiled schema, and escaping for writers.

`gateway.formats.xml_bytes` first refuses by rule what no parser should see; then a ceiling on
tags, then the parser (no DTD, no entities, no network, no huge trees, comments and processing
instructions dropped), and after it the exact limits.  Whatever the bytes, nothing but FormatError
leaves `parse_xml`.
"""

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias, cast

from lxml import etree
from lxml.etree import _Element, _LogEntry

from gateway.errors import FormatError
from gateway.formats.xml_bytes import as_utf8, refuse_size

Element: TypeAlias = _Element

XSI = "http://www.w3.org/2001/XMLSchema-instance"
FAULTS_MAX = 50
LARGE_MARKS = 4_000
MARK_BYTES_MIN = 4  # `<a/>`; an attribute takes more
FIRST_SIBLINGS = 1_000


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """Bytes of the document, nesting, elements, attributes of one element, characters of one text or attribute value."""

    bytes_max: int = 8 * 1024 * 1024
    depth_max: int = 32
    nodes_max: int = 250_000
    attributes_max: int = 64
    text_max: int = 64 * 1024


DEFAULT_LIMITS = XmlLimits()


class _PerThread(threading.local):
    """Parser and XPath objects lock themselves: one set a thread, so that threads do not wait for each other."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            no_network=True,
            huge_tree=False,
            recover=False,
            remove_comments=True,
            remove_pis=True,
        )
        self.depth: dict[int, etree.XPath] = {}
        self.nodes = etree.XPath("count(//*)")
        self.crowded = etree.XPath("boolean(//*[count(@*) > $most])")
        self.long = etree.XPath("boolean(//text()[string-length() > $most] | //@*[string-length() > $most])")
        self.xsi = etree.XPath("//*[@xsi:*]", namespaces={"xsi": XSI})


_local = _PerThread()


def parse_xml(content: bytes, *, limits: XmlLimits = DEFAULT_LIMITS) -> Element:
    """The root element of hostile bytes.

    UTF-8 (with or without mark, also when undeclared), GB18030, GBK and GB2312 are read; every other
    encoding is refused.  Raises FormatError: `format.too_large`, `format.encoding`, `format.doctype`,
    `format.xml_version`, `format.malformed`, `format.too_deep`, `format.too_many_nodes`.
    """
    content = as_utf8(content, limits.bytes_max)
    root = _parse(content, limits)
    if _deeper_than(limits.depth_max)(root):
        raise FormatError("format.too_deep", "元素嵌套过深", "elements are nested too deeply", most=limits.depth_max)
    if content.count(b"=") > limits.attributes_max and _local.crowded(root, most=limits.attributes_max):
        raise FormatError("format.too_many_nodes", "元素属性过多", "an element has too many attributes", most=limits.attributes_max)
    _check_sizes(root, content, limits)
    return root


def parse_own_xml(content: bytes, *, limits: XmlLimits = DEFAULT_LIMITS) -> Element:
    """The root element of UTF-8 bytes that a writer of ours has just made, with `escape_text` and `escape_attribute`.

    Such a writer cannot be made to write a document type, another encoding, deep nesting or attributes of a value's
    choosing, so nobody looks for them (a quarter of the parsing); sizes follow from the values, under the same limits.
    Raises FormatError: `format.too_large`, `format.malformed`, `format.too_many_nodes`.
    """
    refuse_size(content, limits.bytes_max)
    root = _parse(content, limits)
    _check_sizes(root, content, limits)
    return root


def _parse(content: bytes, limits: XmlLimits) -> Element:
    if len(content) > limits.nodes_max and content.count(b"<") > 2 * limits.nodes_max:
        raise _too_many_nodes(limits)
    try:
        return etree.fromstring(content, _local.parser)
    except etree.XMLSyntaxError as error:
        raise _syntax_error(error) from None


def _check_sizes(root: Element, content: bytes, limits: XmlLimits) -> None:
    """The exact limits, looked at only where the bytes leave it possible: a small document costs no query."""
    if len(content) > limits.nodes_max and content.count(b"<") > limits.nodes_max and cast("float", _local.nodes(root)) > limits.nodes_max:
        raise _too_many_nodes(limits)
    if len(content) > limits.text_max and _local.long(root, most=limits.text_max):
        raise FormatError("format.too_large", "文本过长", "a text or attribute value is too long", most=limits.text_max)


def _deeper_than(depth: int) -> etree.XPath:
    query = _local.depth.get(depth)
    if query is None:
        query = _local.depth[depth] = etree.XPath("boolean(" + "/*" * (depth + 1) + ")")
    return query


def _syntax_error(error: etree.XMLSyntaxError) -> FormatError:
    """The parser's text may quote the document, so only the place is passed on."""
    line = error.lineno or 0
    if "excessive depth" in str(error).lower():
        return FormatError("format.too_deep", "元素嵌套过深", "elements are nested too deeply", line=line)
    return FormatError("format.malformed", "XML 格式不正确", "the XML is not well formed", line=line)


def _too_many_nodes(limits: XmlLimits) -> FormatError:
    return FormatError("format.too_many_nodes", "元素过多", "there are too many elements", most=limits.nodes_max)


# Reading a tree without importing lxml elsewhere.


def local_name(element: Element) -> str:
    """The name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def namespace(element: Element) -> str:
    """The namespace, "" where there is none."""
    return str(element.tag).rpartition("}")[0][1:]


def children(element: Element, name: str = "") -> Iterator[Element]:
    """Child elements in order; `name` (a local name, or `{namespace}name`) keeps those of that name only."""
    if not name:
        yield from element
        return
    for child in element:
        if child.tag == name or (name[0] != "{" and local_name(child) == name):
            yield child


def first_child(element: Element, name: str) -> Element | None:
    """The first child of that name, as `children` compares names."""
    return next(children(element, name), None)


def child_text(element: Element, name: str) -> str | None:
    """The text of the first child of that name, exactly as written; "" where it is empty, None where it is absent."""
    child = first_child(element, name)
    return None if child is None else text_of(child)


def text_of(element: Element) -> str:
    """The element's own text before its first child, "" where there is none."""
    return str(element.text or "")


def attributes(element: Element) -> dict[str, str]:
    """Attributes in document order; names in a namespace as `{namespace}name`."""
    return {str(name): str(value) for name, value in element.attrib.items()}


def line_of(element: Element) -> int:
    """The 1-based line of the start tag, 0 where it is not known."""
    line = cast("int | None", element.sourceline)
    return line or 0


_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}").fullmatch


def path_of(element: Element) -> str:
    """`/regionalPart/records/record[2]/title`: local names, a place among like siblings; odd names (they are input) as `*`."""
    steps: list[str] = []
    here: Element | None = element
    while here is not None:
        name, tag = local_name(here), str(here.tag)
        before = sum(1 for _ in here.itersiblings(tag, preceding=True))
        alone = before == 0 and next(here.itersiblings(tag), None) is None
        steps.append((name if _PLAIN_NAME(name) else "*") + ("" if alone else f"[{before + 1}]"))
        here = here.getparent()
    return "/" + "/".join(reversed(steps))


def walk(element: Element) -> Iterator[Element]:
    """The element and all below it, in document order."""
    yield from element.iter()


# Writing.

_ILLEGAL = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"
_SPECIAL_IN_TEXT = re.compile(f"[&<>\r{_ILLEGAL}]").search
_SPECIAL_IN_ATTRIBUTE = re.compile(f'[&<>"\t\n\r{_ILLEGAL}]').search
_CANNOT_HOLD = re.compile(f"[{_ILLEGAL}]").search
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"})


def plain_in_text(text: str) -> bool:
    """True where `escape_text` would surely change nothing.  Half the price of its regular expression, for many texts joined into one."""
    return text.isprintable() and "&" not in text and "<" not in text and ">" not in text


def escape_text(text: str) -> str:
    """Text for element content; a parser gives back exactly `text`.  Raises FormatError `format.character`."""
    return _escaped(text, _IN_TEXT) if _SPECIAL_IN_TEXT(text) else text


def escape_attribute(text: str) -> str:
    """Text for a double-quoted attribute value.  Raises FormatError `format.character`."""
    return _escaped(text, _IN_ATTRIBUTE) if _SPECIAL_IN_ATTRIBUTE(text) else text


def _escaped(text: str, table: dict[int, str]) -> str:
    found = _CANNOT_HOLD(text)
    if found is not None:
        point = f"U+{ord(found[0]):04X}"
        raise FormatError("format.character", f"XML 1.0 不能容纳字符 {point}", f"XML 1.0 cannot hold {point}", character=point)
    return text.translate(table)


def to_bytes(element: Element) -> bytes:
    """The element as a UTF-8 document with declaration, without the text that follows it in its parent."""
    return etree.tostring(element, encoding="UTF-8", xml_declaration=True, with_tail=False)


# Schemas.


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """`path` is an element path, `rule` libxml2's stable name of the rule; `message` never quotes a value of the document."""

    path: str
    line: int
    message: str
    rule: str


_XSD = "{http://www.w3.org/2001/XMLSchema}"
_OPENS_FILES = (f"{_XSD}import", f"{_XSD}redefine", f"{_XSD}override")


def _whole(sources: Mapping[str, bytes], main: str) -> Element:
    """The schema with what it includes written into it, so that compiling opens nothing.

    libxml2 asks one loader for every thread to open an included file, and lxml puts its own there and takes it
    away around each parse of any thread: a schema that includes then now and then finds nothing, or a real file.
    Raises ValueError for an include of what is not among the sources or does not share the whole of its head.
    """
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
    root = etree.fromstring(sources[main], parser)
    seen = {main}
    while (include := root.find(f"{_XSD}include")) is not None:
        address = include.get("schemaLocation", "")
        root.remove(include)
        if address in seen:
            continue
        if address not in sources:
            raise ValueError(f"{address} is not among the schema's own files")
        seen.add(address)
        part = etree.fromstring(sources[address], parser)
        if (dict(part.attrib), part.nsmap) != (dict(root.attrib), root.nsmap):
            raise ValueError(f"{address} has other namespaces or defaults than the schema that includes it")
        root.extend(list(part))
    if any(node.tag in _OPENS_FILES for node in root):
        raise ValueError("only includes are read")
    return root


class Schema:
    """A compiled XML schema, usable from any thread.

    lxml keeps the faults of the last validation on the schema object, and threads that share one
    empty each other's list; so each thread compiles its own.
    """

    def __init__(self, sources: Mapping[str, bytes], main: str) -> None:
        """`sources` are schema documents by the name they include each other by; `main` is the one to compile.

        Raises ValueError where they do not compile: schemas are our own files, not input.
        """
        if main not in sources:
            raise ValueError(f"{main} is not among the schema files")
        self._sources = dict(sources)
        self._main = main
        self._compiled = threading.local()
        self._validator()

    def validate(self, document: Element | bytes, source: bytes | None = None) -> list[SchemaFault]:
        """What is wrong, in document order, at most 50; empty where it is valid.  Raises FormatError for bad bytes.

        Attributes of the schema-instance namespace are a fault: `xsi:schemaLocation` would make libxml2
        open files of the document's choosing.  They are looked for where the namespace
        can be: written out, or spelled with character references.  `source` is the bytes of a tree, where
        the caller has them at hand.
        """
        if isinstance(document, bytes):
            source = document
            document = parse_xml(source)
        elif source is None:
            source = to_bytes(document)
        if b"&" in source or b"XMLSchema-instance" in source:
            hinted = cast("list[Element]", _local.xsi(document))
            if hinted:
                return [SchemaFault(path_of(node), line_of(node), "xsi attributes are not accepted", "XSI") for node in hinted[:FAULTS_MAX]]
        return self.validate_own(document, source)

    def validate_own(self, document: Element, source: bytes) -> list[SchemaFault]:
        """`validate` for a tree of `parse_own_xml`: our writers write no schema-instance attributes."""
        large = len(source) > MARK_BYTES_MIN * LARGE_MARKS and source.count(b"<") + source.count(b"=") > LARGE_MARKS
        return self._validate_large(document) if large else self._faults(document)

    def _validate_large(self, root: Element) -> list[SchemaFault]:
        """In time linear in the document, whatever is wrong with it.

        On a tree, each fault makes lxml count the siblings before it: 100,000 faulty siblings took a minute.
        Validating while parsing keeps no places, so the faults are then looked for among the first of each list.
        """
        content = to_bytes(root)
        try:
            etree.fromstring(content, etree.XMLParser(schema=self._validator(), resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError:
            shortened = parse_xml(content, limits=XmlLimits(2 * len(content), nodes_max=len(content)))
            for node in walk(shortened):
                del node[FIRST_SIBLINGS:]
            unplaced = SchemaFault(path_of(root), 0, f"the faults are past the first {FIRST_SIBLINGS} of a list", "UNPLACED")
            return self._faults(shortened) or [unplaced]
        return []

    def _faults(self, root: Element) -> list[SchemaFault]:
        validator = self._validator()
        if validator.validate(root):
            return []
        return [_fault(entry, root) for entry in islice(cast("Iterable[_LogEntry]", validator.error_log), FAULTS_MAX)]

    def _validator(self) -> etree.XMLSchema:
        validator: etree.XMLSchema | None = getattr(self._compiled, "validator", None)
        if validator is None:
            try:
                validator = etree.XMLSchema(_whole(self._sources, self._main))
            except (etree.XMLSyntaxError, etree.XMLSchemaParseError, ValueError) as error:
                raise ValueError(f"{self._main} is not a usable schema: {error}") from error
            self._compiled.validator = validator
        return validator


_QUOTED = re.compile(r"'.*'|\[.*\]", re.DOTALL)
_NAMED_STEP = re.compile(r"/([^/\[\]*@']+)")
_ATTRIBUTE = re.compile(r"^Element '[^']*'(?:, attribute|: The attribute) '([A-Za-z]{1,40})'").match


def _fault(entry: _LogEntry, root: Element) -> SchemaFault:
    """libxml2 writes `*` for every name in a default namespace: the element is looked up and its path written with names."""
    query = _NAMED_STEP.sub(r"/*[name()='\1']", str(entry.path or "/*"))
    found = [node for node in cast("list[object]", root.getroottree().xpath(query)) if isinstance(node, Element)]
    attribute = _ATTRIBUTE(str(entry.message))
    path = path_of(found[0] if found else root) + (f"/@{attribute[1]}" if attribute else "")
    rule = str(entry.type_name).removeprefix("SCHEMAV_")
    return SchemaFault(path, int(entry.line), _QUOTED.sub("…", str(entry.message)), rule)
