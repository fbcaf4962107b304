"""`ceg rule` towards a gateway: try a file out, propose it, approve, publish, withdraw, see what there is.

Approval and publication name the digest of the very bytes: they are fetched, compared with what the list says, read and shown
before anything is signed.
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from gateway.cli.catalogue_source import day_of, open_source, refuse_existing, standard_codes
from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.rule_options import Code, Day, From, Old, Region, Results, RuleFile
from gateway.cli.rule_source import programmes_on
from gateway.cli.rule_trial import How, try_out
from gateway.cli.rule_words import draw_plan, draw_versions, head_of_entry, head_of_file, stop_at
from gateway.cli.screen import Screen, facts
from gateway.cli.signing import Signer, reason_of, sign_and_send
from gateway.cli.spread import spread
from gateway.cli.transfer_source import Reader, Where, all_rules
from gateway.errors import RecognitionError
from gateway.federation.protocol import MEDIA_JSON, MEDIA_TOML, MEDIA_XML
from gateway.mapping.documents import write
from gateway.model.documents import Withdrawal
from gateway.model.scopes import rule_scope
from gateway.model.transfer import Act
from gateway.recognition.lint import lint
from gateway.recognition.rule_file import load_rules
from gateway.recognition.rule_papers import WordPaper, write_trial, write_word
from gateway.recognition.rules import RuleSet

HERE: Final = "--url https://gw.example --member CN-32 --key-file m.pem"
app = group("互认规则的版本。", "Versions of recognition rules.", "ceg rule list")
Id: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="规则集标识。 / The rule set's id.")]
Named: TypeAlias = Annotated[str, typer.Argument(metavar="VERSION", help="版本。 / The version.")]
Accepting: TypeAlias = Annotated[
    str, typer.Option("--accepting", metavar="ID", help="接收行,两行同名时须写。 / The accepting bank, where two use one name.")
]


@app.command(
    "propose",
    cls=Command,
    help=about(
        "提出一个规则版本:先测试,再连同测试单签署发出。",
        "Propose a version: it is tested first, then signed and sent.",
        f"ceg rule propose new.toml --results sh.json {HERE}",
        f"ceg rule propose new.toml --results sh.json --catalogue my-catalogue --dry-run {HERE}",
        f"ceg rule propose again.toml --results sh.json --restores 2026.1 {HERE}",
        more_zh="网关自己再检查一遍。批准之前不起作用。",
        more_en="The gateway runs the lint itself. Nothing takes effect before it is approved and published.",
    ),
)
@spread
def propose(
    file: RuleFile,
    results: Results,
    signer: Signer,
    old: Old = None,
    programme: Code = "",
    region: Region = "",
    catalogue: From = None,
    at: Day = "",
    restores: Annotated[
        str,
        typer.Option("--restores", metavar="VERSION", help="回退:恢复此已发布版本的规则。 / Bring that version's rules back."),
    ] = "",
) -> None:
    """One proposal, one verified answer."""
    screen = signer.screen()
    tried = try_out(screen, file, How(results, old, programme, region, catalogue, at))
    stop_at(screen, tried.findings)
    rules = tried.rules
    assert rules is not None
    contents = [("rules", tried.data, MEDIA_TOML), ("trial", write_trial(tried.paper(restores)), MEDIA_JSON)]
    _say(screen, signer, Act.RULE_PROPOSE, rule_scope(rules.accepting, rules.id, rules.version), contents, head_of_file(rules, tried.data))


def _word(name: str, act: Act, content: str, zh: str, en: str, more_zh: str, more_en: str) -> None:
    """`approve`, `publish`: one act that names the digest of the very bytes."""
    example = f"ceg rule {name} demo-xzgl 2026.2 {HERE}"

    @app.command(name, cls=Command, help=about(zh, en, example, f"{example} --dry-run", more_zh=more_zh, more_en=more_en))
    @spread
    def run(
        id: Id,
        version: Named,
        signer: Signer,
        accepting: Accepting = "",
        catalogue: From = None,
        at: Day = "",
    ) -> None:
        screen = signer.screen()
        found, data = asyncio.run(_fetched(signer.where, id, version, accepting))
        rules = _checked(found, data)
        if catalogue is not None:
            source, day = open_source(catalogue), day_of(at)
            stop_at(screen, lint(f"{id}@{version}", data, standard_codes(), day=day, catalogue=source.catalogue,
                                  programmes=programmes_on(source, day)))  # fmt: skip
        paper = write_word(WordPaper(id, version, sha256(data).hexdigest()))
        _say(screen, signer, act, found["scope"], [(content, paper, MEDIA_JSON)], head_of_file(rules, data))


_word(
    "approve",
    Act.RULE_APPROVE,
    "approval",
    "批准一个版本:取回原样字节,核对,签署其摘要。",
    "Approve a version: its bytes are fetched, checked, and their digest signed.",
    "用 --catalogue 时先以本行目录检查,有问题即停。仅提出者自己批准不算。",
    "With --catalogue it is judged by our own catalogue first, and findings stop it. The proposer's approval alone is none.",
)
_word(
    "publish",
    Act.RULE_PUBLISH,
    "publication",
    "发布已获足够批准的版本:自其生效日起有效。",
    "Publish a version that has its approvals: it holds from its effective date.",
    "由提出者或接收行发布;生效日已过的不能发布。",
    "By its proposer or the accepting bank; never retroactively.",
)


@app.command(
    "withdraw",
    cls=Command,
    help=about(
        "撤回一个版本;已发布的即不再有效。",
        "Withdraw a version; a published one no longer holds.",
        f"ceg rule withdraw demo-xzgl 2026.2 --reason 有误 {HERE}",
        more_zh="发布之前由提出者,之后由接收行。较早的版本不会自行恢复:以新版本另行提出。",
        more_en="Its proposer before publication, the accepting bank afterwards. No older version revives: propose it anew.",
    ),
)
@spread
def withdraw(
    id: Id,
    version: Named,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="理由;不得含个人信息。 / Why. Nothing personal.")],
    signer: Signer,
    accepting: Accepting = "",
) -> None:
    """One act with a reason."""
    why = reason_of(reason)
    found = _one(asyncio.run(_listed(signer.where)), id, version, accepting)
    content = ("reason", write(Withdrawal("other", why)), MEDIA_XML)
    _say(signer.screen(), signer, Act.RULE_WITHDRAW, found["scope"], [content], head_of_entry(found))


@app.command(
    "list",
    cls=Command,
    help=about(
        "列出全部规则版本:何者有效,何者待批准。",
        "List every version: in force, waiting for approvals, withdrawn.",
        "ceg rule list --config gateway.toml",
        f"ceg rule list {HERE} --json",
        more_zh="给 --url 时经成员接口;否则直接读节点的数据库。",
        more_en="With --url over the member API; else from the node's database.",
    ),
)
@spread
def list_versions(
    reader: Reader,
) -> None:
    """Rules are public among members."""
    screen = reader.screen()
    found = asyncio.run(_listed(reader.where))
    screen.emit(found, lambda console: draw_versions(console, found))


@app.command(
    "fetch",
    cls=Command,
    help=about(
        "取回一个版本的规则文件,原样字节。",
        "Fetch the rule file of a version, byte for byte.",
        f"ceg rule fetch demo-xzgl 2026.2 demo.toml {HERE}",
    ),
)
@spread
def fetch(
    id: Id,
    version: Named,
    to: Annotated[Path, typer.Argument(metavar="TO", help="写入的文件。 / The file to write.")],
    reader: Reader,
    accepting: Accepting = "",
) -> None:
    """Its digest is compared with the list's."""
    screen = reader.screen()
    refuse_existing(to, replace_old=False)
    found, content = asyncio.run(_fetched(reader.where, id, version, accepting))
    to.write_bytes(content)
    screen.emit(found, lambda console: console.print(facts([*head_of_entry(found).items(), ("文件 File", str(to))])))


