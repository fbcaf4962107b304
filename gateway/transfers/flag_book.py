"""The integrity flags that one batch works on: those of the learners it names, and where the reads of them are logged."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.storage.database import Row, UnreadError
from gateway.storage.flag_rows import FlagConsentRow, FlagRow, FlagShelfRow


@dataclass(slots=True)
class FlagBook:
    """`shelves` by learner; `unread` are learners whose flags turned out to be needed, `changed` the rows to write, by statement."""

    shelves: dict[str, FlagShelfRow] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    changed: dict[str, dict[object, Row]] = field(default_factory=dict)
    _flags: dict[str, tuple[FlagRow, ...]] = field(default_factory=dict)

    @classmethod
    def load(cls, flags: Sequence[Row], shelves: Sequence[Row]) -> "FlagBook":
        """From the rows of `flags_of_learners` and `flag_shelves`."""
        book = cls({row[0]: FlagShelfRow(*row) for row in shelves})
        for *flag, learner in flags:
            known = book._flags.get(learner, ())
            book._flags[learner] = known if flag[0] is None else (*known, FlagRow(*flag))
        return book

    def of(self, learner: str) -> tuple[FlagRow, ...]:
        """One learner's flags, lifted ones too, as they are now.  Raises UnreadError."""
        if learner not in self._flags:
            self.unread.add(learner)
            raise UnreadError
        return self._flags[learner]

    def put(self, row: FlagRow) -> None:
        self._flags[row.learner] = (*(each for each in self.of(row.learner) if each.scope != row.scope), row)
        self._put("flag_put", row.scope, row)

    def put_shelf(self, row: FlagShelfRow) -> None:
        self.shelves[row.learner] = row
        self._put("flag_shelf_put", row.learner, row)

    def put_consent(self, row: FlagConsentRow) -> None:
        self._put("flag_consent_put", row.scope, row)

    def forget_consent(self, scope: str) -> None:
        self._put("flag_consent_forget", scope, (scope,))

    def _put(self, statement: str, key: object, row: Row) -> None:
        self.changed.setdefault(statement, {})[key] = row
