"""From a bank's own bytes to regional records: parse, link to the learner, map, validate, commit.

Pure but for the unguessable values it is given.  What fails here for the whole part is an
exception of the `record`, `format` or `standard` branch; what fails for one record closes that
item with its reason, and the rest goes on.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.adapters.contract import RegionAdapter
from gateway.crypto.digests import nullifier
from gateway.errors import Problem, RecordError
from gateway.federation.protocol import GATEWAY_ID
from gateway.mapping.engine import CONVERTED, Mapped, Mapper
from gateway.mapping.regional_xml import write_loss, write_part
from gateway.mapping.schema import Standard
from gateway.model.documents import Identity
from gateway.model.local import LocalPart, Operation, PartManifest
from gateway.model.places import institution_of
from gateway.model.ports import IdSource
from gateway.model.regional import RegionalRecord
from gateway.recognition.twins import likeness
from gateway.storage.rows import ContentRow, ItemRow
from gateway.transferlog.leaf import commit_record
from gateway.transfers.answers import problem_json


@dataclass(frozen=True, slots=True)
class Intake:
    """A part, read.  `openings` is JSON: record id to the secret (hex) that opens its commitment."""

    items: tuple[ItemRow, ...]
    regional: bytes
    loss: bytes
    openings: bytes
    mapping: tuple[str, str]
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a part is read for.  `source` and `accepting` are member ids; `records` the wanted record ids.

    Which agreement takes an item is found under the lock (`transfers.agreements`).
    """

    source: str
    accepting: str
    records: tuple[str, ...]
    identity: Identity


@dataclass(frozen=True, slots=True)
class Reader:
    """What reading a part needs; made once by the composition root.  Adapters by member id."""

    adapters: Mapping[str, RegionAdapter]
    mapper: Mapper
    standard: Standard
    nullifier_key: bytes
    ids: IdSource

    def read(self, content: bytes, manifest: PartManifest, asked: Asked) -> Intake:
        """Read one learner's part for the wanted records.

        Raises FormatError, RecordError, MappingError or StandardError where the whole part is at fault.
        """
        part = self.adapters[asked.source].parse(content, manifest)
        self._same_person(asked, part)
        _refuse_unasked(part, asked)
        mapped = self.mapper.to_regional(part, asked.source)
        xml = write_part(mapped.part)
        self.standard.validate_own("records", xml)
        secrets = {record.record_id: self.ids.secret() for record in mapped.part.records}
        return Intake(
            items=self._items(asked, part, mapped, secrets),
            regional=xml,
            loss=write_loss(mapped.loss),
            openings=json.dumps({record: secret.hex() for record, secret in secrets.items()}, sort_keys=True).encode(),
            mapping=(mapped.part.mapping_id, mapped.part.mapping_version),
            report=_report(part, mapped),
        )

    def _same_person(self, asked: Asked, part: LocalPart) -> None:
        """Ids and digests inside the part must be the identity block's; names are never compared."""
        learner, number = part.learner, asked.identity.citizen_id
        if not learner.account and learner.citizen_id is None:
            raise RecordError("record.no_account", "转出行的分件须写明账户", "a source bank's part names the learner's account")
        other_number = learner.citizen_id is not None and learner.citizen_id != number
        other_digest = learner.id_digest is not None and not self.adapters[asked.source].digest_matches(number, learner.id_digest)
        if other_number or other_digest:
            raise RecordError(
                "record.other_person", "分件中的人与身份信息不是同一人", "the part is about another person than the identity block"
            )

    def _items(self, asked: Asked, part: LocalPart, mapped: Mapped, secrets: Mapping[str, bytes]) -> tuple[ItemRow, ...]:
        records = {record.record_id: record for record in mapped.part.records}
        absent = {row.record_id: "mapping_refused" for row in mapped.refused} | {row.record_id: "quarantined" for row in part.quarantined}
        cancelled = {record.record_id for record in part.records if record.operation is Operation.CANCEL}
        items = []
        for position, record_id in enumerate(asked.records):
            record = records.get(record_id)
            if record is None:
                items.append(empty_item(position, record_id)._replace(state="closed", reason=absent.get(record_id, "unknown_record")))
            else:
                reason = "revoked" if record_id in cancelled else _barred(record)
                items.append(self._item(position, record, asked, secrets[record_id], reason))
        return tuple(items)

    def _item(self, position: int, record: RegionalRecord, asked: Asked, secret: bytes, reason: str) -> ItemRow:
        strength, key = outcome_key(record, asked.source)
        size = record.credits
        return empty_item(position, record.record_id)._replace(
            state="closed" if reason else "claimed",
            reason=reason,
            cm=commit_record(secret, committed_fields(record)),
            nf=nullifier(self.nullifier_key, key),
            strength=strength,
            kind=str(record.values["kind"]),
            credits=str(size) if size is not None else None,
            points=str(record.values["size.points"]) if "size.points" in record.values else None,
            alike="" if reason else likeness(self.nullifier_key, asked.identity.citizen_id, record.values),
            issuer=institution_of(record.values),
        )


