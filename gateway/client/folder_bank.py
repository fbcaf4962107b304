"""A bank made of folders: for one whose own system can only leave files, and for trying the connector out.

    learners.csv           citizen number, account here (UTF-8, one learner a line, heading `citizen_id,account`)
    feeds/                 files as the bank's system writes them; Anhui's names begin with their period, `2024-06…`
    policy.toml            how cases are decided
    review/<transfer>.json a case that waits for a person; the answer is put beside it as `<transfer>.toml`
    bookings/              one file a booking; its name keeps a decision from being booked twice

All of it lies on the bank's premises and is as private as the bank's own system.
"""

import csv
import io
import json
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from gateway.adapters.contract import FeedPart, RegionAdapter
from gateway.client.bank import Account, Booked, OpenItem, ReceivedCase, Supply
from gateway.client.parts import select
from gateway.errors import RecordError, SettingsError
from gateway.model.documents import Decision, DecisionItem, Identity, Request, Verdict, Withdrawal
from gateway.model.local import LocalLearner, PartManifest
from gateway.model.ports import Clock
from gateway.model.units import Credits

UNIT: Final = "credit"
_PERIOD: Final = re.compile(r"(\d{4}-\d{2})\D")
_VERDICTS: Final = ("recognise", "refuse", "wait")


class FolderBank:
    """Implements `gateway.client.bank.Bank`.  `known_ids` are the record ids given to rows before."""

    def __init__(self, folder: Path, adapter: RegionAdapter, known_ids: Mapping[str, str], clock: Clock) -> None:
        self._folder = folder
        self._adapter = adapter
        self._known_ids = known_ids
        self._clock = clock
        for name in ("feeds", "review", "bookings"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def accounts(self) -> list[str]:
        """The accounts of all learners this bank knows."""
        return sorted({account for account in self._accounts().values() if account})

    def account_of(self, request: Request, identity: Identity) -> Account:
        del request
        account = self._accounts().get(identity.citizen_id, "")
        return Account(account) if account else Account(none_reason="no_account")

    def supply(self, request: Request, identity: Identity) -> Supply | Withdrawal:
        """The newest feed that knows the learner and holds one of the records."""
        account = self._accounts().get(identity.citizen_id, "")
        known = False
        for path in sorted((self._folder / "feeds").iterdir(), reverse=True):
            for part in self._parts(path):
                learner = self._adapter.parse(part.content, part.manifest).learner
                if not self._is(learner, identity, account):
                    continue
                known = True
                try:
                    return select(self._adapter, part, frozenset(request.records), account)
                except RecordError:
                    continue
        return Withdrawal("unknown_record", "本行没有所申请的记录") if known else Withdrawal("unknown_person", "本行没有该学习者")

    def decide(self, case: ReceivedCase) -> Decision | None:
        """By policy, or by what a person wrote; until then the case lies in `review/`."""
        policy = _read_toml(self._folder / "policy.toml")
        found = policy.get("programme", {}).get(case.request.programme_code, {})
        verdict = found.get("verdict", policy.get("default", "wait"))
        if verdict not in _VERDICTS:
            raise _bad_policy("verdict is recognise, refuse or wait")
        by = str(policy.get("decided_by", "connector"))
        now = self._clock.now().replace(microsecond=0)
        if verdict != "wait":
            recognised = verdict == "recognise"
            items = tuple(_by_policy(item, recognised=recognised, reason=str(found.get("reason", ""))) for item in case.items)
            return Decision(case.request.programme_code, now, by, items)
        answer = self._folder / "review" / f"{case.transfer}.toml"
        if not answer.exists():
            self._lay_out(case)
            return None
        told = _read_toml(answer)
        return Decision(case.request.programme_code, now, str(told.get("decided_by", by)), _by_person(told, case.items))

    def post(self, transfer: str, role: str, decision: Decision) -> Booked:
        recognised = tuple(item.record for item in decision.items if item.verdict is Verdict.RECOGNISED)
        path = self._folder / "bookings" / f"{transfer}-{role}.json"
        reference = f"{role}-{transfer[:16]}"
        if not path.exists():
            items = [{"record": item.record, "verdict": item.verdict.value, "credits": str(item.credits)} for item in decision.items]
            _put(path, {"transfer": transfer, "role": role, "reference": reference, "items": items})
        return Booked(reference, recognised)

    def told(self, transfer: str, event: str) -> None:
        _put(self._folder / "bookings" / f"{transfer}-{event}.json", {"transfer": transfer, "event": event})

    def _accounts(self) -> dict[str, str]:
        path = self._folder / "learners.csv"
        if not path.exists():
            return {}
        rows = csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))
        return {str(row.get("citizen_id", "")).strip().upper(): str(row.get("account", "")).strip() for row in rows}

    def _parts(self, path: Path) -> tuple[FeedPart, ...]:
        """A feed cut by learner.  Raises FormatError, RecordError for a file that is at fault as a whole."""
        period = _PERIOD.match(path.name)
        return self._adapter.split(path.read_bytes(), PartManifest(period[1] if period else ""), self._known_ids).parts

    def _is(self, learner: LocalLearner, identity: Identity, account: str) -> bool:
        """By number, by the format's own digest of it, or by account; never by name."""
        if learner.citizen_id is not None:
            return learner.citizen_id == identity.citizen_id
        if learner.id_digest is not None:
            return self._adapter.digest_matches(identity.citizen_id, learner.id_digest)
        return bool(account) and learner.account == account

    def _lay_out(self, case: ReceivedCase) -> None:
        """What a person needs to decide: programme, records in this bank's words, regional credits."""
        path = self._folder / "review" / f"{case.transfer}.json"
        if path.exists():
            return
        words = {record.record_id: {key: str(value) for key, value in record.values.items()} for record in case.local.records}
        items = [
            {"record": item.record, "kind": item.kind, "credits": _size(item), "local": words.get(item.record, {})} for item in case.items
        ]
        request = case.request
        _put(path, {"transfer": case.transfer, "source": request.source, "programme": request.programme_name, "items": items})


