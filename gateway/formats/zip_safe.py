"""A zip from somebody we do not trust: refused by its directory, then read by the parts that are asked for.

The directory is the archive's own word.  It is bounded first (names, count, sizes, ratio); then
each part is inflated no further than its declared size, and a stream that goes on past it, or does
not match its checksum, is refused.  `repacked` writes the checked parts into a fresh archive, so a
library that opens it sees exactly the bytes that were checked, and none that were not.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors import FormatError

EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_NAME: Final = re.compile(r"(?!.*(?:^|/)\.{1,2}(?:/|$))[^/\\:\x00-\x1f\x7f-\uffff][^\\:\x00-\x1f\x7f-\uffff]{0,199}")
_ENCRYPTED: Final = 0x1
_HEADER: Final = 30
_RATIO_FREE_BYTES: Final = 1024 * 1024  # below this a high ratio is harmless: an empty sheet squeezes well


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """Bytes of the archive, entries, inflated bytes of one part and of all, inflated bytes for one packed byte."""

    bytes_max: int = 8 * 1024 * 1024
    entries_max: int = 200
    part_bytes_max: int = 48 * 1024 * 1024
    total_bytes_max: int = 64 * 1024 * 1024
    ratio_max: int = 100


class SafeZip:
    """The directory of an archive that passed the check; `read` gives one part's bytes."""

    def __init__(self, content: bytes, limits: ZipLimits) -> None:
        """Raises FormatError: `format.too_large`, `format.zip`, `format.zip_path`, `format.zip_ratio`, `format.too_many_parts`."""
        if len(content) > limits.bytes_max:
            raise _too_large(len(content), limits.bytes_max)
        self._content = content
        self._entries = _directory(content, limits)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._entries)

    def read(self, name: str) -> bytes:
        """The part's bytes, exactly as many as declared.  Raises FormatError `format.zip`; KeyError for no such part."""
        entry = self._entries[name]
        packed = self._packed(entry)
        try:
            part = packed if entry.compress_type == zipfile.ZIP_STORED else _inflate(packed, entry.file_size)
        except zlib.error:
            raise _damaged() from None
        if len(part) != entry.file_size or zlib.crc32(part) != entry.CRC:
            raise _damaged()
        return part

    def _packed(self, entry: zipfile.ZipInfo) -> bytes:
        """The packed bytes behind the local header, whose name must be the directory's."""
        header = self._content[entry.header_offset : entry.header_offset + _HEADER]
        if len(header) < _HEADER or not header.startswith(b"PK\x03\x04"):
            raise _damaged()
        name_bytes, extra_bytes = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
        name_at = entry.header_offset + _HEADER
        if self._content[name_at : name_at + name_bytes] != entry.orig_filename.encode("ascii"):
            raise _damaged()
        start = name_at + name_bytes + extra_bytes
        return self._content[start : start + entry.compress_size]


def repacked(parts: Mapping[str, bytes]) -> bytes:
    """A fresh archive of these parts, in order, stored, with one fixed time: the same parts give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), part)
    return out.getvalue()


def _directory(content: bytes, limits: ZipLimits) -> dict[str, zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, ValueError, OSError, EOFError, IndexError):
        raise _damaged() from None
    if len(infos) > limits.entries_max:
        raise FormatError("format.too_many_parts", "压缩包内文件过多", "the archive has too many parts", most=limits.entries_max)
    entries: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    for info in infos:
        _check_entry(info, limits)
        if info.filename.lower() in seen:
            raise FormatError("format.zip_path", "压缩包内文件名重复", "the archive names a part twice")
        seen.add(info.filename.lower())
        entries[info.filename] = info
    total = sum(info.file_size for info in infos)
    if total > limits.total_bytes_max:
        raise _too_large(total, limits.total_bytes_max)
    return entries


def _check_entry(info: zipfile.ZipInfo, limits: ZipLimits) -> None:
    if info.orig_filename != info.filename or not _NAME.fullmatch(info.filename):
        raise FormatError("format.zip_path", "压缩包内文件路径不被接受", "the archive holds a path that is not accepted")
    if info.flag_bits & _ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FormatError("format.zip", "压缩包已加密或压缩方式不被接受", "the archive is encrypted or packed in a way not accepted")
    if info.file_size > limits.part_bytes_max:
        raise _too_large(info.file_size, limits.part_bytes_max)
    if info.file_size > _RATIO_FREE_BYTES and info.file_size > limits.ratio_max * info.compress_size:
        raise FormatError("format.zip_ratio", "压缩比过高", "the archive inflates too far", most=limits.ratio_max)


def _inflate(packed: bytes, size: int) -> bytes:
    """At most one byte more than `size`: enough to see that a stream goes on."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    part = stream.decompress(packed, size + 1)
    if not stream.eof or stream.unused_data:
        raise _damaged()
    return part


def _damaged() -> FormatError:
    return FormatError("format.zip", "压缩包已损坏", "the archive is damaged")


def _too_large(size: int, most: int) -> FormatError:
    return FormatError("format.too_large", "文件过大", "the file is too large", bytes=size, most=most)
