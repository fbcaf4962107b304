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
CLAIMS_OPTIONAL: Final = ("scp", "ver", "irt", "htm", "htu", "same_person", "delivered", "part", "mapping", "posture", "reason", "seq")
"""`delivered` and `part`: the `sd` of what was last delivered and of the source part (decide);
`mapping`: `[id, version]`; `posture`: `done` or `impossible` (posted), `account` or `none` (acknowledge);
`seq`: the sender's number of this message, from 1, one row of numbers for each receiver."""

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
    "ask": (("question",), ()),
    "supplement": (("answer",), ("part", "manifest")),
    "amend": (("amendment", "part"), ("manifest",)),
    "revoke": (("revocation",), ()),
    "dispute": (("dispute",), ()),
    "uphold": (("ruling",), ()),
    "remit": (("ruling",), ()),
    "retry": (("order",), ()),
    "cancel": (("order",), ()),
    "clear": (("ruling",), ()),
    "statement-sign": (("countersignature",), ()),
    "statement-dispute": (("differences",), ()),
    "consent": (("consent",), ("identity",)),
    "consent-withdraw": (("consent-withdrawal",), ()),
    "enquire": (("enquiry", "identity", "consent-source"), ()),
    "list": (("listing",), ()),
    "agreement-propose": (("agreement",), ()),
    "agreement-sign": (("signature",), ()),
    "agreement-suspend": (("reason",), ()),
    "agreement-resume": (("reason",), ()),
    "agreement-end": (("reason",), ()),
    "flag": (("flag",), ()),
    "flag-appeal": (("appeal",), ()),
    "flag-uphold": (("ruling",), ()),
    "flag-lift": (("ruling",), ()),
    "flag-escalate": (("appeal",), ()),
    "erase": (("order",), ()),
    "legal-hold": (("order",), ()),
    "legal-release": (("order",), ()),
    "rule-propose": (("rules", "trial"), ()),
    "rule-approve": (("approval",), ()),
    "rule-publish": (("publication",), ()),
    "rule-withdraw": (("reason",), ()),
    "handover": (("handover",), ()),
    "handover-accept": (("acceptance",), ()),
    "noted": ((), ("state",)),
    "collect": ((), ()),
    # gateway to bank
    "forward": (
        ("case", "request", "identity", "consent"),
        ("local", "regional", "loss", "local-loss", "part", "manifest", "consent-source", "confirmation", "proposal"),
    ),
    "notify": (
        ("notice",),
        ("decision", "question", "local", "regional", "loss", "local-loss", "part", "manifest", "listing", "state", "statement"),
    ),
    "fetch": (("case", "identity", "consent-source"), ("request", "enquiry")),
    "refusal": (("refusal",), ()),
}
"""Acts without a row are the gateway's own and never sent."""

MEDIA_XML: Final = "application/xml"
MEDIA_JSON: Final = "application/json"
MEDIA_TOML: Final = "application/toml"
MEDIA_JWS: Final = "application/jose"

STATUS: Final[dict[str, int]] = {
    "format": 400,
    "format.too_large": 413,
    "record": 422,
    "mapping": 422,
    "catalogue": 422,
    "catalogue.unknown_entry": 404,
    "recognition": 422,
    "recognition.not_a_member": 403,
    "recognition.member_suspended": 403,
    "recognition.not_your_version": 403,
    "recognition.unknown_version": 404,
    "recognition.ambiguous_version": 409,
    "recognition.wrong_rule_state": 409,
    "recognition.version_taken": 409,
    "recognition.too_many_versions": 409,
    "recognition.changed_since_test": 409,
    "recognition.approved_already": 409,
    "recognition.too_few_approvals": 409,
    "recognition.proposer_alone": 409,
    "recognition.accepting_absent": 409,
    "recognition.retroactive": 409,
    "standard": 422,
    "trust": 401,
    "trust.replay_conflict": 409,
    "trust.suspended": 403,
    "trust.digest_mismatch": 400,
    "trust.bad_envelope": 400,
    "trust.missing_content": 400,
    "trust.unexpected_content": 400,
    "consent": 403,
    "transfer": 409,
    "transfer.unknown": 404,
    "transfer.no_such_item": 404,
    "transfer.selection_unknown": 404,
    "transfer.no_agreement": 403,
    "transfer.not_your_role": 403,
    "transfer.bad_document": 422,
    "peer": 502,
    "transferlog": 500,
    "evidence": 422,
    "erase": 409,
    "erase.bad_reason": 422,
    "erase.other_part": 422,
    "storage": 503,
    "storage.erased": 410,
    "settings": 500,
}
"""The result a code answers with, by the longest matching prefix.  It is signed in leaves, so it is part of the wire."""


def status_of(code: str) -> int:
    """The HTTP status (and channel result) of an error code."""
    return STATUS.get(code) or STATUS[code.split(".", 1)[0]]
