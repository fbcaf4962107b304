"""`/rules`: every version of every rule set, what changed in one, what the lint says of it, and what came in that rules do not speak of.

The URL names a version by its scope (`v`) and the one it is compared with (`than`); rules are public among members.
"""

from collections.abc import Sequence
from typing import Any

from gateway.model.people import Denial
from gateway.transfers.rule_book import Reach, Use, VersionLine
from gateway.web.pages.sheet import Column, Link, Sheet
from gateway.web.pages.visit import DeniedError, Shown, Visit

REACH_DAYS = 90


async def show_rules(visit: Visit) -> Shown:
    """Narrowed by `?accepting=`; `?v=` opens one version."""
    parts = visit.site.parts
    day, book = parts.today(), parts.rule_book
    lines, bank = await book.lines(day), visit.request.query.get("accepting", "")
    shown = [line for line in lines if bank in {"", line.accepting}]
    sheets = [_versions(visit, shown), _waiting(visit, shown)]
    context: dict[str, Any] = {
        "banks": sorted({line.accepting for line in lines}),
        "bank": bank,
        "row": None,
        "older": (),
        "than": "",
        "needed": book.needed,
    }
    if wanted := visit.request.query.get("v", ""):
        row = next((line for line in lines if line.scope == wanted), None)
        if row is None:
            raise DeniedError(Denial.NOT_FOUND)
        older = [line for line in lines if (line.accepting, line.id) == (row.accepting, row.id) and line != row]
        than = _than(visit, older)
        context |= {"row": row, "older": older, "than": than.scope if than else ""}
        sheets.append(await _findings(visit, row))
        if than is not None:
            sheets.append(await _changes(visit, than, row))
    reach = await book.reach(parts.centre.last_days(REACH_DAYS), day)
    sheets += [_reach(visit, [each for each in reach if bank in {"", each.accepting}])]
    sheets += [_use(visit, [each for each in await book.use() if bank in {"", each.accepting}])]
    return Shown("rules.html", context, sheets=sheets)


def _than(visit: Visit, older: Sequence[VersionLine]) -> VersionLine | None:
    """What the version is compared with: the one asked for, else the one before it."""
    asked = visit.request.query.get("than", "")
    if not asked:
        return older[0] if older else None
    found = next((row for row in older if row.scope == asked), None)
    if found is None:
        raise DeniedError(Denial.NOT_FOUND)
    return found


def _versions(visit: Visit, lines: Sequence[VersionLine]) -> Sheet:
    _ = visit._
    columns = (
        Column(_("规则集")), Column(_("版本")), Column(_("接收行")), Column(_("状态")), Column(_("专业")), Column(_("生效日")),
        Column(_("复审日")), Column(_("复审还剩(天)"), number=True), Column(_("提出")), Column(_("批准")), Column(_("存证叶"), number=True),
    )  # fmt: skip
    rows = [
        (
            Link(line.id, visit.here(v=line.scope, than="", csv="")), line.version, line.accepting, _state(visit, line),
            " ".join(line.programmes) or _("全部"), str(line.effective), str(line.review_on),
            "–" if line.review_days is None else line.review_days, line.proposer, " ".join(line.approvals) or "–", line.leaf,
        )
        for line in lines
    ]  # fmt: skip
    return Sheet("versions", _("规则版本"), columns, rows)


def _state(visit: Visit, line: VersionLine) -> str:
    words = [visit.word(f"rule.{line.state}")]
    if line.in_force:
        words.append(visit._("现行"))
    if line.review in {"near", "passed"}:
        words.append(visit.word(f"review.{line.review}"))
    return " · ".join(words)


def _waiting(visit: Visit, lines: Sequence[VersionLine]) -> Sheet:
    _ = visit._
    columns = (
        Column(_("规则集")),
        Column(_("版本")),
        Column(_("接收行")),
        Column(_("下一步")),
        Column(_("尚缺批准"), number=True),
        Column(_("已批准")),
    )
    rows = [
        (
            Link(line.id, visit.here(v=line.scope, than="", csv="")), line.version, line.accepting,
            _("成员行批准") if line.wanting else _("提出行或接收行发布"), line.wanting, " ".join(line.approvals) or "–",
        )
        for line in lines
        if line.outstanding
    ]  # fmt: skip
    return Sheet("waiting", _("等待批准或发布"), columns, rows)


async def _findings(visit: Visit, row: VersionLine) -> Sheet:
    _, parts = visit._, visit.site.parts
    found = await parts.rule_book.findings(row, parts.today())
    columns = Column(_("位置")), Column(_("代码")), Column(_("说明"))
    return Sheet("findings", _("今日检查所见"), columns, [(each.path, each.code, each.en if visit.english else each.zh) for each in found])


async def _changes(visit: Visit, old: VersionLine, new: VersionLine) -> Sheet:
    _ = visit._
    found = await visit.site.parts.rule_book.changes(old, new)
    rows = [(each.where, visit.word(f"change.{each.what}"), each.words.en if visit.english else each.words.zh) for each in found]
    caption = _("与 %(old)s 版相比的变化") % {"old": old.version}
    return Sheet("changes", caption, (Column(_("设置")), Column(_("变化")), Column(_("说明"))), rows)


def _reach(visit: Visit, found: Sequence[Reach]) -> Sheet:
    _ = visit._
    columns = (
        Column(_("接收行")),
        Column(_("成果种类")),
        Column(_("涉及的现行规则"), number=True),
        Column(_("有无规则")),
        Column(_("项数"), number=True),
    )
    rows = [(each.accepting, each.kind or _("未知"), each.rules, _("有") if each.rules else _("无规则"), each.items) for each in found]
    return Sheet("reach", _("近 90 日成果与现行规则"), columns, rows)


def _use(visit: Visit, found: Sequence[Use]) -> Sheet:
    _ = visit._
    columns = (
        Column(_("接收行")),
        Column(_("专业")),
        Column(_("在办案件"), number=True),
        Column(_("附有测算"), number=True),
        Column(_("没有测算"), number=True),
    )
    rows = [(each.accepting, each.programme, each.cases, each.estimated, each.cases - each.estimated) for each in found]
    return Sheet("use", _("在办案件中规则的使用"), columns, rows)