def committed_fields(record: RegionalRecord) -> dict[str, str]:
    """The record's values as the texts that its commitment is over, by field path."""
    return {path: value if type(value) is str else _text(value) for path, value in record.values.items()}


def loss_fact(made: Iterable[ContentRow]) -> dict[str, str]:
    """What a leaf says of the loss report beside these contents: its digest, so that it can be shown later."""
    found = next((row.sd for row in made if row.iss == GATEWAY_ID and row.name == "loss"), "")
    return {"loss": found} if found else {}


def empty_item(position: int, record_id: str) -> ItemRow:
    """A claimed record of which nothing is known yet."""
    return ItemRow("", position, record_id, "claimed", "", "", "", "", "", None, None, None)


def item_problems(items: Iterable[ItemRow]) -> tuple[Problem, ...]:
    """Why each closed item was closed, for a refusal that lists them all.  A lost race names the winner's leaf."""
    return tuple(
        Problem(
            f"item {item.position + 1}",
            f"item.{item.reason}",
            "该项已关闭" + (f"(存证第 {item.taken_leaf} 条)" if item.taken_leaf is not None else ""),
            "this item is closed" + (f" (leaf {item.taken_leaf})" if item.taken_leaf is not None else ""),
        )
        for item in items
        if item.state == "closed"
    )


def _refuse_unasked(part: LocalPart, asked: Asked) -> None:
    """Nobody's record travels that was not asked for."""
    rows = [record.row for record in part.records if record.record_id not in asked.records]
    if rows:
        raise RecordError(
            "record.not_requested",
            "分件含有未申请的记录",
            "the part holds records that were not requested",
            problems=tuple(Problem(f"row {row}", "record.not_requested", "未在申请中列出", "not named in the request") for row in rows),
        )


def outcome_key(record: RegionalRecord, source: str) -> tuple[str, str]:
    """`strong` where a globally unique number exists (skill certificate, or issuer code with number), else `weak`: bank and record id."""
    values = record.values
    number = "".join(str(values.get("certificate.number", "")).split()).upper()
    if number and values.get("certificate.scheme") == "HRSS":
        return "strong", f"hrss\n{number}"
    if number and values.get("issuer.uscc"):
        return "strong", f"uscc\n{values['issuer.uscc']}\n{number}"
    return "weak", f"record\n{source}\n{record.record_id}"


def _barred(record: RegionalRecord) -> str:
    """Why this record may not go on, or ""."""
    if record.values.get("status") == "REVOKED":
        return "revoked"
    if not record.values["convertible"]:
        return "converted" if record.values.get("convertible_reason") == CONVERTED else "not_convertible"
    return ""


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _report(part: LocalPart, mapped: Mapped) -> dict[str, Any]:
    """What the receipt says about rows: read = accepted + quarantined + ignored."""
    return {
        "rows_read": part.rows_read,
        "accepted": len(part.records),
        "quarantined": [{"row": row.row, "problems": [problem_json(each) for each in row.problems]} for row in part.quarantined],
        "ignored": [{"row": row.row, "rule": row.rule} for row in part.ignored],
        "unmapped": [{"row": row.row, "problems": [problem_json(each) for each in row.problems]} for row in mapped.refused],
        "warnings": list(part.warnings),
    }
