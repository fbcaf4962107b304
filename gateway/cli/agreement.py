"""`ceg agreement`: who recognises what from whom.  Look, propose, sign, suspend, resume, end, as a party."""

import asyncio
import base64
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console

from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.screen import facts, table
from gateway.cli.signing import Signer, reason_of, sign_and_send
from gateway.cli.spread import spread
from gateway.cli.transfer_source import Reader, Where
from gateway.errors import TransferError
from gateway.mapping.documents import read, write
from gateway.mapping.schema import Standard
from gateway.model.documents import AgreementSignature, AgreementTerms, Withdrawal
from gateway.model.scopes import agreement_scope
from gateway.model.transfer import Act
from gateway.recognition.agreement import Agreement
from gateway.system import data_folder

HERE = "--url https://gw.example --member CN-31 --key-file m.pem"
STATES = {"proposed": "待签署 proposed", "signed": "已签署 signed", "ended": "已终止 ended"}
app = group(
    "互认协议:查看、提议、签署、暂停、恢复、终止。",
    "Recognition agreements: look, propose, sign, suspend, resume, end.",
    f"ceg agreement list {HERE}",
    f"ceg agreement sign A-1 {HERE}",
)
Id: TypeAlias = Annotated[
    str, typer.Argument(metavar="ID", help="协议编号,或其范围的开头。 / The agreement's id, or the beginning of its scope.")
]
Reason: TypeAlias = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="理由;不得含个人信息。 / Why. Nothing personal.")
]  # fmt: skip


@app.command(
    "list",
    cls=Command,
    help=about(
        "列出协议:何者有效,何者待签署,谁暂停。",
        "List agreements: in force, waiting for a signature, suspended.",
        "ceg agreement list --config gateway.toml",
        f"ceg agreement list {HERE} --json",
        more_zh="给 --url 时为本行的协议;否则直接读节点的数据库与信任文件。",
        more_en="With --url our own ones; else those in the node's database and its trust file.",
    ),
)
@spread
def list_agreements(
    reader: Reader,
) -> None:
    """Every agreement the asker may see."""
    screen = reader.screen()
    found = _found(reader.where)
    screen.emit(found, lambda console: _draw_list(console, found))


@app.command(
    "show",
    cls=Command,
    help=about(
        "显示一份协议的全部条款与待签署的提议。",
        "Show one agreement whole: its terms, and what is proposed.",
        "ceg agreement show A-1 --config gateway.toml",
        f"ceg agreement show CN-31-CN-32 {HERE}",
    ),
)
@spread
def show(
    id: Id,
    reader: Reader,
) -> None:
    """One of them."""
    screen = reader.screen()
    found = _one(_found(reader.where), id)
    screen.emit(found, lambda console: _draw(console, found))


