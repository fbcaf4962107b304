"""Agreements as people and programs see them: what is in force, what is proposed, who has suspended."""

import base64
import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from gateway.model.scopes import AgreementState
from gateway.recognition.agreement import Agreement
from gateway.storage.rows import AgreementRow


def agreement_json(row: AgreementRow, founding: Agreement | None = None) -> dict[str, Any]:
    """One agreement.  `document` is the exact bytes in base64, `digest` their SHA-256; a founding one has neither: see the trust file.

    `in_force` says nothing of the day: compare it with `since` and `until`.
    """
    terms = json.loads(row.terms) if row.terms else founding.to_mapping() if founding is not None else None
    suspended = row.suspended_by.split() + (["trust-file"] if terms is not None and terms["suspended"] else [])
    return {
        "agreement": row.scope,
        "id": row.id,
        "source": row.source,
        "accepting": row.accepting,
        "state": row.state,
        "versions": row.versions,
        "suspended_by": suspended,
        "terms": _shown(terms, row.document) if terms is not None else None,
        "proposed": _shown(json.loads(row.proposed_terms), row.proposed_document) | {"by": row.proposed_by} if row.proposed_by else None,
        "changed_at": row.changed_at or None,
        "leaf": row.leaf if row.changed_at else None,
    }


def agreements_json(founding: Sequence[Agreement], rows: Iterable[AgreementRow], member: str) -> list[dict[str, Any]]:
    """All that a member is a party of, ended ones last; `member` "" sees all.  `rows` has every founding one too."""
    founded = {each.key: each for each in founding}
    mine = [row for row in rows if member in {"", row.source, row.accepting}]
    mine.sort(key=lambda row: (row.state == AgreementState.ENDED, row.source, row.accepting, row.id))
    return [agreement_json(row, founded.get((row.source, row.accepting, row.id))) for row in mine]


def _shown(terms: dict[str, Any], document: bytes) -> dict[str, Any]:
    names = ("version", "kinds", "since", "until", "item_credits_max", "learner_year_credits_max")
    shown = {name: terms[name] for name in names}
    digest = sha256(document).hexdigest() if document else None
    return shown | {"digest": digest, "document": base64.b64encode(document).decode() if document else None}
