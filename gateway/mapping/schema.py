"""The regional standard's schemas: a quick verdict for the hot path, a patient explanation for people.

`validate` asks libxml2 (through `gateway.formats.xml_safe`) and gives the parsed tree back, so
that nobody parses twice.  `explain` asks the xmlschema library, some fifty times slower, only
after a refusal; it words each fault with the documentation written in the schema itself.  No
text quotes a value of the document: values are personal data.
"""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import xmlschema

from gateway.errors import Problem, StandardError
from gateway.formats.xml_safe import Element, Schema, XmlLimits, local_name, parse_own_xml, parse_xml, path_of, walk
from gateway.model.codes import read_verified
from gateway.model.regional import STANDARD_VERSION

NAMESPACE: Final = f"urn:yrd:credit-exchange:{STANDARD_VERSION}"

ROOTS: Final[dict[str, str]] = {
    "records": "regionalPart",
    "identity": "identity",
    "request": "request",
    "consent": "consent",
    "confirmation": "confirmation",
    "acknowledgement": "acknowledgement",
    "decision": "decision",
    "posting": "posting",
    "withdrawal": "withdrawal",
    "order": "withdrawal",
    "correction": "correction",
    "clearance": "clearance",
    "agreement": "agreement",
    "agreement-signature": "agreementSignature",
    "handover": "handover",
    "handover-acceptance": "handoverAcceptance",
    "consent-withdrawal": "consentWithdrawal",
    "enquiry": "enquiry",
    "listing": "listing",
    "loss": "lossReport",
}
"""Kind of document (the name of its schema file) to root element."""

LIMITS: Final = XmlLimits(depth_max=8)
PROBLEMS_MAX: Final = 50
_ATTRIBUTE: Final = re.compile(r"^attribute ([A-Za-z]{1,40})=|^(?:missing required attribute )?'([A-Za-z]{1,40})'").match
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
EXPLAINED_NODES_MAX: Final = 10_000
"""About a second of xmlschema's time; a larger document keeps libxml2's verdict, in the same words without the detail."""


class Standard:
    """The schemas of one version, compiled once; usable from any thread."""

    def __init__(self, root: Path) -> None:
        """`root` is the `standards` folder.

        Raises StandardError `standard.checksum` where a schema is not the one the manifest names; OSError or ValueError where
        the files are missing or do not compile.
        """
        self._folder = root / "xsd" / STANDARD_VERSION
        sources = read_verified(root, f"xsd/{STANDARD_VERSION}", ".xsd")
        self._schemas = {kind: Schema(sources, f"{kind}.xsd") for kind in ROOTS}
        self._oracles: dict[str, xmlschema.XMLSchema10] = {}
        self._lock = threading.Lock()

    def validate(self, kind: str, content: bytes) -> Element:
        """The tree of a valid document of that kind (a key of ROOTS).

        Raises FormatError for bytes that are not safe XML, StandardError `standard.invalid` with up to 50 problems.
        """
        root = parse_xml(content, limits=LIMITS)
        _refuse(kind, self._quick_problems(kind, root, content))
        return root

    def validate_own(self, kind: str, content: bytes) -> Element:
        """`validate` for UTF-8 bytes that our own writer has just made, never for bytes that came from elsewhere.

        The schema has the same say and sizes the same limits; only the search for what such a writer cannot write is left out.
        """
        root = parse_own_xml(content, limits=LIMITS)
        _refuse(kind, self._quick_problems(kind, root, content, own=True))
        return root

    def explain(self, kind: str, content: bytes) -> tuple[Problem, ...]:
        """Every problem (at most 50) in words for a person; empty for a valid document.  Raises FormatError as `validate`."""
        root = parse_xml(content, limits=LIMITS)
        quick = self._quick_problems(kind, root, content)
        if not quick or quick[0].code in ("standard.root", "standard.hint"):
            return quick
        if sum(1 for _ in islice(walk(root), EXPLAINED_NODES_MAX + 1)) > EXPLAINED_NODES_MAX:
            return quick
        oracle = self.oracle(kind)
        errors = islice(oracle.iter_errors(root), 2 * PROBLEMS_MAX)
        return _distinct(_explained(error, root, oracle) for error in errors) or quick

    def oracle(self, kind: str) -> xmlschema.XMLSchema10:
        """The same schema as the xmlschema library compiles it, offline; made at first use."""
        with self._lock:
            if kind not in self._oracles:
                path = self._folder / f"{kind}.xsd"
                self._oracles[kind] = xmlschema.XMLSchema10(str(path), allow="local", defuse="always", use_location_hints=False)
            return self._oracles[kind]

    def _quick_problems(self, kind: str, root: Element, content: bytes, *, own: bool = False) -> tuple[Problem, ...]:
        if root.tag != f"{{{NAMESPACE}}}{ROOTS[kind]}":
            zh, en = f"根元素应为 {ROOTS[kind]}(命名空间 {NAMESPACE})", f"the root element must be {ROOTS[kind]} in namespace {NAMESPACE}"
            return (Problem("/", "standard.root", zh, en),)
        schema = self._schemas[kind]
        faults = schema.validate_own(root, content) if own else schema.validate(root, content)
        return _distinct(_by_rule(fault.path, fault.rule) for fault in faults)


