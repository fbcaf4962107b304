"""Constants of the wire, version 1: acts, contents per act, headers, claim names, limits.

They cannot change once a bank has signed them.  The sentences behind them are numbered in
`docs/protocol.md`; states and roles are in `gateway.model.transfer`.
"""

from datetime import timedelta
from typing import Final

VERSION: Final = 1
GATEWAY_ID: Final = "CN-YRD"

ENVELOPE_TYP: Final = "ceg-envelope+jws"
RECEIPT_TYP: Final = "ceg-receipt+json"

HEADER_ENVELOPE: Final = "Credit-Envelope"
HEADER_SECRET: Final = "Credit-Secret"  # noqa: S105 (a header name)
HEADER_REPEATED: Final = "Credit-Repeated"

CLAIMS_REQUIRED: Final = ("v", "iss", "aud", "jti", "iat", "exp", "act", "con")
CLAIMS_OPTIONAL: Final = ("scp", "ver", "irt", "htm", "htu", "same_person", "delivered", "part", "mapping", "posture", "reason")
"""`delivered` and `part`: the `sd` of what was last delivered and of the source part (decide);
`mapping`: `[id, version]`; `posture`: `done` or `impossible` (posted), `account` or `none` (acknowledge)."""

ALGORITHMS: Final = ("EdDSA", "ES256")

SECRET_BYTES: Final = 32
JTI_BYTES: Final = 16
LIFETIME_HTTP_MAX: Final = timedelta(minutes=5)
LIFETIME_FILE_MAX: Final = timedelta(days=7)
CLOCK_SKEW_MAX: Final = timedelta(seconds=60)

ENVELOPE_BYTES_MAX: Final = 16 * 1024
CONTENT_BYTES_MAX: Final = 8 * 1024 * 1024
MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
CONTENTS_MAX: Final = 24
RECORDS_PER_PART_MAX: Final = 2_000

CONTENT_NAMES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    # act: (contents that must be there, contents that may be there)
    "request": (("request", "identity", "consent"), ("part", "manifest", "consent-source")),
    "confirm": (("confirmation", "part"), ("manifest",)),
    "decline": (("refusal",), ()),
    "acknowledge": (("acknowledgement",), ()),
    "decide": (("decision",), ()),
    "posted": (("posting",), ()),
    "withdraw": (("withdrawal",), ()),
    "noted": ((), ()),
    "collect": ((), ()),
    "consent": (("consent",), ()),
    "consent-withdraw": (("withdrawal",), ()),
    # gateway to bank
    "forward": (
        ("case", "request", "identity", "consent"),
        ("local", "regional", "loss", "local-loss", "part", "manifest", "consent-source", "confirmation"),
    ),
    "notify": (("notice",), ("decision",)),
    "fetch": (("case", "request", "identity", "consent-source"), ()),
}
"""Acts that are not carried out yet have no row: they answer `transfer.not_yet`."""

MEDIA_XML: Final = "application/xml"
MEDIA_JSON: Final = "application/json"
MEDIA_JWS: Final = "application/jose"
