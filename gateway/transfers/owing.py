"""What is owed about one scope, a transfer or an enquiry: messages in order, ended by the answer that names them or by being stopped."""

import json
from collections.abc import Mapping

from gateway.model.canonical import Json
from gateway.storage.rows import OwedRow
from gateway.transfers.view import View

OPEN_OWED = ("new", "ready")
OWED_AGAIN = "owed_again"
"""Stands in the claims of a message that its member acknowledged and did not keep, and that is therefore owed once more."""


class Owing:
    """Whoever has a `view` and a `scope` keeps the messages owed about that scope."""

    __slots__ = ()
    view: View

    @property
    def scope(self) -> str:
        """The transfer or enquiry the messages are about."""
        raise NotImplementedError

    def owed(self) -> list[OwedRow]:
        return self.view.owed.get(self.scope, [])

    def owe(self, jti: str, lane: str, act: str, event: str, claims: Mapping[str, Json]) -> None:
        """A message owed to `lane`, in order after those already owed for this transfer."""
        number = max((row.number for row in self.owed()), default=0) + 1
        self.view.put_owed(
            OwedRow(
                jti,
                lane,
                self.scope,
                number,
                act,
                event,
                "",
                json.dumps(dict(claims)),
                "[]",
                "new",
                0,
                self.view.at_text,
                "",
                self.view.at_text,
            )
        )

    def finish_owed(self, irt: str, lane: str, act: str, event: str = "") -> bool:
        """Close the owed message that `irt` answers.  False if there is none of that act, lane and event."""
        for row in self.owed():
            if row.jti == irt and row.lane == lane and row.act == act and (not event or row.event == event):
                self.view.put_owed(row._replace(state="done"))
                return True
        return False

    def finish_owed_again(self, irt: str | None, lane: str) -> bool:
        """Close a message that was owed once more: whatever its member answers it with, it has it now."""
        for row in self.owed():
            if row.jti == irt and row.lane == lane and row.state in OPEN_OWED and is_owed_again(row):
                self.view.put_owed(row._replace(state="done"))
                return True
        return False

    def cancel_owed_event(self, event: str) -> None:
        """Stop notices of an event that no longer stands."""
        for row in list(self.owed()):
            if row.act == "notify" and row.event == event and row.state in OPEN_OWED:
                self.view.put_owed(row._replace(state="cancelled"))

    def cancel_owed(self, *acts: str) -> set[str]:
        """Stop what is still open; gives back the lanes that may already have seen it: once built, it may be on its way."""
        seen = set()
        for row in list(self.owed()):
            if row.act in acts:
                if row.state in OPEN_OWED:
                    self.view.put_owed(row._replace(state="cancelled"))
                if row.attempts or row.state in {"ready", "done"}:
                    seen.add(row.lane)
        return seen

    def last_notice(self, event: str) -> OwedRow | None:
        """The latest notice of an event, in whatever state it is: earlier ones tell of what no longer stands."""
        found = [row for row in self.owed() if row.act == "notify" and row.event == event]
        return max(found, key=lambda row: row.number, default=None)


def is_owed_again(row: OwedRow) -> bool:
    """Whether it had been acknowledged before, and was found not to be there."""
    return OWED_AGAIN in row.claims and json.loads(row.claims).get(OWED_AGAIN) is True
