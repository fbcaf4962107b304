"""The part manifest as a signed content: what the connector says beside a part (period, row → record id).

JSON: `{"period": "2024-06", "ids": {"1": "JS-…"}}`; rows are decimal texts.
"""

from gateway.errors import FormatError
from gateway.formats.json_safe import read_json
from gateway.model.canonical import jcs
from gateway.model.local import PartManifest

ROWS_MAX = 2_000
TEXT_MAX = 128


def write_manifest(manifest: PartManifest) -> bytes:
    """The JCS bytes of a manifest."""
    return jcs({"period": manifest.period, "ids": {str(row): record for row, record in sorted(manifest.ids.items())}})


def read_manifest(content: bytes) -> PartManifest:
    """Raises FormatError("format.manifest") for anything but the one form above."""
    value = read_json(content)
    if not isinstance(value, dict) or set(value) != {"period", "ids"}:
        raise _fault()
    period, ids = value["period"], value["ids"]
    if not isinstance(period, str) or len(period) > TEXT_MAX or not isinstance(ids, dict) or len(ids) > ROWS_MAX:
        raise _fault()
    found: dict[int, str] = {}
    for row, record in ids.items():
        if not (row.isascii() and row.isdigit() and len(row) <= 6 and isinstance(record, str) and 0 < len(record) <= TEXT_MAX):
            raise _fault()
        found[int(row)] = record
    if len(set(found.values())) != len(found):
        raise _fault()
    return PartManifest(period, found)


def _fault() -> FormatError:
    return FormatError("format.manifest", "分件清单格式不正确", "the part manifest does not have its form")
