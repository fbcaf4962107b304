"""The Shanghai adapter: one JSON push a learner, in and out; a feed of pushes, cut by learner.

Format: our invention around the published field vocabulary; see README.md here.  A push has no
operation: sending an outer id again overwrites it, so every record reads as a deposit, a
correction is written like a deposit, and a cancellation cannot be written at all.
"""

from collections.abc import Mapping
from decimal import Decimal

from gateway.adapters.contract import Feed, RegionAdapter
from gateway.adapters.fields import OTHER_ID, extra_fault, faults_of, may_hold_private_use
from gateway.adapters.settings_table import SettingsTable
from gateway.adapters.shanghai.feed import split_feed
from gateway.adapters.shanghai.push import (
    DUPLICATE,
    HEAD_KEYS,
    HEAD_RULES,
    REGION,
    Form,
    Settings,
    account_fault,
    forms_for,
    read_push,
    refuse,
)
from gateway.errors import Problem
from gateway.formats.json_safe import JsonInput, read_json, write_json
from gateway.model.local import LocalPart, LocalRecord, LocalValue, Operation, PartManifest


def build(settings: Mapping[str, object]) -> RegionAdapter:
    """Check the `[adapter]` table and make the adapter.  Raises SettingsError."""
    return ShanghaiAdapter(read_settings(settings))


def read_settings(settings: Mapping[str, object]) -> Settings:
    table = SettingsTable("shanghai/adapter", settings)
    read = Settings(
        channel=table.text("channel"),
        account_digits_min=table.whole("account_digits_min", 1, 32, 6),
        account_digits_max=table.whole("account_digits_max", 1, 32, 20),
        rows_max=table.whole("rows_max", 1, 100_000, 2_000),
        score_max=table.whole("score_max", 1, 10_000, 100),
        refuse_counters=table.choice("counter_mismatch", ("refuse", "warn"), "refuse") == "refuse",
        feed_bytes_max=table.whole("feed_bytes_max", 1_024, 1024 * 1024 * 1024, 64 * 1024 * 1024),
    )
    if read.account_digits_min > read.account_digits_max:
        table.problem("account_digits_min", "settings.out_of_range", "最小位数大于最大位数", "the least exceeds the most")
    table.finish()
    return read


class ShanghaiAdapter:
    """Implements `gateway.adapters.contract.RegionAdapter`."""

    region = REGION
    media_types: tuple[str, ...] = ("application/json",)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._forms = forms_for(settings.score_max)
        self._by_name = {form.name: form for form in self._forms}

    def parse(self, content: bytes, manifest: PartManifest) -> LocalPart:  # noqa: ARG002 (the format needs no manifest)
        """Read one push.  Raises FormatError, RecordError."""
        return read_push(read_json(content), self._settings, self._forms, look_closely=may_hold_private_use(content))

    def split(self, content: bytes, manifest: PartManifest, known_ids: Mapping[str, str]) -> Feed:  # noqa: ARG002 (ids are the bank's own)
        """One push, a JSON array of pushes, or one push a line → one push a learner.  Raises FormatError."""
        return split_feed(content, self._settings, self._forms, self.render)

    def render(self, part: LocalPart) -> bytes:
        """Write one push; counters are recomputed.  Raises RecordError with everything that cannot be said in this format."""
        problems: list[Problem] = []
        rows: dict[str, list[dict[str, LocalValue]]] = {form.name: [] for form in self._forms}
        seen: set[str] = set()
        for record in part.records:
            place = f"row {record.row}"
            form = self._writable(record, place, problems)
            if form is None:
                continue
            if record.record_id in seen:
                problems.append(DUPLICATE.at(place))
            seen.add(record.record_id)
            row = _ordered(record, form)
            problems.extend(_row_problems(row, record, form, place))
            rows[form.name].append(row)
        push = self._head(part, problems)
        if problems:
            raise refuse(problems)
        for form in self._forms:
            push[form.name] = rows[form.name]
            push[form.counter] = len(rows[form.name])
        return write_json(push, indent=1)

    def digest_matches(self, citizen_number: str, digest: str) -> bool:  # noqa: ARG002 (the format tells nothing of a person)
        """No digest is ever given here, so none matches."""
        return False

    def _writable(self, record: LocalRecord, place: str, problems: list[Problem]) -> Form | None:
        if record.operation is Operation.CANCEL:
            problems.append(Problem(place, "record.no_cancel", "该格式不能表示撤销", "this format cannot say that a record is cancelled"))
            return None
        form = self._by_name.get(record.form)
        if form is None:
            problems.append(Problem(place, "record.unknown_form", "该格式没有这一成果类别", "this format has no such class of record"))
        return form

    def _head(self, part: LocalPart, problems: list[Problem]) -> dict[str, JsonInput]:
        account = part.learner.account
        fault = account_fault(self._settings, account)
        if fault is not None:
            problems.append(fault.at("cb_id"))
        head: dict[str, JsonInput] = {"channel": self._settings.channel, "cb_id": account}
        reserved = {name for form in self._forms for name in (form.name, form.counter)}
        rest = {key: value for key, value in part.values.items() if key not in reserved and key not in head}
        head.update({key: rest[key] for key in HEAD_KEYS if key in rest})
        head.update(rest)
        problems.extend(faults_of(HEAD_RULES, head, ""))
        for key, value in rest.items():
            bad = extra_fault(key, value)
            if bad is not None:
                problems.append(bad.at("/"))
        return head


def _ordered(record: LocalRecord, form: Form) -> dict[str, LocalValue]:
    """Known fields in the format's order, then what the format does not know; the id always stands."""
    values: dict[str, LocalValue] = {form.id_path: record.record_id, **record.values}
    row = {rule.path: _whole(values.pop(rule.path)) for rule in form.rules if rule.path in values}
    return row | values


def _whole(value: LocalValue) -> LocalValue:
    """Sizes are integers here; a Decimal without a fraction is one."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value


def _row_problems(row: Mapping[str, LocalValue], record: LocalRecord, form: Form, place: str) -> list[Problem]:
    problems = faults_of(form.rules, row, place)
    if row[form.id_path] != record.record_id:
        problems.append(OTHER_ID.at(f"{place}/{form.id_path}"))
    for key, value in row.items():
        fault = None if key in form.checks else extra_fault(key, value)
        if fault is not None:
            problems.append(fault.at(place))
    return problems