@app.command(
    "propose",
    cls=Command,
    help=about(
        "提议一份协议,或现有协议的下一版;对方签署之后才生效。",
        "Propose an agreement or its next version; the other party signs.",
        f"ceg agreement propose A-1 --source CN-31 --accepting CN-32 --kind COURSE --since 2026-09-01 --until 2029-08-31 {HERE}",
        f"ceg agreement propose A-1 --source CN-31 --accepting CN-32 --kind COURSE --kind MOOC --since 2026-09-01 "
        f"--until 2029-08-31 --item-credits-max 6 --learner-year-credits-max 20 --dry-run {HERE}",
        more_zh="版本号自动为曾提议的最高版本加一。签署之前,原有版本照旧有效。",
        more_en="The version is one more than the highest ever proposed. Until it is signed the one before stands.",
    ),
)
@spread
def propose(
    id: Annotated[str, typer.Argument(metavar="ID", help="协议编号。 / The agreement's id.")],
    source: Annotated[str, typer.Option("--source", metavar="ID", help="转出行。 / The source bank.")],
    accepting: Annotated[str, typer.Option("--accepting", metavar="ID", help="接收行。 / The accepting bank.")],
    kind: Annotated[list[str], typer.Option("--kind", metavar="KIND", help="成果类别,可多次。 / Achievement kind; may be repeated.")],
    since: Annotated[str, typer.Option("--since", metavar="DATE", help="生效首日。 / First day.")],
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="生效末日。 / Last day.")],
    signer: Signer,
    item_credits_max: Annotated[
        str, typer.Option("--item-credits-max", metavar="N", help="每项学分上限。 / Most credits an item may have.")
    ] = "",
    learner_year_credits_max: Annotated[
        str,
        typer.Option("--learner-year-credits-max", metavar="N", help="每名学习者每年学分上限。 / Most credits a learner may bring a year."),
    ] = "",
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="说明;不得含个人信息。 / Words. Nothing personal.")] = "",
) -> None:
    """One proposal, one verified answer."""
    scope = agreement_scope(source, accepting, id)
    highest = next((each["versions"] for each in _found(signer.where) if each["agreement"] == scope), 0)
    try:
        period = date.fromisoformat(since), date.fromisoformat(until)
    except ValueError:
        raise CliError("cli.usage", "日期应写作 2026-09-01", "a date is written as 2026-09-01") from None
    terms = AgreementTerms(
        id, highest + 1, source, accepting, tuple(dict.fromkeys(kind)), *period, item_credits_max, learner_year_credits_max, text
    )
    document = write(terms)
    read(document, AgreementTerms, Standard(data_folder("standards")))  # say what is wrong before anything is signed
    _say(signer, Act.AGREEMENT_PROPOSE, scope, ("agreement", document), terms)


@app.command(
    "sign",
    cls=Command,
    help=about(
        "签署对方所提议的版本:先核对其字节,再签其摘要。",
        "Sign the proposed version, after checking its very bytes.",
        f"ceg agreement sign A-1 {HERE}",
        f"ceg agreement sign A-1 --dry-run {HERE}",
        more_zh="所显示的条款读自将签署的字节本身;签署之间提议若有变,网关拒绝。",
        more_en="The terms shown are read from the very bytes to be signed; if the proposal changes meanwhile, the gateway refuses.",
    ),
)
@spread
def sign(
    id: Id,
    signer: Signer,
) -> None:
    """One signature, one verified answer."""
    found = _one(_found(signer.where), id)
    if found["proposed"] is None:
        raise TransferError(
            "transfer.wrong_state", "没有待签署的提议", "nothing is proposed that waits for a signature", state=found["state"]
        )
    document = base64.b64decode(found["proposed"]["document"])
    terms = read(document, AgreementTerms, Standard(data_folder("standards")))
    if agreement_scope(terms.source, terms.accepting, terms.agreement_id) != found["agreement"]:
        raise TransferError("transfer.bad_document", "提议的文件属于另一协议", "the document proposed is about another agreement")
    signature = write(AgreementSignature(terms.version, sha256(document).hexdigest()))
    _say(signer, Act.AGREEMENT_SIGN, found["agreement"], ("signature", signature), terms)


def _simple(name: str, act: Act, zh: str, en: str, more_zh: str, more_en: str) -> None:
    """`suspend`, `resume`, `end`: one act with a reason."""
    example = f"ceg agreement {name} A-1 --reason 经商议 {HERE}"

    @app.command(name, cls=Command, help=about(zh, en, example, more_zh=more_zh, more_en=more_en))
    @spread
    def run(
        id: Id,
        reason: Reason,
        signer: Signer,
    ) -> None:
        why = reason_of(reason)
        found = _one(_found(signer.where), id)
        _say(signer, act, found["agreement"], ("reason", write(Withdrawal("other", why))), None)


_simple(
    "suspend",
    Act.AGREEMENT_SUSPEND,
    "暂停一份协议:即刻不再受理新的申请。",
    "Suspend an agreement: no new case opens under it from now on.",
    "已开启的案件照常办理。只有暂停的一方可以恢复。",
    "Open cases go on. Only who suspended can resume.",
)
_simple(
    "resume",
    Act.AGREEMENT_RESUME,
    "恢复本行所暂停的协议。",
    "Resume an agreement that we suspended.",
    "另一方也暂停的,须待另一方恢复才再生效。",
    "Where the other party has suspended it too, it holds again once both have resumed.",
)
_simple(
    "end",
    Act.AGREEMENT_END,
    "终止一份协议,或不接受一份提议;不能收回。",
    "End an agreement, or turn a first proposal down. It cannot be taken back.",
    "已开启的案件照常办理;以后须以新编号另行提议。",
    "Open cases go on; a later agreement needs a new id.",
)


