"""What a province's adapter offers.  Pure: bytes in, values out; no clock, no disk, no network.

A fault of the whole file raises FormatError or RecordError; a damaged row is a `Quarantined`
value inside the part.  Nothing else escapes from an adapter, whatever the bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.model.local import Ignored, LocalPart, PartManifest, Quarantined


@dataclass(frozen=True, slots=True)
class FeedPart:
    """One learner's bytes cut from a feed, in the same format, with the manifest the connector sends beside it.

    `learner_key` groups parts of one learner inside this bank (account, or citizen number for Anhui).
    `rows` are the rows of the feed, in the part's order.  `natural_keys` maps a row of the part to the key
    under which the caller keeps its record id for the next feed (`known_ids`); empty where the bank has ids.
    """

    learner_key: str
    content: bytes
    media_type: str
    manifest: PartManifest
    rows: tuple[int, ...]
    natural_keys: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feed:
    """A split feed.  Rows read = rows of all parts + quarantined + ignored."""

    parts: tuple[FeedPart, ...]
    rows_read: int
    quarantined: tuple[Quarantined, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    warnings: tuple[str, ...] = ()


class RegionAdapter(Protocol):
    """One folder a province: `gateway/adapters/<region>/adapter.py` has `build(settings) -> RegionAdapter`.

    `settings` is the `[adapter]` table of `config/regions/<region>.toml`, already plain values.
    """

    region: str
    media_types: tuple[str, ...]

    def parse(self, content: bytes, manifest: PartManifest) -> LocalPart:
        """Read one learner's part.  Raises FormatError, RecordError."""
        ...

    def render(self, part: LocalPart) -> bytes:
        """Write one learner's part in the bank's format; the inverse of `parse` for records without faults."""
        ...

    def split(self, content: bytes, manifest: PartManifest, known_ids: Mapping[str, str]) -> Feed:
        """Cut a feed of many learners into one part a learner.

        `known_ids` maps a row's natural key to the stable record id given to it before (Jiangsu, Anhui).
        """
        ...

    def digest_matches(self, citizen_number: str, digest: str) -> bool:
        """Whether the format's own digest of a citizen number (Zhejiang's `idDigest`) is this number's.

        Formats without such a digest never give one and answer False.
        """
        ...
