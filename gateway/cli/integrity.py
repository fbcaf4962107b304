"""`ceg integrity`: flags on outcomes, read and set by a bank, appealed and ruled on.

Always over the member API and as one member: a read is a leaf, and what a bank may read the gateway decides.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

import typer
from rich.console import Console

from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, NoColor
from gateway.cli.screen import Screen, facts, table
from gateway.cli.signing import Deed, Signer, sign_and_send
from gateway.cli.spread import spread
from gateway.cli.transfer_source import TIMEOUT_S, KeyFile, MemberId, Url, Where
from gateway.cli.transfer_words import local_time
from gateway.client.reading import ReadingApi
from gateway.federation.channels.reading import ReadingChannel, http_session
from gateway.model.integrity import APPEAL_REASONS, FLAG_REASONS, LIFT_REASONS, UPHOLD_REASONS, FlagKind, Said
from gateway.model.scopes import consent_scope, is_integrity_scope
from gateway.model.transfer import Act
from gateway.recognition.integrity import FlagPaper, reason_fault, write_flag, write_reason
from gateway.system import SystemClock, SystemIds

HERE: Final = "--url https://gw.example --member CN-32 --key-file m.pem"
SHORT: Final = 12
PAGES_MAX: Final = 40
app = group(
    "学习信誉:成果上的标记、申诉与裁定。",
    "Integrity flags on outcomes: list, set, appeal, rule.",
    f"ceg integrity list {HERE}",
    f"ceg integrity flag --transfer 5f0c21… --record SHC1 --kind confirmed_fraud --reason forged_document {HERE}",
)
Transfer: TypeAlias = Annotated[
    str, typer.Option("--transfer", metavar="ID", help="本行为当事方的转移(完整编号)。 / A case of ours, its whole id.")
]
Consent: TypeAlias = Annotated[
    str, typer.Option("--consent", metavar="HOLDER/ID", help="给本行的信誉查询授权。 / A consent for this that names us.")
]
Flag: TypeAlias = Annotated[str, typer.Argument(metavar="FLAG", help="标记编号,或其唯一的开头。 / The flag's id, or its unique beginning.")]
Reason: TypeAlias = Annotated[str, typer.Option("--reason", metavar="CODE", help="原因代码,见 --help 末。 / One of the codes below.")]


def _codes(reasons: Mapping[str, Said]) -> tuple[str, str]:
    """A closed list in a help text: `(zh, en)`."""
    return ";".join(f"{code} {said.zh}" for code, said in reasons.items()), "; ".join(
        f"{code}: {said.en}" for code, said in reasons.items()
    )


@app.command(
    "list",
    cls=Command,
    help=about(
        "列出标记:一件转移中的、一份授权之下的,或(都不写)本行所设、所申诉、待裁定的。",
        "List flags: of a case, under a consent, or ours, to be ruled on by us too.",
        f"ceg integrity list {HERE}",
        f"ceg integrity list --transfer 5f0c21… {HERE} --json",
        f"ceg integrity list --consent CN-31/c-17 {HERE}",
        more_zh="每次查看都写一片 record.read 叶,学习者看得到。",
        more_en="Each look is a record.read leaf, which the learner sees.",
    ),
)
def list_flags(
    url: Url,
    member: MemberId,
    key_file: KeyFile,
    transfer: Transfer = "",
    consent: Consent = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """One read; of one's own all pages."""
    screen = Screen.open(as_json, no_color)
    found = asyncio.run(_read(Where(url, member, key_file, None, None), transfer, consent))["flags"]
    screen.emit(found, lambda console: _draw(console, found))


@app.command(
    "flag",
    cls=Command,
    help=about(
        "标记一件成果。",
        "Set a flag on an outcome.",
        f"ceg integrity flag --transfer 5f0c21… --record SHC1 --kind confirmed_fraud --reason forged_document {HERE}",
        f"ceg integrity flag --consent CN-31/c-17 --record SHC1 --kind duplicate_claim --reason claimed_twice --dry-run {HERE}",
        more_zh="种类与原因:" + ";".join(f"{kind}({_codes(reasons)[0]})" for kind, reasons in FLAG_REASONS.items()) + "。",
        more_en="Kinds and reasons: " + ". ".join(f"{kind} ({_codes(reasons)[1]})" for kind, reasons in FLAG_REASONS.items()) + ".",
    ),
)
@spread
def flag(
    record: Annotated[str, typer.Option("--record", metavar="ID", help="记录号。 / The record's id.")],
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="标记的种类。 / What is said.")],
    reason: Reason,
    signer: Signer,
    transfer: Transfer = "",
    consent: Consent = "",
) -> None:
    """The outcome's key is read first, and that read is a leaf."""
    _known(Act.FLAG, reason, kind)
    if bool(transfer) == bool(consent):
        raise CliError("cli.usage", "--transfer 与 --consent 须写且只写一项", "give --transfer or --consent, one of them")
    outcomes = asyncio.run(_read(signer.where, transfer, consent))["outcomes"]
    if record not in outcomes:
        raise CliError("cli.not_found", "其中没有此记录,或本行无权标记", "there is no such record for us to flag", id=record)
    paper = FlagPaper(outcomes[record], kind, reason, transfer, _consent_of(consent))
    head = {"种类 Kind": FlagKind(kind).value, "原因 Reason": reason, "记录 Record": record, "成果 Outcome": paper.outcome}
    _say(signer, Act.FLAG, "", head, lambda operator: operator.flag(write_flag(paper)))


