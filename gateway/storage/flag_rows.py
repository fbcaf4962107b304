"""The rows about integrity flags, one named tuple each, in column order; see `storage.rows` for the forms of times and digests."""

from typing import NamedTuple


class FlagRow(NamedTuple):
    """An integrity flag on an outcome as one learner brought it.  `state`: `model.integrity.FlagState`.

    `transfer` and `record` are a case and its item by which the outcome is known, `source` that case's source bank; `derived` 1 where
    it followed from another act.  `due` is until when the setter (appealed) or the presiding unit (escalated) has to answer, else "".
    `ruled_by` is who upheld or lifted it last; `seq` the next leaf's number in its scope, `leaf` the last one's index.
    """

    scope: str
    nf: str
    learner: str
    transfer: str
    record: str
    source: str
    setter: str
    kind: str
    reason: str
    state: str
    seq: int
    derived: int
    set_at: str
    changed_at: str
    due: str = ""
    appealed_by: str = ""
    appeal_reason: str = ""
    ruled_by: str = ""
    ruling_reason: str = ""
    leaf: int = 0


class FlagShelfRow(NamedTuple):
    """Where the reads of one learner's flags are logged: a random scope, and its next leaf's number."""

    learner: str
    scope: str
    seq: int


class FlagConsentRow(NamedTuple):
    """What a registered consent for reading flags is about: whose, and which records (a JSON list) of which source bank."""

    scope: str
    controller: str
    id: str
    learner: str
    source: str
    records: str