async def _listed(where: Where) -> list[dict[str, Any]]:
    async with where.open() as cases:
        return await all_rules(cases)


async def _fetched(where: Where, id: str, version: str, accepting: str) -> tuple[dict[str, Any], bytes]:
    """What the list says of one version, and its bytes.  Raises RecognitionError(`recognition.changed_since_test`), CliError."""
    async with where.open() as cases:
        found = _one(await all_rules(cases), id, version, accepting)
        data = await cases.rule_file(id, version, found["accepting"])
    if sha256(data).hexdigest() != found["digest"]:
        raise RecognitionError("recognition.changed_since_test", "取回的文件与所列摘要不符", "the file fetched is not the one listed")
    return found, data


def _one(entries: Sequence[dict[str, Any]], id: str, version: str, accepting: str) -> dict[str, Any]:
    found = [each for each in entries if (each["id"], each["version"]) == (id, version) and accepting in {"", each["accepting"]}]
    if len(found) > 1:
        raise CliError("cli.usage", "须用 --accepting 指明接收行", "name the accepting bank with --accepting", id=id)
    if not found:
        raise CliError("cli.not_found", "没有此规则版本", "there is no such version of a rule set", id=id, version=version)
    return found[0]


def _checked(found: dict[str, Any], data: bytes) -> RuleSet:
    """The rules of the very bytes to be signed, which must be those of the version listed."""
    rules = load_rules(f"{found['id']}@{found['version']}", data, standard_codes())
    if rule_scope(rules.accepting, rules.id, rules.version) != found["scope"]:
        raise RecognitionError("recognition.changed_since_test", "文件属于另一版本", "the file is of another version")
    return rules


def _say(screen: Screen, signer: Signer, act: Act, scope: str, contents: Sequence[tuple[str, bytes, str]], head: dict[str, str]) -> None:
    plan = {"act": act.value, "rule": scope, "head": head, "state": ""}
    sign_and_send(
        screen,
        signer,
        plan,
        draw_plan,
        lambda operator: operator.rule(act, scope, contents),
        told=lambda body: {"state": body["rule"]["state"]},
    )
