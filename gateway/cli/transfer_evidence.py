"""`ceg transfer evidence`: one case as one file that proves itself, whole or as a learner's selection.

From a node's own database as the centre, keys by path from its settings; or over the reading API as a party, which then stands in
the case's own leaves.
"""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.app import load_trust
from gateway.cli.faults import CliError
from gateway.cli.helps import about
from gateway.cli.options import AsJson, Config, DryRun, NoColor
from gateway.cli.screen import Screen, facts
from gateway.cli.sources import OpenNode, open_node
from gateway.cli.transfer_source import KeyFile, MemberId, OwnCases, Url, Where, find_case
from gateway.client.reading import ReadingApi
from gateway.crypto.keys import write_secret_file
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.system import SystemIds
from gateway.transfers.evidence import Evidence, Selection
from gateway.transfers.finality import Finality
from gateway.transfers.status import Status
from gateway.transfers.vault import Vault

FORMS = {"": "full", "court": "full", "learner": "learner"}


def evidence_file(
    transfer: Annotated[str, typer.Argument(metavar="TRANSFER", help="转移号或其唯一的开头。 / Transfer id, or its beginning if unique.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="写入此文件,默认标准输出。 / Into this file; stdout by default.")
    ] = None,
    bare: Annotated[
        bool, typer.Option("--without-contents", help="不含签名内容与个人信息。 / Without contents, without personal data.")
    ] = False,
    audience: Annotated[
        str, typer.Option("--for", metavar="court|learner", help="给谁看:全案,或学习者所选。 / The whole case, or a learner's selection.")
    ] = "",
    item: Annotated[
        list[int] | None, typer.Option("--item", metavar="N", min=1, help="只出示第 N 项,可多次。 / Only item N; may be given often.")
    ] = None,
    shown: Annotated[
        list[str] | None, typer.Option("--field", metavar="PATH", help="只出示这些字段,可多次。 / Show these fields; may be given often.")
    ] = None,
    identity: Annotated[
        bool, typer.Option("--identity", help="学习者证明附身份信息。 / With the identity block in a learner's proof.")
    ] = False,
    url: Url = "",
    member: MemberId = "",
    key_file: KeyFile = None,
    config: Config = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """One bundle."""
    screen = Screen.open(as_json, no_color)
    if out is not None and out.exists():
        raise CliError("cli.file_exists", "文件已存在,不覆盖", "the file exists and is not replaced", file=str(out))
    selection = _selection(audience, bare=bare, items=item or (), fields=shown or (), identity=identity)
    document = asyncio.run(_bundle(Where(url, member, key_file, config, None), transfer, selection))
    if out is None:
        screen.emit(document)
        return
    if not dry_run:
        write_secret_file(out, (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode())
    log = document["log"]
    told = {
        "transfer": document["transfer"], "file": str(out), "form": document["form"], "leaves": len(document["leaves"]),
        "size": log["size"], "final": log["final"], "written": not dry_run,
    }  # fmt: skip
    final = "已见证 final" if log["final"] else f"尚未见证 not yet final({len(log['cosigned'])} 家)"
    rows = [("转移 Transfer", told["transfer"]), ("文件 File", str(out)), ("检查点 Checkpoint", f"{log['size']}  {final}")]
    screen.emit(told, lambda console: console.print(facts(rows)))


def _selection(audience: str, *, bare: bool, items: list[int] | tuple[()], fields: list[str] | tuple[()], identity: bool) -> Selection:
    form = FORMS.get(audience)
    if form is None or (form != "learner" and (items or fields or identity)) or (bare and form == "learner"):
        raise CliError(
            "cli.usage",
            "--for 为 court 或 learner;--item、--field、--identity 只用于 learner",
            "--for is court or learner; --item, --field and --identity go with learner",
        )
    return Selection("bare" if bare else form, tuple(items), tuple(fields), identity)


async def _bundle(where: Where, id: str, selection: Selection) -> dict[str, Any]:
    if where.url:
        async with where.open() as cases:
            assert isinstance(cases, ReadingApi)
            case = await find_case(cases, id)
            return await cases.evidence(case["transfer"], selection.form, selection.items, selection.fields, identity=selection.identity)
    async with open_node(where.config, None) as node:
        case = await find_case(OwnCases(Status(node.database, node.reading)), id)
        return await (await _maker(node, contents=selection.form != "bare")).bundle(case["transfer"], selection)


async def _maker(node: OpenNode, *, contents: bool) -> Evidence:
    """The same maker as a running node's, with the keys of its settings."""
    assert node.settings is not None
    trust = load_trust(node.settings)
    vault = Vault(node.database, KeyEncryptionKey.load(node.settings.keys.master_key_file), SystemIds()) if contents else None
    ledger = await node.ledger()
    finality = Finality(node.database, node.reading, ledger, lambda: trust)
    return Evidence(node.database, node.reading, ledger, finality, vault, lambda: trust)


EVIDENCE = about(
    "把一个转移的证据写成一个 JSON 文件:叶、证明、签名内容。",
    "Write a transfer's evidence as one JSON file: leaves, proofs, signed contents.",
    "ceg transfer evidence 5f0c21 --config gateway.toml -o case.json",
    "ceg transfer evidence 5f0c21 --for learner --item 1 -o proof.json",
    "ceg transfer evidence 5f0c21 --url https://gw.example --member CN-31 --key-file m.pem -o case.json",
    "ceg transfer evidence 5f0c21 --config gateway.toml --without-contents --json",
    more_zh="含学习者个人信息,文件权限 0600;--without-contents 不含。已有的文件从不覆盖。经接口取证在本案留有一叶。离线核验:ceg verify。",
    more_en="It holds the learner's own data (mode 0600) unless --without-contents. A file that exists is never replaced. "
    "Taken over the API it leaves a leaf in the case. Offline check: ceg verify.",
)