def _refuse(kind: str, problems: tuple[Problem, ...]) -> None:
    if problems:
        raise StandardError(
            "standard.invalid",
            "文件不符合区域标准",
            "the document does not follow the regional standard",
            problems=problems,
            kind=kind,
            standard=STANDARD_VERSION,
        )


def _distinct(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Once per place and code: a validator names the facet and then the type it belongs to."""
    return tuple(islice({(problem.path, problem.code): problem for problem in problems}.values(), PROBLEMS_MAX))


def _by_rule(path: str, rule: str) -> Problem:
    """A libxml2 rule in our words."""
    if rule == "XSI":
        return Problem(path, "standard.hint", "不接受 xsi 属性", "xsi attributes are not accepted")
    if rule == "UNPLACED":
        return Problem(
            path, "standard.unplaced", "文件很大,问题在列表后部,未逐一列出", "a large document, wrong further down than is listed"
        )
    if rule == "CVC_IDC":
        return _duplicate(path)
    if rule in ("CVC_MINLENGTH_VALID", "CVC_MAXLENGTH_VALID"):
        return _length(path, _NOTHING_KNOWN)
    if rule.startswith(("CVC_COMPLEX_TYPE_3", "CVC_COMPLEX_TYPE_4")):
        return _attribute(path)
    if rule.startswith(("CVC_COMPLEX_TYPE_2", "ELEMENT_CONTENT", "CVC_ELT", "CVC_TYPE_3_1_2")):
        return _structure(path, "")
    return _value(path, _NOTHING_KNOWN)


def _explained(error: xmlschema.XMLSchemaValidationError, root: Element, oracle: xmlschema.XMLSchema10) -> Problem:
    """An xmlschema error in our words, with what the schema says was expected."""
    place: object = error.elem
    element = place if isinstance(place, Element) else root
    path = path_of(element)
    validator = type(error.validator).__name__
    if isinstance(error, xmlschema.XMLSchemaChildrenValidationError):
        names = [str(item.local_name) for item in error.expected or () if getattr(item, "local_name", None)]
        return _structure(path, ", ".join(names[:8]))
    reason = str(error.reason)
    if "XsdUnique" in reason:
        return _duplicate(path)
    if validator in ("XsdGroup", "XsdElement"):
        return _structure(path, "")
    attribute = _ATTRIBUTE(reason)
    path += f"/@{attribute[1] or attribute[2]}" if attribute else ""
    if validator == "XsdAttributeGroup":
        return _attribute(path)
    if attribute:
        return _value(path, _NOTHING_KNOWN)
    if validator in ("XsdMinLengthFacet", "XsdMaxLengthFacet"):
        return _length(path, _expected(oracle, element))
    return _value(path, _expected(oracle, element))


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the schema's own documentation says of an element's type, "" where it is not known."""

    zh: str
    en: str


_NOTHING_KNOWN = _Expected("", "")


def _expected(oracle: xmlschema.XMLSchema10, element: Element) -> _Expected:
    """Walk down the declarations beside the element's ancestors, and read the documentation of the type found there."""
    lineage = [local_name(node) for node in (*reversed(list(element.iterancestors())), element)]
    candidates: Iterable[Any] = oracle.elements.values()
    declared: Any = None
    for name in lineage:
        declared = next((item for item in candidates if item.local_name == name), None)
        content: Any = getattr(getattr(declared, "type", None), "content", None)
        candidates = content.iter_elements() if hasattr(content, "iter_elements") else ()
    annotation: Any = getattr(getattr(declared, "type", None), "annotation", None)
    texts = {text.get(_LANGUAGE): " ".join((text.text or "").split()) for text in annotation.documentation} if annotation else {}
    return _Expected(texts.get("zh", ""), texts.get("en", ""))


def _structure(path: str, names: str) -> Problem:
    zh, en = "缺少、多出或次序不对的内容", "something is missing, superfluous or out of order here"
    if names:
        zh, en = f"{zh};此处应有 {names}", f"{en}; expected here: {names}"
    return Problem(path, "standard.structure", zh, en)


def _attribute(path: str) -> Problem:
    return Problem(path, "standard.attribute", "属性缺少或不允许", "an attribute is missing or not allowed")


def _duplicate(path: str) -> Problem:
    return Problem(path, "standard.duplicate", "同一编号出现多次", "the same id appears more than once")


def _length(path: str, expected: _Expected) -> Problem:
    zh, en = _with("文本过短或过长", "the text is too short or too long", expected)
    return Problem(path, "standard.length", zh, en)


def _value(path: str, expected: _Expected) -> Problem:
    zh, en = _with("值不符合该项的规定", "the value is not one this field can have", expected)
    return Problem(path, "standard.value", zh, en)


def _with(zh: str, en: str, expected: _Expected) -> tuple[str, str]:
    return (f"{zh};应为:{expected.zh}" if expected.zh else zh), (f"{en}; expected: {expected.en}" if expected.en else en)
