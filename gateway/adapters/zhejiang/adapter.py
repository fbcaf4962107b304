"""The Zhejiang adapter: one learner's entries with their hash chain, in and out; a feed, cut by learner.

Format: our invention; see README.md here.  The pieces: `batch` reads, `writer` writes, `chain` checks,
`achievement` knows the fields, `learner` the person, `feed` cuts and withholds.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from gateway.adapters.contract import Feed, RegionAdapter
from gateway.adapters.settings_table import SettingsTable
from gateway.adapters.zhejiang.achievement import Reader, Vocabulary
from gateway.adapters.zhejiang.batch import REGION, Settings, read_entries, read_head
from gateway.adapters.zhejiang.chain import Start, is_hash
from gateway.adapters.zhejiang.feed import split_feed, withhold
from gateway.adapters.zhejiang.learner import account_of, digest_is_of, digest_of
from gateway.adapters.zhejiang.writer import write_batch
from gateway.formats.json_safe import read_json
from gateway.model.canonical import INTEGER_MAX
from gateway.model.identifiers import IdentifierError
from gateway.model.local import LocalPart, PartManifest


def build(settings: Mapping[str, object]) -> RegionAdapter:
    """Check the `[adapter]` table and make the adapter.  Raises SettingsError."""
    read, words = read_settings(settings)
    return ZhejiangAdapter(read, words)


def read_settings(settings: Mapping[str, object]) -> tuple[Settings, Vocabulary]:
    table = SettingsTable("zhejiang/adapter", settings)
    words = Vocabulary(
        ach_types=frozenset(table.texts("ach_types")),
        result_scales=frozenset(table.texts("result_scales")),
        level_framework=table.text("level_framework", "ZJ-LX"),
    )
    read = Settings(
        versions=table.texts("versions"),
        id_salt=table.text("id_salt"),
        entries_max=table.whole("entries_max", 1, 100_000, 5_000),
        refuse_counters=table.choice("counter_mismatch", ("refuse", "warn"), "refuse") == "refuse",
        feed_bytes_max=table.whole("feed_bytes_max", 1_024, 1024 * 1024 * 1024, 64 * 1024 * 1024),
        trusted_starts=tuple(_start(inner) for inner in table.tables("trusted_starts")),
        render_start=_start(table.table("render_start")),
    )
    if not read.versions:
        table.problem("versions", "settings.out_of_range", "至少一个版本", "at least one version")
    if read.render_start not in read.trusted_starts:
        table.problem("render_start", "settings.out_of_range", "须是不限账号的可信起点", "should be a trusted start of any account")
    table.finish()
    return read, words


def _start(table: SettingsTable) -> Start:
    prev_hash, written = table.text("prev_hash"), table.text("account", "any")
    if not is_hash(prev_hash):
        table.problem("prev_hash", "settings.wrong_form", "应为 64 位小写十六进制", "should be 64 lower-case hexadecimal digits")
    account = ""
    if written != "any":
        try:
            account = account_of(written)
        except IdentifierError as error:
            table.problem("account", "settings.wrong_form", error.zh, error.en)
    start = Start(table.whole("height", 0, INTEGER_MAX), prev_hash, account)
    table.leftovers()
    return start


class ZhejiangAdapter:
    """Implements `gateway.adapters.contract.RegionAdapter`, and what only a chain and a digest need."""

    region = REGION
    media_types: tuple[str, ...] = ("application/json",)

    def __init__(self, settings: Settings, words: Vocabulary) -> None:
        self._settings = settings
        self._reader = Reader(words)

    def parse(self, content: bytes, manifest: PartManifest) -> LocalPart:  # noqa: ARG002 (the format needs no manifest)
        """Read one learner's batch.  Raises FormatError, RecordError."""
        head, records, warnings = read_head(read_json(content), self._settings)
        part = read_entries(list(enumerate(records, 1)), head, self._settings, self._reader)
        if warnings:
            return replace(part, warnings=tuple(sorted(warnings.union(part.warnings))))
        return part

    def split(self, content: bytes, manifest: PartManifest, known_ids: Mapping[str, str]) -> Feed:  # noqa: ARG002 (ids are the bank's own)
        """One batch of many learners, or a JSON array of such pages → one batch a learner.  Raises FormatError, RecordError."""
        return split_feed(content, self._settings, self._reader)

    def disclose(self, content: bytes, record_ids: Collection[str]) -> bytes:
        """The same part showing only these records (and their revocations); every other entry keeps its link only."""
        return withhold(content, frozenset(record_ids))

    def id_digest(self, citizen_number: str) -> str:
        """The digest this bank gives a normalised citizen number."""
        return digest_of(citizen_number, self._settings.id_salt)

    def digest_matches(self, citizen_number: str, digest: str) -> bool:
        """Whether a part's `idDigest` is that of a normalised citizen number."""
        return digest_is_of(citizen_number, digest, self._settings.id_salt)

    def render(self, part: LocalPart) -> bytes:
        """Write one batch under a fresh chain.  Raises RecordError with everything that cannot be said in this format."""
        return write_batch(part, self._settings, self._reader)
