"""What the pages of a bank's own console share: its connector, its book, its people's desk.

The console is served by the connector on the bank's premises and never by the gateway: the bank's key signs what is decided here,
and a learner's data shown here has not left the bank.
"""

from dataclasses import dataclass
from typing import Final

from gateway.client.casework import Casework
from gateway.client.connector import Connector
from gateway.client.console_book import Book
from gateway.client.selection_book import SelectionBook
from gateway.web.languages import msg
from gateway.web.pages.visit import Ground, Visit

BRAND: Final = msg("成员行操作台")


@dataclass(slots=True, kw_only=True)
class Console(Ground):
    """`decided_by` is who a decision says has made it: the office, never a person's name."""

    connector: Connector
    casework: Casework
    book: Book
    selections: SelectionBook
    decided_by: str

    @property
    def member(self) -> str:
        return self.connector.member

    def bank_name(self, member: str, *, english: bool) -> str:
        """A member's name; its id where the trust file does not know it."""
        found = self.connector.trust.member(member)
        if found is None:
            return member
        return found.name.en if english else found.name.zh


def console(visit: Visit) -> Console:
    """The visit's console."""
    assert isinstance(visit.ground, Console), "a page of a bank's console"
    return visit.ground
