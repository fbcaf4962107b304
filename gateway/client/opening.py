"""Opening a case: the request, its row, the ids of its records, as one commit."""

from gateway.client.bank import Application
from gateway.client.office import Office
from gateway.client.store import Outgoing, Store
from gateway.storage.connector_schema import CaseRow
from gateway.storage.database import Write


def opening(office: Office, application: Application) -> tuple[Outgoing, list[Write]]:
    """The message, and everything that is written with it."""
    request, now = application.request, office.now_text()
    message = office.writer.request(office.setup.member, application)
    case = CaseRow(message.scope, request.source, request.accepting, request.facing, "submitted", 0, "", "", "", "{}", now)
    ids = application.supply.known_ids if application.supply is not None else {}
    return message, [*Store.send(message, now), Store.remember_ids(ids), Store.put_case(case)]