def _size(item: OpenItem) -> str | None:
    return None if item.credits is None else format(item.credits, "f")


def _by_policy(item: OpenItem, *, recognised: bool, reason: str) -> DecisionItem:
    if not recognised:
        return DecisionItem(item.record, Verdict.REFUSED, Credits(Decimal(0)), "", "", "", reason or "not_in_catalogue", "policy", "", "")
    size = item.credits if item.credits is not None else Decimal(0)
    return DecisionItem(
        item.record, Verdict.RECOGNISED, Credits(size), format(size, "f"), UNIT, "", reason or "content_equivalent", "policy", "", ""
    )


def _by_person(told: Mapping[str, Any], items: tuple[OpenItem, ...]) -> tuple[DecisionItem, ...]:
    """The rows of a review file, exactly one for each open item.  Raises SettingsError."""
    rows = told.get("item", [])
    if not isinstance(rows, list) or {str(row.get("record")) for row in rows} != {item.record for item in items} or len(rows) != len(items):
        raise _bad_policy("a decision has one [[item]] for each open record")
    try:
        return tuple(_row(row) for row in rows)
    except (ValueError, InvalidOperation) as error:
        raise _bad_policy("verdict is recognised or refused, credits a decimal text") from error


def _row(row: Mapping[str, Any]) -> DecisionItem:
    verdict = Verdict(str(row.get("verdict")))
    size = Decimal(str(row.get("credits", "0")))
    awarded = format(size, "f") if verdict is Verdict.RECOGNISED else ""
    return DecisionItem(
        str(row["record"]), verdict, Credits(size), awarded, UNIT if awarded else "", str(row.get("course", "")),
        str(row.get("reason", "")), "review", str(row.get("zh", "")), str(row.get("en", "")),
    )  # fmt: skip


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad_policy(f"{path.name} is not TOML") from error


def _put(path: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")
    beside.replace(path)


def _bad_policy(en: str) -> SettingsError:
    return SettingsError("settings.policy", "认定规则或认定文件有误", f"the policy or a decision file is wrong: {en}", reason=en)
