"""`ceg member`: who is in the registry."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.adapters.loader import load_adapters
from gateway.app import region_settings
from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.keys import key_json, validity
from gateway.cli.options import AsJson, At, Config, NoColor, RegistryKey, TrustPath
from gateway.cli.screen import Screen, facts, table
from gateway.cli.sources import moment, trust_of
from gateway.federation.members import Member, SignedAgreement
from gateway.federation.registry import TrustFile

app = group("成员行:名录与状态。", "Member banks: registry and standing.", "ceg member list", "ceg member show CN-31")
DAYS_WARN = 30


@app.command("list", cls=Command, help=about("列出成员行。", "List the member banks.", "ceg member list", "ceg member list --json"))
def list_members(
    config: Config = None,
    trust_file: TrustPath = None,
    registry_key: RegistryKey = None,
    at: At = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """All members."""
    screen = Screen.open(as_json, no_color)
    now = moment(at)
    trust = trust_of(screen, config, trust_file, registry_key)
    found = [member_json(trust, member, now) for member in trust.data.members]

    def draw(console: Console) -> None:
        shown = table("成员 Member", "名称 Name", "通道 Channel", "状态 Status", "协议 Agreements", "注意 Warnings")
        for each in found:
            shown.add_row(
                each["id"], each["name"]["zh"], each["channel"], each["status"], str(len(each["agreements"])), str(len(each["warnings"]))
            )
        console.print(shown)

    screen.emit(found, draw)


@app.command(
    "show", cls=Command, help=about("查看一个成员行。", "Show one member bank.", "ceg member show CN-31", "ceg member show CN-31 --json")
)
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="成员标识,如 CN-31。 / Member id, as CN-31.")],
    config: Config = None,
    trust_file: TrustPath = None,
    registry_key: RegistryKey = None,
    at: At = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """One member whole."""
    screen = Screen.open(as_json, no_color)
    now = moment(at)
    trust = trust_of(screen, config, trust_file, registry_key)
    member = trust.member(id)
    if member is None:
        raise CliError("cli.not_found", "没有此成员", "there is no such member", member=id)
    found = member_json(trust, member, now)

    def draw(console: Console) -> None:
        console.print(
            facts(
                [
                    ("成员 Member", found["id"]),
                    ("名称 Name", f"{found['name']['zh']}  {found['name']['en']}"),
                    ("状态 Status", found["status"]),
                    ("通道 Channel", found["channel"]),
                    ("地址 Endpoint", found["endpoint"] or "-"),
                    ("格式 Formats", ", ".join(found["formats"]) or "-"),
                    ("联系 Contact", found["contact"]),
                ]
            )
        )
        keys = table("kid", "算法 Alg", "有效 Valid", "截止 Until", "天 Days", title="公钥 Keys")
        for key in found["keys"]:
            keys.add_row(key["kid"], key["alg"], validity(key), key["not_after"][:10], str(key["days_left"]))
        agreements = table("协议 Agreement", "转出 From", "接收 To", "签署 Signed", title="协议 Agreements")
        for each in found["agreements"]:
            agreements.add_row(each["id"], each["source"], each["accepting"], ", ".join(each["signed"]) or "-")
        console.print(keys, agreements)
        for warning in found["warnings"]:
            console.print(f"注意 {warning['zh']} / {warning['en']}", style="yellow")

    screen.emit(found, draw)


def member_json(trust: TrustFile, member: Member, now: datetime) -> dict[str, Any]:
    """One member as a document."""
    keys = [key_json(member.id, record, now) for record in member.keys]
    agreements = [_agreement(trust, each) for each in trust.data.agreements]
    return {
        "id": member.id,
        "name": {"zh": member.name.zh, "en": member.name.en},
        "region": member.region,
        "city_code": member.city_code,
        "channel": member.channel.value,
        "status": member.status.value,
        "endpoint": member.endpoint,
        "contact": member.contact,
        "formats": formats_of(member.region),
        "keys": keys,
        "agreements": [each for each in agreements if member.id in {each["source"], each["accepting"]}],
        "warnings": _warnings(member, keys, agreements),
    }


def formats_of(region: str) -> list[str]:
    """Media types that the region's adapter reads; none for a region without an adapter here."""
    adapter = load_adapters(region_settings()).get(region)
    return [] if adapter is None else list(adapter.media_types)


def _agreement(trust: TrustFile, signed: SignedAgreement) -> dict[str, Any]:
    try:
        text = json.loads(signed.text)
    except ValueError:
        text = {}
    text = text if isinstance(text, dict) else {}
    return {
        "id": signed.id,
        "source": str(text.get("source", "")),
        "accepting": str(text.get("accepting", "")),
        "since": str(text.get("since", "")),
        "until": str(text.get("until", "")),
        "signed": sorted(trust.signers(signed)),
    }


def _warnings(member: Member, keys: list[dict[str, Any]], agreements: list[dict[str, Any]]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    valid = [key for key in keys if key["valid_now"]]
    if member.status.value != "active":
        found.append({"code": "member.suspended", "zh": "成员已中止", "en": "the member is suspended"})
    if not valid:
        found.append({"code": "member.no_key", "zh": "没有现在有效的公钥", "en": "no key is valid now"})
    elif max(key["days_left"] for key in valid) < DAYS_WARN:
        found.append({"code": "member.key_ends", "zh": "公钥将在三十天内到期,且无后继", "en": "its last key ends within thirty days"})
    for each in agreements:
        parties = {each["source"], each["accepting"]}
        if member.id in parties and not parties <= set(each["signed"]):
            found.append(
                {"code": "member.unsigned", "zh": f"协议 {each['id']} 未经双方签署", "en": f"agreement {each['id']} lacks a signature"}
            )
    return found
