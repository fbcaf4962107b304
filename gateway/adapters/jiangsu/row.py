"""Checks of one achievement (`CG`): every fault at once, and what is odd but usable as quality issues.

Codes (our invention): LB 01 course, 02 self-study exam, 03 skill certificate, 04 qualification, 05 training,
06 community, 07 award, 08 work; CZ X new, G change, C cancel; LY Y original, Z by conversion;
XZ B compulsory, X elective; CJ@LX DJ five
grades, HG pass or fail, BF percentage.  A letter means what its attribute says: X and G stand in several.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from gateway.adapters.fields import IMPOSSIBLE_DATE, MISSING, OUT_OF_RANGE, UNKNOWN_CODE, WRONG_FORM, Fault
from gateway.adapters.jiangsu.faults import AMBIGUOUS_CODE, HOURS_DIFFER, REPEATED_SEQUENCE, VALIDITY
from gateway.adapters.jiangsu.options import Options
from gateway.adapters.jiangsu.paths import RECORD_ORDER, Flat
from gateway.errors import Problem
from gateway.formats.gb18030 import has_private_use
from gateway.model.dates import PartialDate
from gateway.model.identifiers import HrssNumber, IdentifierError, certificate_scheme, hrss_certificate, old_qualification, uscc
from gateway.model.local import Operation

CLASSES: Final = frozenset(f"{number:02d}" for number in range(1, 9))
OPERATIONS: Final[Mapping[str, Operation]] = {"X": Operation.DEPOSIT, "G": Operation.CHANGE, "C": Operation.CANCEL}
COURSES: Final = frozenset({"01", "02"})
CERTIFICATES: Final = frozenset({"03", "04"})
ORIGINS: Final = frozenset("YZ")
COMPULSORY: Final = frozenset("BX")
GRADE_TYPES: Final = frozenset({"DJ", "HG", "BF"})

DATE_CHARS: Final = 8
DATES_MAX: Final = 4096
_NUMBER: Final = re.compile(r"(?:0|[1-9]\d{0,4})(?:\.\d{1,28})?", re.ASCII)
_SEQUENCE: Final = re.compile(r"\d{1,6}", re.ASCII)
_SCHOOL: Final = re.compile(r"\d{10}", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)


def row_faults(flat: Flat, repeated: frozenset[str], options: Options) -> list[tuple[str, Fault]]:
    """Every fault of one row as (path, fault): structure first, then the format's order.

    `repeated` holds the sequence numbers that stand more than once beside it.
    """
    values = flat.values
    return [
        *flat.faults,
        *_code_faults(values, repeated),
        *_title_faults(values),
        *_size_faults(values),
        *_grade_faults(values, options),
        *_level_faults(values, options),
        *_certificate_faults(values),
        *_issuer_faults(values),
        *_date_faults(values, options),
    ]


def repeated_sequences(rows: Iterable[Flat]) -> frozenset[str]:
    """Sequence numbers (`@XH`) that more than one row of a learner bears."""
    times = Counter(flat.values["@XH"] for flat in rows if "@XH" in flat.values)
    return frozenset(number for number, count in times.items() if count > 1)


def _code_faults(values: Mapping[str, str], repeated: frozenset[str]) -> Iterator[tuple[str, Fault]]:
    if not values.get("@XH"):
        yield "@XH", MISSING
    elif not _SEQUENCE.fullmatch(values["@XH"]):
        yield "@XH", WRONG_FORM
    elif values["@XH"] in repeated:
        yield "@XH", REPEATED_SEQUENCE
    for path, codes in (("@LB", CLASSES), ("@CZ", OPERATIONS.keys())):
        if values.get(path, "") not in codes:
            yield path, UNKNOWN_CODE if values.get(path) else MISSING
    if "@LY" in values and values["@LY"] not in ORIGINS:
        yield "@LY", UNKNOWN_CODE
    if values.get("KC@XZ") and values["KC@XZ"] not in COMPULSORY:
        yield "KC@XZ", UNKNOWN_CODE


def _title_faults(values: Mapping[str, str]) -> Iterator[tuple[str, Fault]]:
    """A course is named by KC, a certificate by ZS, anything else by either."""
    course, certificate = values.get("KC@MC", "").strip(), values.get("ZS@MC", "").strip()
    if values.get("@LB") in CERTIFICATES:
        if not certificate:
            yield "ZS@MC", MISSING
    elif values.get("@LB") in COURSES:
        if not course:
            yield "KC@MC", MISSING
    elif not (course or certificate):
        yield "KC@MC", MISSING


def _size_faults(values: Mapping[str, str]) -> Iterator[tuple[str, Fault]]:
    """Numbers are checked and stay text; XS = XS@LL + XS@SJ where all three are given."""
    numbers = {path: values[path] for path in ("XS", "XS@LL", "XS@SJ", "XF") if values.get(path)}
    wrong = [path for path, text in numbers.items() if not _NUMBER.fullmatch(text)]
    for path in wrong:
        yield path, WRONG_FORM
    hours = [numbers.get(path) for path in ("XS", "XS@LL", "XS@SJ")]
    if not wrong and all(hours):
        total, theory, practice = (Decimal(text) for text in hours if text)
        if total != theory + practice:
            yield "XS", HOURS_DIFFER


def _grade_faults(values: Mapping[str, str], options: Options) -> Iterator[tuple[str, Fault]]:
    grade, kind = values.get("CJ", ""), values.get("CJ@LX", "")
    if kind and kind not in GRADE_TYPES:
        yield "CJ@LX", UNKNOWN_CODE
    if grade and not kind:
        yield "CJ@LX", AMBIGUOUS_CODE
    if kind and not grade:
        yield "CJ", MISSING
    if not (grade and kind):
        return
    match kind:
        case "DJ" if grade not in options.grade_words:
            yield "CJ", UNKNOWN_CODE
        case "HG" if grade not in options.pass_values:
            yield "CJ", UNKNOWN_CODE
        case "BF" if not _NUMBER.fullmatch(grade):
            yield "CJ", WRONG_FORM
        case "BF" if Decimal(grade) > options.percent_max:
            yield "CJ", OUT_OF_RANGE


def _level_faults(values: Mapping[str, str], options: Options) -> Iterator[tuple[str, Fault]]:
    """The element DJ is a level of the framework KJ; the DJ of CJ@LX is another thing."""
    level, framework = values.get("DJ", ""), values.get("DJ@KJ", "")
    if framework and framework != options.level_framework:
        yield "DJ@KJ", UNKNOWN_CODE
    elif level and not framework:
        yield "DJ@KJ", AMBIGUOUS_CODE
    elif level and not _from_one_to(options.level_max, level):
        yield "DJ", UNKNOWN_CODE
    if values.get("ZS@JB") and not _from_one_to(options.skill_level_max, values["ZS@JB"]):
        yield "ZS@JB", UNKNOWN_CODE


def _from_one_to(most: int, text: str) -> bool:
    return re.fullmatch(r"[1-9]\d?", text, re.ASCII) is not None and int(text) <= most


def _certificate_faults(values: Mapping[str, str]) -> Iterator[tuple[str, Fault]]:
    """A number a spreadsheet has cut is lost, not odd; every other number is kept and judged as an issue."""
    try:
        certificate_scheme(values.get("ZS@BH", ""))
    except IdentifierError as error:
        yield "ZS@BH", Fault(error.code, error.zh, error.en)


def _issuer_faults(values: Mapping[str, str]) -> Iterator[tuple[str, Fault]]:
    """One attribute, two codes: a 10-digit school id or an 18-character unified social credit code.

    A code that fails its check names nobody, and a strong outcome key would rest on it: the row is quarantined.
    """
    code = values.get("FZDW@DM", "")
    if not code or _SCHOOL.fullmatch(code):
        return
    try:
        uscc(code)
    except IdentifierError as error:
        yield "FZDW@DM", Fault(error.code, error.zh, error.en)


def _date_faults(values: Mapping[str, str], options: Options) -> Iterator[tuple[str, Fault]]:
    for path in ("HDRQ", "YXQZ"):
        if values.get(path) and read_date(values[path]) is None:
            yield path, IMPOSSIBLE_DATE if _DATE.fullmatch(values[path]) else WRONG_FORM
    if values.get("YXQZ") == "" and options.empty_validity == "refuse":
        yield "YXQZ", MISSING
    awarded, until = read_date(values.get("HDRQ", "")), read_date(values.get("YXQZ", ""))
    if awarded and until and until.latest() < awarded.earliest():
        yield "YXQZ", VALIDITY


def read_date(text: str) -> PartialDate | None:
    """`20230630`, `20231100` (the month only), `20230000` (the year only); None for anything else."""
    return _read_date(text) if len(text) == DATE_CHARS else None


@lru_cache(maxsize=DATES_MAX)
def _read_date(text: str) -> PartialDate | None:
    """Memoised: checks and issues ask several times of one row, and dates repeat."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        return PartialDate(*(int(part) for part in found.groups()))
    except ValueError:
        return None


