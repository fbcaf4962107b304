"""What the changes of one batch want to see, as the reads of its transaction."""

import json
from collections.abc import Iterable, Sequence

from gateway.storage.database import Read
from gateway.transfers.view import Wants


def reads_for(wants: Sequence[Wants], *, registry: bool) -> list[Read]:
    """One bulk read per table for a whole batch, and none where nothing of a table is wanted.

    `registry`: also members and keys, for a caller that does not know them as of this head.
    """
    ids = _wanted(key for want in wants for key in want.transfers)
    reconciling = _wanted(want.reconciling for want in wants if want.reconciling)
    flags = _wanted(key for want in wants for key in want.flags)
    lists = {
        "messages_by_key": ("keys", _wanted(key for want in wants for key in want.messages)),
        "transfers_by_id": ("ids", ids),
        "items_by_transfer": ("ids", ids),
        "owed_by_transfer": ("ids", ids),
        "outcomes_by_transfer": ("ids", ids),
        "proposals_by_transfer": ("ids", ids),
        "outcomes_by_key": ("nfs", _wanted(key for want in wants for key in want.outcomes)),
        "consents_by_key": ("keys", _wanted(key for want in wants for key in want.consents)),
        "enquiries_by_id": ("ids", _wanted(key for want in wants for key in want.enquiries)),
        "items_of_learners": ("learners", _wanted(key for want in wants for key in want.learners)),
        "flags_of_learners": ("learners", flags),
        "flag_shelves": ("learners", flags),
        "fates_by_part": ("ids", _wanted(key for want in wants for key in want.fates)),
        "statements_by_id": ("ids", _wanted(key for want in wants for key in want.statements)),
        "selections_by_token": ("tokens", _wanted(key for want in wants for key in want.selections)),
        "alerts_by_fingerprint": ("fingerprints", _wanted(key for want in wants for key in want.alerts)),
        "log_seqs_of_scopes": ("scopes", _wanted(key for want in wants for key in want.scopes)),
        "handovers_by_scope": ("scopes", _wanted(key for want in wants for key in want.handovers)),
        "reconciliations_by_member": ("members", reconciling),
        "differences_open": ("members", reconciling),
    }
    fixed = ("head", "members_all", "keys_all", "agreements_all", "rules_all", "lanes_all") if registry else ("head",)
    return [*(Read(name, {}) for name in fixed), *(Read(name, {param: text}) for name, (param, text) in lists.items() if text)]


def _wanted(keys: Iterable[str | tuple[str, ...]]) -> str:
    """A JSON list, sorted, without repeats; "" when empty."""
    found = sorted(set(keys))
    return json.dumps(found) if found else ""
