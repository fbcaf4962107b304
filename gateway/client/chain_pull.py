"""A learner's whole chain, pulled page by page and checked link by link: what a bank with a hash chain is asked instead of sent.

Each page is checked against all links held so far, so a fault is found on the page that brings it and nothing
after it is asked for.  Started again, the last link held is asked for once more: a bank that no longer shows it has
rewritten its chain.  The result is one batch that the adapter reads; without the bank's signature over it, it
is a feed and opens nothing.  Sentences: docs/transports.md, TR-33 to TR-40.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from gateway.adapters.zhejiang.batch import entries_of, read_link
from gateway.adapters.zhejiang.chain import Link, Start, check
from gateway.errors import PeerError, RecordError
from gateway.federation.channels.cursor import CursorChannel, Page, Question
from gateway.formats.json_safe import JsonValue, write_json

PAGE_ENTRIES: Final = 200
ENTRIES_MAX: Final = 5_000
PAGES_MAX: Final = 500


@dataclass(slots=True)
class PulledChain:
    """What is held of one account: the entries as they came, in order of height, and their links."""

    account: str
    start: Start
    entries: list[JsonValue] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    head: dict[str, JsonValue] = field(default_factory=dict)

    @property
    def height(self) -> int:
        """The height to ask from: the last one held, or the start."""
        return self.links[-1].height if self.links else self.start.height

    def add(self, batch: dict[str, JsonValue], *, first: bool) -> int:
        """Check a page and keep what is new; how much that was.  `first`: it answers a question from the last height held.

        Raises RecordError `record.chain_*`, with heights.
        """
        head, records = entries_of(batch)
        if len(records) > PAGE_ENTRIES:
            raise _too_many()
        if first and self.links and not (records and _link(1, records[0]).height == self.height):
            raise RecordError(
                "record.chain_fork",
                f"对方不再出示高度 {self.height} 的条目",
                f"the other side no longer shows the entry at height {self.height}",
                height=self.height,
            )
        return self._extend(head, records)

    def load(self, content: dict[str, JsonValue]) -> None:
        """Take what was kept before, checked as if it came now.  Raises as `add` does."""
        self._extend(*entries_of(content))

    def _extend(self, head: dict[str, JsonValue], records: list[JsonValue]) -> int:
        if len(self.entries) + len(records) > ENTRIES_MAX:
            raise _too_many()
        fresh = [_link(len(self.links) + row, entry) for row, entry in enumerate(records, 1)]
        held = [replace(link, payload=None) for link in self.links]  # checked before; their links are what counts now
        if fresh or held:
            check([*held, *fresh], [self.start], self.account)
        before = len(self.links)
        for link, entry in sorted(zip(fresh, records, strict=True), key=lambda pair: pair[0].height):
            if not self.links or link.height > self.links[-1].height:
                self.links.append(link)
                self.entries.append(entry)
        self.head = {key: value for key, value in head.items() if key not in {"records", "count"}}
        return len(self.links) - before

    def content(self) -> bytes:
        """One batch of all that is held, which the adapter parses."""
        return write_json(self.head | {"count": len(self.entries), "records": self.entries})


def _too_many() -> RecordError:
    return RecordError("record.too_many_rows", "批次的条目数过多", "the batch has too many entries")


def _link(row: int, entry: JsonValue) -> Link:
    link = read_link(row, entry)
    if link is None:
        raise RecordError("record.chain_form", "条目缺少可读的高度或哈希", "the entry has no readable height or hash", row=row)
    return link


async def pull(channel: CursorChannel, chain: PulledChain) -> int:
    """Bring `chain` up to date; how many entries were new.  What was checked stays even when a later page is at fault.

    Raises PeerUnavailableError (go on later), PeerError, RecordError `record.chain_gap`, `.chain_fork`, `.chain_broken`, `.chain_start`.
    """
    question = Question(chain.account, chain.height, PAGE_ENTRIES)
    added = 0
    for number in range(PAGES_MAX):
        page: Page = await channel.page(question)
        new = chain.add(page.batch, first=number == 0)
        added += new
        if not page.cursor:
            return added
        if page.cursor == question.cursor or (number and not new):
            raise PeerError("peer.off_protocol", "对方的分页不前进", "the pages do not advance")
        question = replace(question, cursor=page.cursor)
    raise PeerError("peer.off_protocol", "对方的分页过多", "there are too many pages")