def row_issues(values: Mapping[str, str], sent: date | None, options: Options) -> set[str]:
    """Quality issues of a row without faults."""
    awarded, until = read_date(values.get("HDRQ", "")), read_date(values.get("YXQZ", ""))
    school = values.get("FZDW@DM", "")
    found = {
        "partial_date": any(moment is not None and moment.precision != "day" for moment in (awarded, until)),
        "future_date": awarded is not None and sent is not None and awarded.earliest() > sent,
        "no_expiry_assumed": values.get("YXQZ") == "",
        "private_use_character": has_private_use("".join(values.values())),
        "unknown_field_kept": bool(set(values) - set(RECORD_ORDER)),
        "issuer_unresolved": bool(_SCHOOL.fullmatch(school) and options.school_id_prefixes)
        and not school.startswith(options.school_id_prefixes),
    }
    return {code for code, is_so in found.items() if is_so} | _certificate_issues(values, options)


def _certificate_issues(values: Mapping[str, str], options: Options) -> set[str]:
    """The number of a certificate against the row: province, year of award, skill level."""
    if values.get("@LB") not in CERTIFICATES:
        return set()
    if not values.get("ZS@BH", "").strip():
        return {"certificate_number_missing"}
    try:
        number = hrss_certificate(values["ZS@BH"])
    except IdentifierError:
        return _old_certificate_issues(values)
    if number.special:
        return {"special_technician_number"}
    return {"certificate_mismatch"} if _differs(number, values, options) else set()


def _differs(number: HrssNumber, values: Mapping[str, str], options: Options) -> bool:
    awarded = read_date(values.get("HDRQ", ""))
    level = values.get("ZS@JB", "")
    return (
        number.province != options.certificate_province
        or (awarded is not None and number.full_year != awarded.year)
        or (level not in ("", number.level))
    )


def _old_certificate_issues(values: Mapping[str, str]) -> set[str]:
    try:
        number = old_qualification(values["ZS@BH"])
    except IdentifierError:
        return {"certificate_scheme_other"}
    awarded = read_date(values.get("HDRQ", ""))
    level = values.get("ZS@JB", "")
    differs = (awarded is not None and number.year != f"{awarded.year % 100:02d}") or (level not in ("", number.level))
    return {"certificate_mismatch"} if differs else set()


def problems_at(row: int, faults: list[tuple[str, Fault]]) -> tuple[Problem, ...]:
    """Faults of one row as problems `row 2/CJ@LX`, those of the whole row as `row 2`."""
    return tuple(fault.at(f"row {row}/{path}" if path else f"row {row}") for path, fault in faults)
