"""Checks of the document's head (`CGPC`) and of the learner (`XXZ`).

A part is one learner, so damage here leaves nothing to save: the caller refuses the whole part
(or, in a feed, quarantines that learner's rows).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from gateway.adapters.fields import IMPOSSIBLE_DATE, MISSING, UNKNOWN_CODE, WRONG_FORM
from gateway.adapters.jiangsu.faults import AMBIGUOUS_CODE, COUNTER, INSTITUTION, LOST_CHARACTER, PRIVATE_USE, VERSION
from gateway.adapters.jiangsu.options import Options
from gateway.adapters.jiangsu.paths import LEARNER_ORDER, Flat
from gateway.errors import Problem
from gateway.formats.gb18030 import has_private_use
from gateway.model.identifiers import IdentifierError, citizen_number, citizen_sex, jiangsu_account
from gateway.model.local import LocalLearner

# `XXZ@ZHZT`: the account is to be told by the bank.  The only way to leave `XXZ@ZH` empty.
ACCOUNT_PENDING: Final = "DQR"
PEOPLES: Final = frozenset(f"{number:02d}" for number in range(1, 57))
SEXES: Final = frozenset("0129")

_STAMP: Final = re.compile(r"\d{14}", re.ASCII)
_LOST: Final = re.compile("[?？\ufffd]")
_FULL_WIDTH: Final = re.compile("[\uff01-\uff5e]")
_OTHER_DOTS: Final = re.compile("[•‧∙・．⋅･]")


def head_problems(head: Mapping[str, str], rows_read: int, options: Options) -> Iterator[Problem]:
    """`CGPC`: version, batch number, time stamp, counter."""
    if head.get("@BB", "") not in options.format_versions:
        yield (VERSION if head.get("@BB") else MISSING).at("CGPC@BB")
    if not head.get("@PCH", "").strip():
        yield MISSING.at("CGPC@PCH")
    if head.get("@CJSJ") and sent_on(head) is None:
        yield (IMPOSSIBLE_DATE if _STAMP.fullmatch(head["@CJSJ"]) else WRONG_FORM).at("CGPC@CJSJ")
    counter = head.get("@TS", "")
    if not counter:
        yield MISSING.at("CGPC@TS")
    elif not re.fullmatch(r"\d{1,9}", counter, re.ASCII):
        yield WRONG_FORM.at("CGPC@TS")
    elif int(counter) != rows_read:
        yield COUNTER.at("CGPC@TS")


def sent_on(head: Mapping[str, str]) -> date | None:
    """The date in `CGPC@CJSJ`, None where it is absent or wrong."""
    stamp = head.get("@CJSJ", "")
    if not _STAMP.fullmatch(stamp):
        return None
    try:
        return datetime.fromisoformat(f"{stamp[:8]}T{stamp[8:]}+08:00").date()
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Judged:
    """With `problems` the learner is not to be used; `issues` are codes of the quality-issue table."""

    learner: LocalLearner
    problems: tuple[Problem, ...]
    issues: frozenset[str]


def judge_learner(flat: Flat, options: Options) -> Judged:
    """The learner of one `XXZ` and everything wrong with it, structure first."""
    values = flat.values
    problems = [*structure_problems("XXZ", flat), *_class_problems(values), *_code_problems(values, options)]
    issues: set[str] = set()
    account = _account(values, problems)
    number = _number(values, options, problems, issues)
    name = values.get("XM") or None
    if name is not None:
        problems += _name_problems(name, options)
        issues |= _name_issues(name)
    if number is not None and values.get("XBM") in {"1", "2"} and citizen_sex(number) != values["XBM"]:
        issues.add("sex_differs_from_id")
    if values.get("MZM", "") in options.nation_extra:
        issues.add("local_code_used")
    if set(values) - set(LEARNER_ORDER):
        issues.add("unknown_field_kept")
    return Judged(LocalLearner(account, number, None, name), tuple(problems), frozenset(issues))


def placed(element: str, path: str) -> str:
    """The path of a value of `element` among the values of the part."""
    return f"{element}{path}" if path.startswith("@") else f"{element}/{path}"


def structure_problems(element: str, flat: Flat) -> Iterator[Problem]:
    """What reading found wrong inside `element`."""
    for path, fault in flat.faults:
        yield fault.at(placed(element, path) if path else element)


def _class_problems(values: Mapping[str, str]) -> Iterator[Problem]:
    """`LX`: G a person, J an institution."""
    match values.get("@LX", ""):
        case "G":
            return
        case "J":
            yield INSTITUTION.at("XXZ@LX")
        case "":
            yield MISSING.at("XXZ@LX")
        case _:
            yield UNKNOWN_CODE.at("XXZ@LX")


def _account(values: Mapping[str, str], problems: list[Problem]) -> str:
    written = values.get("@ZH", "")
    pending = values.get("@ZHZT", "")
    if pending not in ("", ACCOUNT_PENDING) or (pending and written):
        problems.append(UNKNOWN_CODE.at("XXZ@ZHZT"))
    if not written:
        if not pending:
            problems.append(MISSING.at("XXZ@ZH"))
        return ""
    try:
        return jiangsu_account(written)
    except IdentifierError as error:
        problems.append(Problem("XXZ@ZH", error.code, error.zh, error.en))
        return ""


def _number(values: Mapping[str, str], options: Options, problems: list[Problem], issues: set[str]) -> str | None:
    """The citizen number; absent is not damaged (the identity block and the source's signature stand beside the part)."""
    written = values.get("SFZJ", "")
    if not written:
        return None
    kind = values.get("SFZJ@LXM", "")
    if kind not in options.id_document_types:
        problems.append((UNKNOWN_CODE if kind else AMBIGUOUS_CODE).at("XXZ/SFZJ@LXM"))
        return None
    try:
        number = citizen_number(written)
    except IdentifierError as error:
        problems.append(Problem("XXZ/SFZJ", error.code, error.zh, error.en))
        return None
    if number != written:
        issues.add("id_upgraded" if len(written.strip()) == 15 else "id_normalised")
    return number


def _code_problems(values: Mapping[str, str], options: Options) -> Iterator[Problem]:
    if values.get("XBM") and values["XBM"] not in SEXES:
        yield UNKNOWN_CODE.at("XXZ/XBM")
    if values.get("MZM") and values["MZM"] not in PEOPLES.union(options.nation_extra):
        yield UNKNOWN_CODE.at("XXZ/MZM")
    if not values.get("XLM"):
        return
    if not values.get("XLM@BB"):
        yield AMBIGUOUS_CODE.at("XXZ/XLM@BB")
    elif values["XLM@BB"] not in options.education_code_sets:
        yield UNKNOWN_CODE.at("XXZ/XLM@BB")
    if not re.fullmatch(r"\d{2}", values["XLM"], re.ASCII):
        yield WRONG_FORM.at("XXZ/XLM")


def _name_problems(name: str, options: Options) -> Iterator[Problem]:
    if not name.strip():
        yield MISSING.at("XXZ/XM")
    if _LOST.search(name):
        yield LOST_CHARACTER.at("XXZ/XM")
    if options.private_use_name == "refuse" and has_private_use(name):
        yield PRIVATE_USE.at("XXZ/XM")


def _name_issues(name: str) -> set[str]:
    found = {
        "private_use_character": has_private_use(name),
        "name_spacing": any(character.isspace() for character in name),
        "name_full_width": _FULL_WIDTH.search(name) is not None,
        "name_middle_dot": _OTHER_DOTS.search(name) is not None,
        "name_masked": "*" in name or "＊" in name,
    }
    return {code for code, is_so in found.items() if is_so}
