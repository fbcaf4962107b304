"""What is shown, in sentences that a court reads: who said what, when, over which bytes, and how it stands at the checkpoint."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from gateway.federation.registry import TrustFile
from gateway.model.transfer import ItemState
from gateway.verifier.act_checks import SignedAct
from gateway.verifier.item_checks import Opened
from gateway.verifier.log_checks import Placed
from gateway.verifier.papers import DecisionPaper, RequestPaper
from gateway.verifier.report import Report, Words

CHINA: Final = timezone(timedelta(hours=8))
SHORT: Final = 12
_STANDS: Final[Mapping[str, Words]] = {
    ItemState.CLAIMED: Words("待认定", "not yet decided"),
    ItemState.RECOGNISED: Words("已认定,未见作废", "recognised, not revoked"),
    ItemState.REFUSED: Words("未获认定", "refused"),
    ItemState.CLOSED: Words("已关闭", "closed"),
    ItemState.RECALLING: Words("已被作废,待销账", "revoked, the reversal is not yet booked"),
    ItemState.RECALLED: Words("已被作废并销账", "revoked and reversed"),
}


def local(moment: datetime) -> str:
    """Seconds, in China's time."""
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S +08:00")


def name_of(trust: TrustFile, member: str) -> Words:
    """A bank by its names and id."""
    found = trust.member(member)
    if found is None:
        return Words(member, member)
    return Words(f"{found.name.zh}({member})", f"{found.name.en} ({member})")


def tell(
    trust: TrustFile,
    leaves: Sequence[Placed],
    request: RequestPaper | None,
    decisions: Sequence[tuple[SignedAct, DecisionPaper]],
    records: Mapping[str, Opened],
    report: Report,
) -> None:
    """Fill `report.shown`."""
    numbers = {record: place + 1 for place, record in enumerate(request.records)} if request is not None else {}
    opening = leaves[0]
    facing = name_of(trust, opening.leaf.iss)
    report.shown.append(
        Words(
            f"{facing.zh}于 {local(opening.at)} 提出申请,开立本转移(存证第 {opening.index} 叶)。",
            f"{facing.en} on {local(opening.at)}: requested this transfer (leaf {opening.index}).",
        )
    )
    for act, paper in decisions:
        report.shown += _decided(trust, act, paper, numbers)
    report.shown += _standing(leaves, records, numbers, report.size)
    report.shown.append(_finality(report))


def _decided(trust: TrustFile, act: SignedAct, paper: DecisionPaper, numbers: Mapping[str, int]) -> list[Words]:
    bank, when = name_of(trust, act.placed.leaf.actor), local(act.placed.at)
    sd = act.envelope.sd("decision") or ""
    size = len(act.contents["decision"])
    told = []
    for place, item in enumerate(paper.items):
        number = numbers.get(item.record, place + 1)
        zh = f"认定 {item.size} 学分" if item.verdict == "recognised" else "不予认定"
        en = f"{item.size} credits recognised" if item.verdict == "recognised" else "refused"
        told.append(
            Words(
                f"{bank.zh}于 {when} 答复:{zh},第 {number} 项 {item.record};所签正是此 {size} 字节"
                f"(摘要 {sd[:SHORT]}…,存证第 {act.placed.index} 叶)。",
                f"{bank.en} on {when}: answered {en}, item {number} {item.record}, to exactly these {size} bytes"
                f" (digest {sd[:SHORT]}…, leaf {act.placed.index}).",
            )
        )
    return told


def _standing(leaves: Sequence[Placed], records: Mapping[str, Opened], numbers: Mapping[str, int], size: int) -> list[Words]:
    last = next((each for each in reversed(leaves) if each.leaf.items), None)
    told = []
    for cm, _, state in last.leaf.items if last is not None else ():
        opened = records.get(cm)
        if opened is None:
            continue
        number, words = numbers.get(opened.record, 0), _STANDS[ItemState(state)]
        zh = f"第 {number} 项 {opened.record}" if number else f"记录 {opened.record or cm[:SHORT]}"
        en = f"item {number} {opened.record}" if number else f"record {opened.record or cm[:SHORT]}"
        credit = f",{opened.size} 学分" if opened.size is not None else ""
        credit_en = f", {opened.size} credits" if opened.size is not None else ""
        told.append(
            Words(
                f"截至检查点 {size}(所示各叶):{zh}{credit}:{words.zh}。",
                f"As of checkpoint {size} (by the leaves shown): {en}{credit_en}: {words.en}.",
            )
        )
    return told


def _finality(report: Report) -> Words:
    if not report.final:
        return Words(
            f"检查点 {report.size} 已存证,尚未终局:{len(report.cosigned)} 家见证签名,法定数为 {report.quorum}。",
            f"Checkpoint {report.size} is logged, not yet final: {len(report.cosigned)} of {report.quorum} cosignatures.",
        )
    names = ", ".join(f"{name} {local(datetime.fromtimestamp(at, UTC))}" for name, at in report.cosigned)
    return Words(f"检查点 {report.size} 已终局,见证:{names}。", f"Checkpoint {report.size} is final, cosigned by: {names}.")
