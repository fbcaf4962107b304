"""`POST /v1/quote`: what an accepting bank's rules in force would make of a learner's records, before anyone applies.

A bank sends its own bytes in its own format; they are read as a part would be, and nothing of them is kept or logged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.adapters.contract import RegionAdapter
from gateway.errors import FormatError, RecognitionError
from gateway.mapping.engine import Mapper
from gateway.model.canonical import Json
from gateway.model.local import LocalPart, PartManifest
from gateway.model.transfer import Refusal
from gateway.transfers.answers import problem_json
from gateway.transfers.proposals import Proposer

CONTENT_BYTES_MAX: Final = 1 << 20
LEARNERS_MAX: Final = 20
WHOLE: Final = PartManifest()


@dataclass(frozen=True, slots=True)
class Estimates:
    """`adapters` by member id."""

    adapters: Mapping[str, RegionAdapter]
    mapper: Mapper
    proposer: Proposer

    async def of(self, member: str, content: bytes, accepting: str, programme: str) -> Json:
        """One estimate a learner, with the rows that could not be read or mapped.

        Raises FormatError and RecordError for bytes that cannot be read, CatalogueError for an unknown programme, RecognitionError
        `recognition.no_rules` where none are in force, and what `quote` raises and refuses.
        """
        if len(content) > CONTENT_BYTES_MAX:
            raise FormatError("format.too_large", "文件过大", "the file is too large", most=CONTENT_BYTES_MAX)
        found: list[Json] = []
        for part in self._parts(member, content):
            if len(found) == LEARNERS_MAX:
                raise FormatError("format.too_large", "一次测算的学习者过多", "too many learners for one estimate", most=LEARNERS_MAX)
            mapped = self.mapper.to_regional(part, member)
            made = await self.proposer.estimate(accepting, programme, mapped.part.records)
            if made is None:
                raise RecognitionError("recognition.no_rules", "接收行没有现行规则", "the accepting bank has no rules in force for this")
            if isinstance(made, Refusal):
                raise RecognitionError(made.code, made.zh, made.en)
            faults = [(row.row, row.problems) for row in part.quarantined] + [(row.row, row.problems) for row in mapped.refused]
            unread: list[Json] = [{"row": row, "problems": [problem_json(each) for each in problems]} for row, problems in faults]
            found.append({"estimate": made.document(), "unread": unread})
        return {"v": 1, "learners": found}

    def _parts(self, member: str, content: bytes) -> Iterator[LocalPart]:
        """The learners of a feed; a file that was cut before is one part."""
        adapter = self.adapters[member]
        cut = adapter.split(content, WHOLE, {}).parts
        if not cut:
            yield adapter.parse(content, WHOLE)
        for each in cut:
            yield adapter.parse(each.content, each.manifest)