def _word(name: str, act: Act, content: str, reasons: Mapping[str, Said], zh: str, en: str) -> None:
    """`appeal`, `uphold`, `lift`, `escalate`: one reason on one flag."""
    example = f"ceg integrity {name} integrity:91 --reason {next(iter(reasons))} {HERE}"
    more_zh, more_en = _codes(reasons)

    @app.command(name, cls=Command, help=about(zh, en, example, more_zh=f"原因:{more_zh}。", more_en=f"Reasons: {more_en}."))
    @spread
    def run(
        flag: Flag,
        reason: Reason,
        signer: Signer,
        transfer: Transfer = "",
    ) -> None:
        _known(act, reason)
        found = _one(asyncio.run(_read(signer.where, transfer, ""))["flags"], flag)
        head = {"标记 Flag": found["flag"], "状态 State": f"{found['state_zh']} {found['state_en']}", "原因 Reason": reason}
        scope, paper = str(found["flag"]), (content, write_reason(reason))
        _say(signer, act, scope, head, lambda operator: operator.about_flag(act, scope, paper))


_word(
    "appeal", Act.FLAG_APPEAL, "appeal", APPEAL_REASONS,
    "申诉一个标记:受理行代学习者,或转出行;只有一次。用 --transfer 指明案件。",
    "Appeal a flag, once: the facing bank for the learner, or the source bank.",
)  # fmt: skip
_word(
    "uphold", Act.FLAG_UPHOLD, "ruling", UPHOLD_REASONS,
    "维持一个被申诉的标记:所设的行,或轮值单位。",
    "Uphold a flag that was appealed: who set it, or the presiding unit.",
)  # fmt: skip
_word(
    "lift", Act.FLAG_LIFT, "ruling", LIFT_REASONS,
    "解除一个标记:所设的行随时可以,或轮值单位裁定;不能收回。",
    "Lift a flag for good: who set it at any time, or the presiding unit.",
)  # fmt: skip
_word(
    "escalate", Act.FLAG_ESCALATE, "appeal", APPEAL_REASONS,
    "所设的行维持或逾期未答复的,提请轮值单位裁定。",
    "Bring a flag, upheld or not answered in time, before the presiding unit.",
)  # fmt: skip


def _known(act: Act, reason: str, kind: str = "") -> None:
    fault = reason_fault(act, reason, kind)
    if fault is not None:
        raise CliError("cli.usage", f"{fault.zh};见 --help", f"{fault.en}; see --help", at=fault.path)


def _consent_of(named: str) -> str:
    """The scope of `HOLDER/ID`."""
    holder, _, own = named.partition("/")
    return consent_scope(holder, own) if named else ""


async def _read(where: Where, transfer: str, consent: str) -> dict[str, Any]:
    member, key = where.identity()
    async with http_session() as session:
        api = ReadingApi(ReadingChannel(session, TIMEOUT_S), where.base, member, key, SystemClock(), SystemIds())
        if transfer or consent:
            return await api.integrity(transfer=transfer, consent=_consent_of(consent))
        found: list[dict[str, Any]] = []
        cursor = ""
        for _ in range(PAGES_MAX):
            page = await api.integrity(cursor=cursor)
            found += page["flags"]
            cursor = page["next"] or ""
            if not cursor:
                break
        return {"flags": found, "outcomes": {}}


def _one(entries: list[dict[str, Any]], id: str) -> dict[str, Any]:
    """The one whose id is this or begins like this."""
    wanted = id if is_integrity_scope(id) else f"integrity:{id}"
    found = [each for each in entries if each["flag"].startswith(wanted)]
    if len(found) > 1:
        raise CliError("cli.usage", "编号写出唯一的开头", "give a beginning that only one flag has", id=id)
    if not found:
        raise CliError("cli.not_found", "没有此标记;案件中的用 --transfer", "there is no such flag; name its case with --transfer", id=id)
    return found[0]


def _say(signer: Signer, act: Act, scope: str, head: Mapping[str, str], deed: Deed) -> None:
    plan = {"act": act.value, "flag": scope, "head": dict(head), "state": ""}
    sign_and_send(signer.screen(), signer, plan, _draw_plan, deed, told=lambda body: {"flag": body["flag"], "state": body["state"]})


def _draw(console: Console, flags: list[dict[str, Any]]) -> None:
    if not flags:
        console.print("没有标记。 There are no flags.")
        return
    shown = table("标记 Flag", "记录 Record", "种类 Kind", "原因 Reason", "由 By", "自 Since", "状态 State")
    for each in flags:
        shown.add_row(
            each["flag"].partition(":")[2][:SHORT], f"{each['source']} {each['record']}", f"{each['kind_zh']} {each['kind_en']}",
            f"{each['reason_zh']} {each['reason_en']}", each["set_by"], local_time(each["set_at"]),
            f"{each['state_zh']} {each['state_en']}",
        )  # fmt: skip
    console.print(shown)


def _draw_plan(console: Console, plan: Mapping[str, Any]) -> None:
    result = plan["code"] or (str(plan["status"]) if plan["sent"] else "未发 not sent")
    rows = [*plan["head"].items(), ("结果 Result", f"{result} {plan['state']}".rstrip())]
    console.print(facts([("动作 Act", plan["act"]), *rows, ("存证叶 Leaf", "-" if plan["leaf"] is None else str(plan["leaf"]))]))
