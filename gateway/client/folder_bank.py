"""A bank made of folders: for one whose own system can only leave files, and for trying the connector out.

    learners.csv           citizen number, account here (UTF-8, one learner a line, heading `citizen_id,account`)
    feeds/                 files as the bank's system writes them; Anhui's names begin with their period, `2024-06…`
    policy.toml            how cases are decided
    review/<transfer>.json a case that waits for a person; the answer is put beside it as `<transfer>.toml`
    listings/<id>.json     what another bank has of a learner, as this bank asked it
    bookings/              one file a booking; its name keeps a decision from being booked twice
    quarantine/            damaged rows, one table a feed (`gateway.client.quarantine`)
    attention/             what only people can clear up about a case, one table a case

All of it lies on the bank's premises and is as private as the bank's own system.
"""

import csv
import io
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from gateway.adapters.contract import FeedPart, RegionAdapter
from gateway.adapters.zhejiang.feed import withhold
from gateway.client.bank import NO_MANIFEST, Account, Booked, Held, OpenItem, ReceivedCase, Supply
from gateway.client.feed_rows import KnownRows
from gateway.client.feed_slip import period_of
from gateway.client.feeds import Feeds, Person, Shelf
from gateway.client.parts import compose
from gateway.client.proposed import BY_POLICY, UNIT, by_proposal, explained
from gateway.client.quarantine import write_doubts
from gateway.errors import SettingsError
from gateway.model.dates import PartialDate
from gateway.model.documents import Decision, DecisionItem, Enquiry, Identity, ListedRecord, Listing, Request, Verdict, Withdrawal
from gateway.model.local import LocalLearner
from gateway.model.ports import Clock
from gateway.model.units import Credits

CHINA: Final = timezone(timedelta(hours=8))
_VERDICTS: Final = ("recognise", "refuse", "follow", "wait")


