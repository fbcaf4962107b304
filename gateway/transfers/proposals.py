"""What the gateway proposes to an accepting bank with a case: an estimate by that bank's own published rules.

The gateway proposes and never decides.  Where rules are published for the programme, each delivery of the case brings the estimate
(`proposal`), and the decision names that very estimate by its digest and, if it is another one, says why.  Where there are no rules,
no programme in the catalogue, or the estimate cannot be made, the case is delivered as it is: an estimate is never waited for.
Sentences: docs/protocol.md, PR-290 to PR-294, PR-321 and PR-323.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import TypeAlias

from gateway.errors import CatalogueError, RecognitionError
from gateway.model.canonical import Json
from gateway.model.documents import Decision
from gateway.model.ports import Clock
from gateway.model.regional import RegionalRecord
from gateway.model.transfer import Refusal
from gateway.recognition.catalogue import Catalogue
from gateway.recognition.facts import StandardCourses
from gateway.recognition.lifecycle import Version
from gateway.recognition.limits import NOTHING_BEFORE
from gateway.recognition.links import standard_courses
from gateway.recognition.proposal import follows, in_short, read_proposal, write_proposal
from gateway.recognition.quote import Quote, quote
from gateway.recognition.reviews import without_lapsed
from gateway.recognition.rules import RuleSet
from gateway.storage.rows import ProposalRow, TransferRow
from gateway.transfers.agreements import day_of
from gateway.transfers.recognised import Before

RULES_KEPT = 16
OTHER_ESTIMATE = Refusal(
    "transfer.other_estimate",
    "认定须写明随案交付的测算(proposal)的摘要;没有交付测算的不得填写",
    "a decision names the digest of the proposal delivered with the case, and none where none was",
)
UNEXPLAINED = Refusal(
    "transfer.departure_unexplained", "认定与测算不同,须写明理由", "the decision departs from the estimate and must say why"
)

CurrentRules: TypeAlias = Callable[[str, str, date], Awaitable[tuple[Version, RuleSet] | None]]
"""The version, and its rules, that an accepting bank (member id) has in force for a programme on a day."""


class Proposer:
    """Makes estimates by the rules in force.  Without a catalogue there are no programmes, and nothing is proposed."""

    def __init__(self, before: Before, catalogue: Catalogue | None, rules: CurrentRules, clock: Clock) -> None:
        self._before = before
        self._catalogue = catalogue
        self._rules = rules
        self._clock = clock
        self._courses: tuple[date, StandardCourses] | None = None
        self._rules_today: dict[int, tuple[RuleSet, date, RuleSet]] = {}

    async def propose(
        self, row: TransferRow, records: tuple[RegionalRecord, ...], flags: Sequence[Mapping[str, Json]] = ()
    ) -> bytes | None:
        """The content `proposal` (JSON) for what is delivered of a case; None where nothing is proposed.

        `flags` stand beside the estimate as a hint (`integrity`): they change nothing of it.
        """
        found = await self.estimate(row.accepting, row.programme, records, row)
        return write_proposal(found.document(), flags) if isinstance(found, Quote) else None

    async def estimate(
        self, accepting: str, programme: str, records: tuple[RegionalRecord, ...], row: TransferRow | None = None
    ) -> Quote | Refusal | None:
        """The estimate by the rules in force today; None where there is no programme or no rule set.

        With `row` what its learner was recognised before in the programme counts, and a fault is None.
        """
        catalogue, day = self._catalogue, day_of(self._clock.now())
        current = await self._rules(accepting, programme, day) if catalogue is not None else None
        if catalogue is None or current is None:
            return None
        try:
            target = catalogue.programme(programme, day)
            if target.accepting != accepting:
                return None
            standing = await self._before.standing(row, target, current[1]) if row is not None else NOTHING_BEFORE
            rules = self._counting(current[1], catalogue, day)
            return quote(records, target, rules, day, courses=self._courses_of(catalogue, day), standing=standing)
        except (CatalogueError, RecognitionError):
            if row is None:
                raise
            return None

    def _counting(self, rules: RuleSet, catalogue: Catalogue, day: date) -> RuleSet:
        """The rules, knowing which entries of the catalogue have lapsed: the same value all day, as what is derived from it is kept."""
        kept = self._rules_today.get(id(rules))
        if kept is None or kept[:2] != (rules, day):
            if len(self._rules_today) >= RULES_KEPT:
                self._rules_today.clear()
            kept = self._rules_today[id(rules)] = rules, day, without_lapsed(rules, catalogue, day)
        return kept[2]

    def _courses_of(self, catalogue: Catalogue, day: date) -> StandardCourses:
        """Which titles are which standard course: the same all day."""
        if self._courses is None or self._courses[0] != day:
            self._courses = day, standard_courses(catalogue, day)
        return self._courses[1]


def proposal_row(transfer: str, sd: str, content: bytes) -> ProposalRow:
    """What a decision is later compared with."""
    return ProposalRow(transfer, sd, json.dumps(in_short(read_proposal(content)), sort_keys=True))


def judge_estimate(row: ProposalRow | None, document: Decision) -> Mapping[str, str | bool] | Refusal:
    """What the leaf says of the estimate: which one, and whether it was followed; empty where none was delivered."""
    if row is None or not row.sd:
        return OTHER_ESTIMATE if document.estimate or document.departure else {}
    if document.estimate != row.sd:
        return OTHER_ESTIMATE
    followed = follows(json.loads(row.items), document)
    if not followed and not document.departure.strip():
        return UNEXPLAINED
    return {"estimate": row.sd, "followed": followed}
