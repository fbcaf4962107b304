"""Cutting a feed of many learners into one document a learner, and giving each row its stable id.

Damaged rows stay with the bank, quarantined, where they can be mended; what is cut is read again by the
same code at the gateway.
"""

from collections import Counter
from collections.abc import Mapping

from gateway.adapters.contract import FeedPart
from gateway.adapters.fields import MISSING
from gateway.adapters.jiangsu.document import Document, Group, Row, write_document
from gateway.adapters.jiangsu.faults import AMBIGUOUS_ID, IDENTITY_CONFLICT, NO_LEARNER
from gateway.adapters.jiangsu.ids import natural_key, new_id
from gateway.adapters.jiangsu.learner import judge_learner
from gateway.adapters.jiangsu.options import Options
from gateway.adapters.jiangsu.row import problems_at, repeated_sequences, row_faults
from gateway.errors import Problem
from gateway.model.local import PartManifest, Quarantined


class Cutter:
    """Sorts the rows of a feed by learner; gives each usable row its id."""

    def __init__(self, document: Document, options: Options, known_ids: Mapping[str, str]) -> None:
        self.quarantined: list[Quarantined] = []
        self._document = document
        self._options = options
        self._known = known_ids
        self._keys: dict[int, str] = {}

    def parts(self, period: str) -> tuple[FeedPart, ...]:
        """A document for each `XXZ` that has usable rows; the other rows are in `quarantined` afterwards."""
        for row in self._document.strays:
            self._refuse(row, problems_at(row.number, [("", NO_LEARNER)]))
        kept = [(account, group, self._sound_rows(account, group)) for account, group in self._sound_groups()]
        times = Counter(self._id(row) for _, _, rows in kept for row in rows)
        parts = []
        for account, group, rows in kept:
            single = [row for row in rows if times[self._id(row)] == 1]
            for row in rows:
                if times[self._id(row)] > 1:
                    self._refuse(row, problems_at(row.number, [("", AMBIGUOUS_ID)]))
            if single:
                parts.append(self._part(account, group, single, period))
        return tuple(parts)

    def _part(self, account: str, group: Group, rows: list[Row], period: str) -> FeedPart:
        """One learner's rows as a document, the counter set right, the feed's signature left out."""
        head = {**self._document.head.values, "@TS": str(len(rows))}
        soap = self._options.render_as == "soap"
        return FeedPart(
            learner_key=account,
            content=write_document(head, group.learner.values, [row.flat.values for row in rows], soap=soap),
            media_type="text/xml" if soap else "application/xml",
            manifest=PartManifest(period, {place: self._id(row) for place, row in enumerate(rows, 1)}),
            rows=tuple(row.number for row in rows),
            natural_keys={place: self._keys[row.number] for place, row in enumerate(rows, 1)},
        )

    def _id(self, row: Row) -> str:
        key = self._keys[row.number]
        return self._known.get(key) or new_id(key)

    def _sound_groups(self) -> list[tuple[str, Group]]:
        """Groups of learners without faults.  One account under two identities refuses both."""
        judged = [(group, judge_learner(group.learner, self._options)) for group in self._document.groups]
        identities: dict[str, list[Mapping[str, str]]] = {}
        for group, one in judged:
            known = identities.setdefault(one.learner.account, [])
            if group.learner.values not in known:
                known.append(group.learner.values)
        sound = []
        for group, one in judged:
            account = one.learner.account
            problems = one.problems or (() if account else (MISSING.at("XXZ@ZH"),))
            if not problems and len(identities[account]) > 1:
                problems = (IDENTITY_CONFLICT.at("XXZ"),)
            if problems:
                for row in group.rows:
                    self._refuse(row, problems)
            else:
                sound.append((account, group))
        return sound

    def _sound_rows(self, account: str, group: Group) -> list[Row]:
        repeated = repeated_sequences(row.flat for row in group.rows)
        sound = []
        for row in group.rows:
            faults = row_faults(row.flat, repeated, self._options)
            if faults:
                self._refuse(row, problems_at(row.number, faults))
            else:
                self._keys[row.number] = natural_key(account, row.flat.values, self._options.record_id_salt)
                sound.append(row)
        return sound

    def _refuse(self, row: Row, problems: tuple[Problem, ...]) -> None:
        self.quarantined.append(Quarantined(row.number, "", problems))
