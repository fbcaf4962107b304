"""Jiangsu: GB18030 XML inside SOAP 1.1.  One `CGPC` holds one `XXZ` a part, many a feed.  The format is our invention.

Parsing: `document` opens the bytes, `learner` judges head and learner (a fault there refuses the part), `row`
judges each `CG` (a fault there quarantines the row).  Values stay texts as written; the numbers in
them have been checked.  The bank's own signature (`js:Sec`) is kept as values and reported `signature_not_checked`.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Final

from gateway.adapters.contract import Feed
from gateway.adapters.fields import WRONG_TYPE
from gateway.adapters.jiangsu.document import HEAD_ORDER, Document, Group, read_document, write_document
from gateway.adapters.jiangsu.faults import AMBIGUOUS_ID, NO_LEARNER, NO_STABLE_ID
from gateway.adapters.jiangsu.feed import Cutter
from gateway.adapters.jiangsu.learner import ACCOUNT_PENDING, head_problems, judge_learner, placed, sent_on, structure_problems
from gateway.adapters.jiangsu.options import Options, read_options
from gateway.adapters.jiangsu.row import OPERATIONS, problems_at, repeated_sequences, row_faults, row_issues
from gateway.errors import Problem, RecordError
from gateway.model.local import LocalPart, LocalRecord, LocalValue, PartManifest, Quarantined

FORM: Final = "CG"
_CODES: Final = {operation: code for code, operation in OPERATIONS.items()}


def build(settings: Mapping[str, object]) -> "JiangsuAdapter":
    """Raises SettingsError with everything wrong in `settings`."""
    return JiangsuAdapter(read_options(settings))


class JiangsuAdapter:
    """Implements `gateway.adapters.contract.RegionAdapter`."""

    region: str = "jiangsu"
    media_types: tuple[str, ...] = ("text/xml", "application/xml")

    def __init__(self, options: Options) -> None:
        self.options = options

    def parse(self, content: bytes, manifest: PartManifest) -> LocalPart:
        document = read_document(content, self.options, self.options.rows_part_max)
        problems = _document_problems(document, self.options)
        if len(document.groups) != 1:
            problems.append(Problem("XXZ", "record.not_one_learner", "一个分件只能有一名学习者", "a part holds exactly one learner"))
        judged = [judge_learner(group.learner, self.options) for group in document.groups]
        _refuse(problems + [problem for one in judged for problem in one.problems])
        group, learner = document.groups[0], judged[0]
        records, quarantined = self._read_rows(document, group, manifest)
        return LocalPart(
            region=self.region,
            version=document.head.values["@BB"],
            learner=learner.learner,
            values=_part_values(document, group),
            records=records,
            quarantined=quarantined,
            warnings=tuple(sorted(learner.issues | _document_issues(document))),
        )

    def _read_rows(
        self, document: Document, group: Group, manifest: PartManifest
    ) -> tuple[tuple[LocalRecord, ...], tuple[Quarantined, ...]]:
        records: list[LocalRecord] = []
        quarantined = [Quarantined(row.number, "", problems_at(row.number, [("", NO_LEARNER)])) for row in document.strays]
        times = Counter(manifest.ids.values())
        sequences = repeated_sequences(row.flat for row in group.rows)
        sent = sent_on(document.head.values)
        for row in group.rows:
            record_id = manifest.ids.get(row.number, "")
            faults = row_faults(row.flat, sequences, self.options)
            if not record_id:
                faults.append(("", NO_STABLE_ID))
            elif times[record_id] > 1:
                faults.append(("", AMBIGUOUS_ID))
            if faults:
                quarantined.append(Quarantined(row.number, record_id, problems_at(row.number, faults)))
            else:
                issues = {*row_issues(row.flat.values, sent, self.options), *manifest.issues.get(row.number, ())}
                operation = OPERATIONS[row.flat.values["@CZ"]]
                records.append(LocalRecord(record_id, operation, row.number, FORM, row.flat.values, tuple(sorted(issues))))
        return tuple(records), tuple(quarantined)

    def render(self, part: LocalPart) -> bytes:
        """In the order of `part.records`: row n of the bytes is record n, which is what a manifest for them must say.

        `@XH`, `@CZ`, the counter and the batch head are supplied where the values lack them; an account not
        known yet is written as an empty `ZH` with `ZHZT="DQR"`.  `Sec/…` is left out: the gateway has no key of the bank.
        """
        rows = [_row_values(record, place) for place, record in enumerate(part.records, 1)]
        head = _texts(part.values, "CGPC", "")
        if head.get("@BB") not in self.options.format_versions:
            head["@BB"] = self.options.write_version
        head["@TS"] = str(len(rows))
        head.setdefault("@PCH", _batch_number(rows))
        return write_document(head, _learner_values(part), rows, soap=self.options.render_as == "soap")

    def split(self, content: bytes, manifest: PartManifest, known_ids: Mapping[str, str]) -> Feed:
        document = read_document(content, self.options, self.options.rows_feed_max)
        _refuse(_document_problems(document, self.options))
        cutter = Cutter(document, self.options, known_ids)
        period = manifest.period or _month(sent_on(document.head.values))
        parts = cutter.parts(period)
        quarantined = tuple(sorted(cutter.quarantined, key=lambda item: item.row))
        return Feed(parts, document.rows_read, quarantined, (), tuple(sorted(_document_issues(document))))

    def digest_matches(self, citizen_number: str, digest: str) -> bool:
        """The format has no digest of the citizen number; it carries the number itself."""
        _ = citizen_number, digest
        return False


def _document_problems(document: Document, options: Options) -> list[Problem]:
    return [*structure_problems("CGPC", document.head), *head_problems(document.head.values, document.rows_read, options)]


def _document_issues(document: Document) -> frozenset[str]:
    found = {"signature_not_checked": bool(document.security), "unknown_field_kept": bool(set(document.head.values) - set(HEAD_ORDER))}
    return frozenset(code for code, is_so in found.items() if is_so)


def _refuse(problems: list[Problem]) -> None:
    """All problems at once, under the code of the first."""
    if problems:
        raise RecordError(problems[0].code, problems[0].zh, problems[0].en, problems=tuple(problems))


def _part_values(document: Document, group: Group) -> dict[str, LocalValue]:
    values: dict[str, LocalValue] = {placed("CGPC", path): value for path, value in document.head.values.items()}
    values |= {placed("XXZ", path): value for path, value in group.learner.values.items()}
    return values | document.security


def _texts(values: Mapping[str, LocalValue], element: str, place: str) -> dict[str, str]:
    """The values below `element` (all of them where it is ""), as texts under paths relative to it."""
    found = {}
    for path, value in values.items():
        relative = path.removeprefix(element)
        if value is None or (element and (relative == path or relative[:1] not in ("@", "/"))):
            continue
        found[relative.removeprefix("/") if element else path] = _text(value, f"{place}{path}")
    return found


def _text(value: LocalValue, path: str) -> str:
    match value:
        case bool():
            raise RecordError(WRONG_TYPE.code, WRONG_TYPE.zh, WRONG_TYPE.en, problems=(WRONG_TYPE.at(path),))
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)


def _row_values(record: LocalRecord, place: int) -> dict[str, str]:
    values = _texts(record.values, "", f"row {place}/")
    return {"@XH": str(place), **values, "@CZ": _CODES[record.operation]}


def _learner_values(part: LocalPart) -> dict[str, str]:
    """What `XXZ` is to hold: the values, completed from the learner where they say nothing."""
    values = _texts(part.values, "XXZ", "")
    account = values.get("@ZH") or part.learner.account
    values = {**values, "@ZH": account, "@LX": values.get("@LX", "G")}
    if not account:
        values["@ZHZT"] = ACCOUNT_PENDING
    if part.learner.name is not None:
        values.setdefault("XM", part.learner.name)
    if part.learner.citizen_id is not None and "SFZJ" not in values:
        values |= {"SFZJ": part.learner.citizen_id, "SFZJ@LXM": "1"}
    return values


def _batch_number(rows: list[dict[str, str]]) -> str:
    """A batch number for rows that come from another bank: the same rows give the same number."""
    return "YRD" + sha256(repr(rows).encode("utf-8", "surrogatepass")).hexdigest()[:13]


def _month(day: date | None) -> str:
    return f"{day:%Y-%m}" if day else ""