def _found(where: Where) -> list[dict[str, Any]]:
    return asyncio.run(_listed(where))


async def _listed(where: Where) -> list[dict[str, Any]]:
    async with where.open() as cases:
        return list((await cases.agreements())["agreements"])


def _one(entries: Sequence[dict[str, Any]], id: str) -> dict[str, Any]:
    """The one with this id, else the one whose scope begins so.  Raises CliError(`cli.usage`, `cli.not_found`)."""
    named = [each for each in entries if each["id"] == id]
    found = named or [each for each in entries if len(id) >= 4 and each["agreement"].removeprefix("agreement:").startswith(id)]
    if len(found) > 1:
        raise CliError(
            "cli.usage", "不止一份协议用此编号,请写范围的开头", "several agreements have this id: give the beginning of the scope", id=id
        )
    if not found:
        raise CliError("cli.not_found", "没有此协议", "there is no such agreement", id=id)
    return found[0]


def _say(signer: Signer, act: Act, scope: str, content: tuple[str, bytes], terms: AgreementTerms | None) -> None:
    shown = Agreement.from_terms(terms).to_mapping() if terms is not None else None
    plan = {"act": act.value, "agreement": scope, "terms": shown}
    sign_and_send(signer.screen(), signer, plan, _draw_plan, lambda operator: operator.agree(act, scope, content))


def _draw_list(console: Console, entries: Sequence[dict[str, Any]]) -> None:
    if not entries:
        console.print("没有协议。 There is no agreement.")
        return
    shown = table("编号 Id", "转出→接收", "状态 State", "版 Ver", "至 Until", "暂停 Suspended", "待签 Proposed")
    shown.columns[1].no_wrap = True
    for each in entries:
        terms, proposed = each["terms"], each["proposed"]
        shown.add_row(
            each["id"],
            f"{each['source']}→{each['accepting']}",
            STATES[each["state"]],
            str(terms["version"]) if terms else "-",
            terms["until"] if terms else "-",
            ", ".join(each["suspended_by"]) or "-",
            f"{proposed['version']} ({proposed['by']})" if proposed else "-",
        )
    console.print(shown)


def _draw(console: Console, found: dict[str, Any]) -> None:
    rows = [
        ("范围 Scope", found["agreement"]),
        ("编号 Id", found["id"]),
        ("方向 Direction", f"{found['source']}→{found['accepting']}"),
        ("状态 State", STATES[found["state"]]),
        ("暂停 Suspended by", ", ".join(found["suspended_by"]) or "-"),
    ]
    console.print(facts(rows))
    for title, terms in (("条款 Terms", found["terms"]), ("待签署 Proposed", found["proposed"])):
        if terms is not None:
            console.print(f"\n{title}", style="bold")
            console.print(facts(_terms(terms)))


def _draw_plan(console: Console, plan: dict[str, Any]) -> None:
    result = plan["code"] or (str(plan["status"]) if plan["sent"] else "未发 not sent")
    rows = [("动作 Act", plan["act"]), ("范围 Scope", plan["agreement"]), *(_terms(plan["terms"]) if plan["terms"] else [])]
    console.print(facts([*rows, ("结果 Result", result), ("存证叶 Leaf", "-" if plan["leaf"] is None else str(plan["leaf"]))]))


def _terms(terms: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("版本 Version", str(terms["version"]) if terms["version"] else "信任文件 trust file"),
        ("成果类别 Kinds", " ".join(terms["kinds"])),
        ("期间 Period", f"{terms['since']} – {terms['until']}"),
        ("每项上限 Per item", terms["item_credits_max"] or "-"),
        ("每人每年上限 Per learner and year", terms["learner_year_credits_max"] or "-"),
        *([("摘要 Digest", terms["digest"])] if terms.get("digest") else []),
    ]
