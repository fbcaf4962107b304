"""Acts on rule versions come in: the file linted, the papers read, before any lock; then made a change.

The gateway runs the lint itself, with the standard's code tables, whatever the trial says.  What only an accepting bank's own
catalogue or programmes could tell is that bank's to judge before it approves.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from gateway.errors import GatewayError, Problem, StorageError, TransferLogError
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.message import Content
from gateway.mapping.documents import read
from gateway.mapping.schema import Standard
from gateway.model.codes import CodeTables
from gateway.model.documents import Withdrawal
from gateway.model.ports import Clock, IdSource
from gateway.model.scopes import is_rule_scope
from gateway.model.transfer import Act, Refusal
from gateway.recognition.lifecycle import NOT_CLEAN, Version
from gateway.recognition.lint import lint
from gateway.recognition.rule_diff import diff
from gateway.recognition.rule_file import read_rules
from gateway.recognition.rule_papers import read_trial, read_word
from gateway.recognition.rules import RuleSet
from gateway.storage.database import Database
from gateway.storage.rows import PartKeyRow
from gateway.transfers.acts import UNKNOWN, Presiding
from gateway.transfers.agreements import day_of
from gateway.transfers.case import utc_text
from gateway.transfers.enquiry_acts import Unread
from gateway.transfers.rule_acts import Proposal, RuleDocument, Ruling
from gateway.transfers.rule_view import RuleShelf
from gateway.transfers.unit_of_work import Change
from gateway.transfers.vault import Vault

PROBLEMS_MAX: Final = 200
"""Findings an answer lists: it is kept under the message's id for good."""
WORD_OF: Final = {Act.RULE_APPROVE: "approval", Act.RULE_PUBLISH: "publication"}


@dataclass(frozen=True, slots=True)
class RuleDesk:
    """What reading these acts needs; `needed` members must approve a version."""

    shelf: RuleShelf
    codes: CodeTables
    standard: Standard
    vault: Vault
    database: Database
    clock: Clock
    ids: IdSource
    needed: int

    async def change(self, message: VerifiedMessage, secret: bytes, presiding: Presiding) -> Change:
        """What the message does, as far as that is known before the lock.  Raises StorageError, TransferLogError."""
        if not is_rule_scope(message.scp):
            return Unread(message, secret, UNKNOWN, (), presiding)
        scope = message.scp or ""
        document, problems = await self._document(message)
        part_key: PartKeyRow | None = None
        if await self.database.fetch("part_key_by_id", part_id=scope):
            key = await self.vault.part_key(scope)
        else:
            key, part_key = self.vault.new_part(scope, utc_text(self.clock.now()))
        contents = self.vault.seal(key, scope, message.iss, message.jti, self._with_envelope(message))
        return Ruling(message, secret, document, problems, contents, part_key, self.needed)

    async def _document(self, message: VerifiedMessage) -> tuple[RuleDocument, tuple[Problem, ...]]:
        """The act's documents, or why they cannot be read."""
        act = Act(message.act)
        try:
            if act is Act.RULE_PROPOSE:
                return await self._proposal(message)
            if act is Act.RULE_WITHDRAW:
                return read(message.contents["reason"].data, Withdrawal, self.standard), ()
            name = WORD_OF[act]
            return read_word(name, message.contents[name].data), ()
        except (StorageError, TransferLogError):
            raise
        except GatewayError as error:
            return Refusal(error.code, error.zh, error.en), error.problems

    async def _proposal(self, message: VerifiedMessage) -> tuple[RuleDocument, tuple[Problem, ...]]:
        data = message.contents["rules"].data
        # A file of thousands of rules takes a second; everybody else is served meanwhile.
        rules, findings = await asyncio.to_thread(self._judged, data)
        if rules is None:
            return NOT_CLEAN, findings
        paper = read_trial(message.contents["trial"].data)
        digest = sha256(data).hexdigest()
        draft = Version(rules.id, rules.version, digest, rules.accepting, rules.effective, rules.review, message.iss)
        restored = not paper.restores or await self._restores(rules, paper.restores)
        return Proposal(draft, tuple(sorted(rules.programmes)), paper, data, findings, restored), ()

    def _judged(self, data: bytes) -> tuple[RuleSet | None, tuple[Problem, ...]]:
        rules, read_findings = read_rules("rules", data, self.codes)
        if rules is None:
            return None, tuple(read_findings.problems[:PROBLEMS_MAX])
        return rules, lint("rules", data, self.codes, day=day_of(self.clock.now()))[:PROBLEMS_MAX]

    async def _restores(self, rules: RuleSet, version: str) -> bool:
        """Whether these are the rules of that version, but for name, words and dates.  True where it is not there: see `roll_back`."""
        for row in await self.shelf.rows():
            if (row.accepting, row.id, row.version) == (rules.accepting, rules.id, version):
                old = await self.shelf.rule_set(row)
                return not diff(old, replace(rules, version=row.version, zh=old.zh, en=old.en, effective=old.effective, review=old.review))
        return True

    def _with_envelope(self, message: VerifiedMessage) -> Sequence[Content]:
        return [*message.contents.values(), Content("envelope", message.token.encode(), "application/jose", self.ids.secret())]
