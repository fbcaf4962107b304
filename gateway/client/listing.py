"""From a bank's feed to the list of records it has of a learner: which there are, not what they say.

Every format is read by its own adapter and mapped like a part that travels, so that kind, title and date read alike; the size
stays in the source's words, since what it is worth is computed only once it is asked for.  A row that cannot be read or mapped
could not be recognised either, and is not listed.
"""

from datetime import date

from gateway.adapters.contract import FeedPart, RegionAdapter
from gateway.mapping.engine import Mapper
from gateway.model.documents import ListedRecord, Listing
from gateway.model.regional import RegionalRecord

SIZES = (
    ("size.declared", "学分"),
    ("size.points", "积分"),
    ("size.units", "学时"),
    ("size.minutes", "分钟"),
    ("size.sessions", "次"),
)
VOID = "REVOKED"
TITLE_MAX, SIZE_MAX = 4000, 300


def listing_of(part: FeedPart, as_of: date, adapter: RegionAdapter, mapper: Mapper, member: str) -> Listing:
    """The records of one learner's part.  Raises FormatError, RecordError, MappingError for a part that is at fault as a whole."""
    read = adapter.parse(part.content, part.manifest)
    records = mapper.to_regional(read, member).part.records
    return Listing(as_of, tuple(_listed(record) for record in records if record.values["status"] != VOID))


def _listed(record: RegionalRecord) -> ListedRecord:
    values = record.values
    sizes = [f"{values[path]} {word}" for path, word in SIZES if values.get(path) is not None]
    return ListedRecord(
        record.record_id,
        str(values["kind"]),
        str(values["title"])[:TITLE_MAX],
        str(values.get("date.awarded", "")),
        ";".join(sizes)[:SIZE_MAX],
    )
