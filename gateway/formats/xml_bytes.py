"""What is refused of an XML document by rule, on its bytes, before any parser sees it.

Size, encoding, NUL, DTD marks, XML version.  A DTD is refused here and not left to the parser,
because with one libxml2 accepts documents that are not well formed, and XML that declares UTF-7
can smuggle tags past everybody who looks at the bytes.  GB encodings are decoded once, in
`gateway.formats.gb18030`, since libxml2's own table differs from the standard's.
"""

import re

from gateway.errors import FormatError
from gateway.formats.gb18030 import decode_gb18030

_GB_NAMES = frozenset({"gb18030", "gbk", "gb2312"})
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_DTD_MARK = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)
_DECLARATION = re.compile(
    rb"<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?P<q>[\"'])(?P<version>[^\"'<>]{0,32})(?P=q)"
    rb"(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?P<e>[\"'])(?P<encoding>[^\"'<>]{0,64})(?P=e))?"
    rb"(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:\"(?:yes|no)\"|'(?:yes|no)'))?[ \t\r\n]*\?>"
)
_DECLARATION_START = re.compile(rb"<\?xml[ \t\r\n]")


def as_utf8(content: bytes, bytes_max: int) -> bytes:
    """The same document in UTF-8 without mark and declaration, its lines kept.

    Raises FormatError: `format.too_large`, `format.encoding`, `format.doctype`, `format.xml_version`, `format.malformed`.
    """
    refuse_size(content, bytes_max)
    marked = content.startswith(_UTF8_BOM)
    content = content[len(_UTF8_BOM) :] if marked else content
    _refuse_marks(content)
    name, content = _declared(content)
    if name in _GB_NAMES and not marked:
        return _from_gb(content, bytes_max)
    if name != "utf-8":
        raise _encoding("只接受 UTF-8、GB18030、GBK、GB2312 编码", "only UTF-8, GB18030, GBK and GB2312 are accepted")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _encoding("不是有效的 UTF-8", "the bytes are not UTF-8", error.start) from None
    return content


def _refuse_marks(content: bytes) -> None:
    if content.startswith(_UTF16_BOMS) or b"\0" in content[:8]:
        raise _encoding("UTF-16 或 UTF-32 不被接受", "UTF-16 and UTF-32 are not accepted")
    if b"\0" in content:
        raise _malformed("文件含空字符", "the document holds a NUL character")
    if _DTD_MARK.search(content):
        raise FormatError("format.doctype", "不接受 DOCTYPE 或实体声明", "a document type or entity declaration is not accepted")


def _declared(content: bytes) -> tuple[str, bytes]:
    """The declared encoding in lower case, and the document without its declaration."""
    if not _DECLARATION_START.match(content):
        return "utf-8", content
    found = _DECLARATION.match(content)
    if found is None:
        raise _malformed("XML 声明有误", "the XML declaration is malformed")
    if found["version"] != b"1.0":
        raise FormatError("format.xml_version", "只接受 XML 1.0", "only XML 1.0 is accepted")
    name = (found["encoding"] or b"utf-8").decode("latin-1").lower()
    return name, b"\n" * found[0].count(b"\n") + content[found.end() :]


def _from_gb(content: bytes, bytes_max: int) -> bytes:
    """A GB text grows by half in UTF-8; the marks are looked for again, now in whole characters."""
    encoded = decode_gb18030(content).text.encode("utf-8")
    refuse_size(encoded, 2 * bytes_max)
    _refuse_marks(encoded)
    return encoded


def refuse_size(content: bytes, most: int) -> None:
    """Raises FormatError `format.too_large`."""
    if len(content) > most:
        raise FormatError("format.too_large", "文件过大", "the document is too large", bytes=len(content), most=most)


def _malformed(zh: str, en: str) -> FormatError:
    return FormatError("format.malformed", zh, en, line=1)


def _encoding(zh: str, en: str, offset: int = 0) -> FormatError:
    return FormatError("format.encoding", zh, en, offset=offset)
