"""The part manifest as a signed content: what the connector says beside a part (period, row → record id).

JSON: `{"period": "2024-06", "ids": {"1": "JS-…"}, "issues": {"1": ["identity_conflict_warning"]}}`; rows are
decimal texts; `issues` are what the connector saw in the whole feed and a part cannot show.
"""

import re

from gateway.errors import FormatError
from gateway.formats.json_safe import JsonValue, read_json
from gateway.model.canonical import jcs
from gateway.model.local import PartManifest

ROWS_MAX = 2_000
TEXT_MAX = 128
ISSUES_MAX = 16
ROW = re.compile(r"[1-9][0-9]{0,5}")


def write_manifest(manifest: PartManifest) -> bytes:
    """The JCS bytes of a manifest."""
    ids = {str(row): record for row, record in sorted(manifest.ids.items())}
    issues = {str(row): sorted(codes) for row, codes in sorted(manifest.issues.items()) if codes}
    return jcs({"period": manifest.period, "ids": ids, "issues": issues})


def read_manifest(content: bytes) -> PartManifest:
    """Raises FormatError("format.manifest") for anything but the one form above."""
    value = read_json(content)
    if not isinstance(value, dict) or set(value) != {"period", "ids", "issues"}:
        raise _fault()
    period = value["period"]
    if not isinstance(period, str) or len(period) > TEXT_MAX:
        raise _fault()
    ids = {row: _text(record) for row, record in _rows(value["ids"])}
    if len(set(ids.values())) != len(ids):
        raise _fault()
    return PartManifest(period, ids, {row: _codes(codes) for row, codes in _rows(value["issues"])})


def _rows(value: JsonValue) -> list[tuple[int, JsonValue]]:
    if not isinstance(value, dict) or len(value) > ROWS_MAX or not all(ROW.fullmatch(row) for row in value):
        raise _fault()
    return [(int(row), each) for row, each in value.items()]


def _text(value: JsonValue) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX:
        raise _fault()
    return value


def _codes(value: JsonValue) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= ISSUES_MAX:
        raise _fault()
    return tuple(_text(code) for code in value)


def _fault() -> FormatError:
    return FormatError("format.manifest", "分件清单格式不正确", "the part manifest does not have its form")