class FolderBank:
    """Implements `gateway.client.bank.Bank`.  `rows` are the record ids given to rows before."""

    def __init__(self, folder: Path, adapter: RegionAdapter, rows: KnownRows, clock: Clock) -> None:
        self._folder = folder
        self._adapter = adapter
        self._clock = clock
        self._index = ("", dict[str, Person](), dict[str, Person]())
        for name in ("feeds", "review", "bookings", "quarantine", "attention", "listings"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.feeds = Feeds(folder / "feeds", adapter, rows)

    def accounts(self) -> list[str]:
        """The accounts of all learners this bank knows."""
        return sorted({account for account in self._accounts().values() if account})

    def account_of(self, request: Request, identity: Identity) -> Account:
        del request
        account = self._accounts().get(identity.citizen_id, "")
        return Account(account) if account else Account(none_reason="no_account")

    def edition(self) -> str:
        return self.feeds.edition()

    def supply(self, request: Request, identity: Identity) -> Supply | Withdrawal:
        """The requested records as the feeds say them now, all together."""
        shelf = self.feeds.shelf()
        person = self._person(identity, shelf)
        if person is None:
            return Withdrawal("unknown_person", "本行没有该学习者")
        found = [person.entries[record] for record in request.records if record in person.entries]
        if not found:
            return Withdrawal("unknown_record", "本行没有所申请的记录")
        account, closed = self._account(identity), self._gone(request, person, shelf)
        if person.chain:
            content = withhold(person.chain, frozenset(request.records))
            return Supply(content, self._adapter.media_types[0], account=account, closed=closed)
        known = {entry.natural_key: entry.record.record_id for entry in found if entry.natural_key}
        period = max(entry.place.period for entry in found) if known else None
        issues = {entry.record.record_id: entry.issues for entry in found}
        made = compose(self._adapter, person.head, [entry.record for entry in found], period, issues)
        return replace(made, account=account, closed=closed, known_ids=known)

    def gone(self, request: Request, identity: Identity) -> dict[str, str]:
        shelf = self.feeds.shelf()
        return self._gone(request, self._person(identity, shelf), shelf)

    def _gone(self, request: Request, person: Person | None, shelf: Shelf) -> dict[str, str]:
        """What has disappeared from a month's file is void only where its slip says so and every row of it can be read."""
        kept = self.feeds.rows.kept
        here = person.entries if person is not None else {}
        held = {row.record for row in shelf.held if row.record}
        lines = {(period_of(row.file), row.row) for row in shelf.held}
        doubtful = {period for period, _ in lines}
        found = {}
        for record in request.records:
            if record in here:
                continue
            row = kept.get(record)
            if record in held or (row is not None and (row.place.period, row.place.line) in lines):
                found[record] = "quarantined"
            elif row is not None and row.place.period in shelf.cancelling - doubtful:
                found[record] = "revoked"
            else:
                found[record] = "unknown_record"
        return found

    def doubts(self, transfer: str, records: Mapping[str, str]) -> None:
        write_doubts(self._folder / "attention" / f"{transfer}.csv", records)

    def held(self, enquiry: Enquiry, identity: Identity) -> Held | Withdrawal:
        """Everything the feeds hold of the learner: a list is of the newest month, or of the day the newest file was left here."""
        del enquiry
        person = self._person(identity, self.feeds.shelf())
        if person is None:
            return Withdrawal("unknown_person", "本行没有该学习者")
        today = self._clock.now().astimezone(CHINA).date()
        return Held(min(_as_of(person), today), self._whole(person, self._account(identity)))

    def _whole(self, person: Person, account: str) -> FeedPart:
        entries = tuple(person.entries.values())
        if person.chain:
            return FeedPart(account, person.chain, self._adapter.media_types[0], NO_MANIFEST, ())
        keys = {place: entry.natural_key for place, entry in enumerate(entries, 1) if entry.natural_key}
        issues = {entry.record.record_id: entry.issues for entry in entries}
        made = compose(self._adapter, person.head, [entry.record for entry in entries], person.period if keys else None, issues)
        return FeedPart(account, made.content, made.media_type, made.manifest, tuple(range(1, len(entries) + 1)), keys)

    def listed(self, enquiry: str, listing: Listing) -> None:
        items = [{name: getattr(item, name) for name in ListedRecord.__dataclass_fields__} for item in listing.items]
        _put(self._folder / "listings" / f"{enquiry}.json", {"enquiry": enquiry, "as_of": listing.as_of.isoformat(), "items": items})

    def decide(self, case: ReceivedCase) -> Decision | None:
        """By policy, or by what a person wrote; until then the case lies in `review/`."""
        policy = _read_toml(self._folder / "policy.toml")
        found = policy.get("programme", {}).get(case.request.programme_code, {})
        disputed = case.state == "disputed"  # what a person is asked to look at again no policy decides
        verdict = "wait" if disputed else found.get("verdict", policy.get("default", "wait"))
        if verdict not in _VERDICTS:
            raise _bad_policy("verdict is recognise, refuse, follow or wait")
        by = str(policy.get("decided_by", "connector"))
        now = self._clock.now().replace(microsecond=0)
        proposed = by_proposal(case.proposal, case.items) if verdict == "follow" else None
        if proposed is not None:
            return Decision(case.request.programme_code, now, by, proposed)
        if verdict in {"recognise", "refuse"}:
            recognised = verdict == "recognise"
            items = tuple(_by_policy(item, recognised=recognised, reason=str(found.get("reason", ""))) for item in case.items)
            return explained(Decision(case.request.programme_code, now, by, items, departure=BY_POLICY), case.proposal)
        name = f"{case.transfer}-disputed" if disputed else case.transfer
        answer = self._folder / "review" / f"{name}.toml"
        if not answer.exists():
            self._lay_out(case, name)
            return None
        told = _read_toml(answer)
        who, why = str(told.get("decided_by", by)), str(told.get("departure", ""))
        return explained(Decision(case.request.programme_code, now, who, _by_person(told, case.items), departure=why), case.proposal)

    def post(self, transfer: str, role: str, decision: Decision) -> Booked:
        recognised = tuple(item.record for item in decision.items if item.verdict is Verdict.RECOGNISED)
        path = self._folder / "bookings" / f"{transfer}-{role}.json"
        reference = f"{role}-{transfer[:16]}"
        items = [{"record": item.record, "verdict": item.verdict.value, "credits": str(item.credits)} for item in decision.items]
        booking = {"transfer": transfer, "role": role, "reference": reference, "items": items}
        if not path.exists() or json.loads(path.read_text("utf-8")) != booking:
            _put(path, booking)
        return Booked(reference, recognised)

    def recalled(self, transfer: str, records: Sequence[str]) -> Booked:
        reference = f"recall-{transfer[:16]}"
        _put(self._folder / "bookings" / f"{transfer}-recalled.json", {"transfer": transfer, "records": list(records)})
        return Booked(reference, tuple(records))

    def told(self, transfer: str, event: str) -> None:
        _put(self._folder / "bookings" / f"{transfer}-{event}.json", {"transfer": transfer, "event": event})

    def _accounts(self) -> dict[str, str]:
        path = self._folder / "learners.csv"
        if not path.exists():
            return {}
        rows = csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))
        return {str(row.get("citizen_id", "")).strip().upper(): str(row.get("account", "")).strip() for row in rows}

    def _account(self, identity: Identity) -> str:
        return self._accounts().get(identity.citizen_id, "")

    def _person(self, identity: Identity, shelf: Shelf) -> Person | None:
        """By number, by account with the format's own digest of the number, or by account alone where it has neither; never by name."""
        if self._index[0] != shelf.edition:
            numbers = {person.learner.citizen_id: person for person in shelf.people if person.learner.citizen_id is not None}
            accounts = {person.learner.account: person for person in shelf.people if person.learner.account}
            self._index = shelf.edition, numbers, accounts
        _, numbers, accounts = self._index
        account = self._account(identity)
        found = numbers.get(identity.citizen_id) or accounts.get(_plain(account)) or accounts.get(account)
        if found is not None:
            return found if self._is(found.learner, identity, account) else None
        return next((person for person in shelf.people if person.learner.id_digest and self._is(person.learner, identity, account)), None)

    def _is(self, learner: LocalLearner, identity: Identity, account: str) -> bool:
        if learner.citizen_id is not None:
            return learner.citizen_id == identity.citizen_id
        if learner.id_digest is not None:
            return self._adapter.digest_matches(identity.citizen_id, learner.id_digest)
        return bool(account) and learner.account == account

    def _lay_out(self, case: ReceivedCase, name: str) -> None:
        """What a person needs to decide: programme, records in this bank's words, regional credits."""
        path = self._folder / "review" / f"{name}.json"
        if path.exists():
            return
        words = {record.record_id: {key: str(value) for key, value in record.values.items()} for record in case.local.records}
        items = [
            {"record": item.record, "kind": item.kind, "credits": _size(item), "local": words.get(item.record, {})} for item in case.items
        ]
        request = case.request
        laid = {"transfer": case.transfer, "source": request.source, "programme": request.programme_name, "items": items}
        _put(path, laid | ({"estimate": case.proposal.estimate} if case.proposal is not None else {}))


def _plain(account: str) -> str:
    """Zhejiang's accounts are typed in groups of four."""
    return account.replace("-", "").upper()


def _as_of(person: Person) -> date:
    """Of what day a learner's records are: the last of the newest month they are from, else the day the newest file was left here."""
    if person.period:
        return PartialDate.from_iso(person.period).latest()
    return datetime.fromtimestamp(person.laid / 1e9, CHINA).date()


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
