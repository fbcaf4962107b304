"""Stable record ids for a format whose rows have only positions.

Natural key of a row: learner's account, LB, certificate number (else course code, else title), and for
anything without a certificate number the month of award, because a course may be taken twice.  The batch, the
position, the grade and the credits are not in it, so a change (CZ=G) or a cancellation (CZ=C) finds the id
of the deposit.  Two rows with one key cannot be told apart and get no id.

The key leaves this module only as a SHA-256 with the bank's salt.  It covers no citizen number and no
name, so an id can never be turned back into one by trying; the salt keeps it from being turned into an account.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from gateway.model.canonical import jcs

ID_DIGITS: Final = 24


def natural_key(account: str, values: Mapping[str, str], salt: str) -> str:
    """Hex digest under which a row is known again."""
    kind = values["@LB"]
    certificate = "".join(values.get("ZS@BH", "").split()).upper()
    if certificate:
        return _digest(salt, account, kind, "ZS@BH", certificate)
    course = values.get("KC@DM", "").strip()
    title = (values.get("KC@MC") or values.get("ZS@MC", "")).strip()
    named = ("KC@DM", course) if course else ("MC", title)
    return _digest(salt, account, kind, *named, values.get("HDRQ", "")[:6])


def new_id(key: str) -> str:
    """The id of a row never seen before: the same whoever computes it, however often."""
    return f"JS-{key[:ID_DIGITS]}"


def _digest(*parts: str) -> str:
    return sha256(jcs(["ceg-jiangsu-row", *parts])).hexdigest()
