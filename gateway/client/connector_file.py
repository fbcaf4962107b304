"""The settings of `ceg connector`: one TOML file, every wrong entry told at once.  Paths are relative to the file."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.client.exchange_folder import ExchangeFolder
from gateway.client.selection_desk import Policy
from gateway.crypto.keys import SigningKey, VerifyKey, read_secret_file
from gateway.errors import Problem, SettingsError
from gateway.federation.registry import TrustFile
from gateway.model.documents import Identity

PATHS: Final = ("folder", "key_file", "trust_file", "trust_signature_file", "registry_key_file")
TEXTS: Final = ("member", "gateway_url")
OPTIONAL: Final = (
    "endpoint_host", "endpoint_port", "pull_url", "pull_token_file", "exchange_folder", "people", "canary", "selections",
    "selections_every_s",
)  # fmt: skip
POLICIES: Final = tuple(policy.value for policy in Policy)
SELECTIONS_EVERY_MIN_S: Final = 5
CANARY_EVERY_MIN_S: Final = 60
PEOPLE_FILES: Final = ("client_secret_file", "client_key_file")


@dataclass(frozen=True, slots=True)
class CanarySettings:
    """The table `canary`: how often, and the made-up learner of the bank's files whom canaries are about."""

    every_s: float
    learner: Identity


@dataclass(frozen=True, slots=True)
class ConnectorFile:
    """`folder` holds the connector's database and the folder bank.  Host and port are where a pushed member listens.

    `pull_url` is the bank's own chain endpoint, for a bank that is pulled; "" for none.  `exchange_folder` is what a bank's
    SFTP server shows to the gateway, for a bank that speaks in files.
    """

    member: str
    gateway_url: str
    folder: Path
    key_file: Path
    trust_file: Path
    trust_signature_file: Path
    registry_key_file: Path
    endpoint_host: str = "127.0.0.1"
    endpoint_port: int = 8481
    pull_url: str = ""
    pull_token_file: Path | None = None
    exchange_folder: Path | None = None
    people: Mapping[str, Any] = field(default_factory=dict)
    """The table `people`: the console of the bank's people; none without it."""
    canary: CanarySettings | None = None
    selections: Policy = Policy.ASK
    """What becomes of bulk selections that were released for this bank as presiding unit; asked for every so many seconds."""
    selections_every_s: float = 60.0

    @classmethod
    def load(cls, path: Path) -> "ConnectorFile":
        """Raises SettingsError `settings.connector` with every problem."""
        try:
            table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError("settings.connector", "连接程序配置无法读取", "the connector's settings cannot be read") from error
        problems = [_problem(name, "缺少", "is missing") for name in (*TEXTS, *PATHS) if not isinstance(table.get(name), str)]
        problems += [_problem(name, "没有这一项", "is not a setting") for name in sorted(table.keys() - {*TEXTS, *PATHS, *OPTIONAL})]
        port = table.get("endpoint_port", 8481)
        if not isinstance(port, int) or not 0 <= port <= 65535:
            problems.append(_problem("endpoint_port", "应为端口号", "must be a port"))
        url = urlsplit(str(table.get("gateway_url", "")))
        if url.scheme not in {"http", "https"} or not url.netloc or url.path not in {"", "/"}:
            problems.append(_problem("gateway_url", "应为不带路径的网址", "must be a URL without a path"))
        pull = urlsplit(str(table.get("pull_url", "")))
        if "pull_url" in table and (pull.scheme not in {"http", "https"} or not pull.netloc):
            problems.append(_problem("pull_url", "应为网址", "must be a URL"))
        people = table.get("people", {})
        if not isinstance(people, dict):
            problems.append(_problem("people", "应为一节", "must be a table"))
        canary = table.get("canary")
        if canary is not None and not _is_canary(canary):
            problems.append(_problem("canary", "应有 every_s(≥ 60)、citizen_id、name", "has every_s (60 or more), citizen_id, name"))
        problems += _selection_problems(table.get("selections", "ask"), table.get("selections_every_s", 60))
        if problems:
            raise SettingsError("settings.connector", "连接程序配置有误", "the connector's settings are wrong", problems=tuple(problems))
        paths = {name: path.parent / table[name] for name in PATHS}
        more = {name: table[name] for name in OPTIONAL if name in table}
        more |= {name: path.parent / str(more[name]) for name in ("pull_token_file", "exchange_folder") if name in more}
        more["people"] = people | {name: path.parent / str(people[name]) for name in PEOPLE_FILES if name in people}
        more["selections"] = Policy(table.get("selections", "ask"))
        if canary is not None:
            more["canary"] = CanarySettings(canary["every_s"], Identity(canary["citizen_id"].upper(), canary["name"], synthetic=True))
        return cls(member=table["member"], gateway_url=table["gateway_url"].rstrip("/"), **paths, **more)

    def key(self) -> SigningKey:
        """The bank's key.  Raises SettingsError."""
        return SigningKey.load(self.key_file)

    def pull_token(self) -> str:
        """The bearer token for the bank's own endpoint.  Raises SettingsError when its file cannot be used."""
        if self.pull_token_file is None:
            return ""
        try:
            return read_secret_file(self.pull_token_file).decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise SettingsError("settings.connector", "令牌文件无法使用", "the token file cannot be used") from error

    def exchange(self) -> ExchangeFolder:
        """The exchange folder of a bank that speaks in files.  Raises SettingsError."""
        if self.exchange_folder is None or not self.exchange_folder.is_dir():
            raise SettingsError(
                "settings.connector",
                "以文件收发的成员须设置交换目录",
                "a member that speaks in files sets its exchange_folder, which must be there",
            )
        return ExchangeFolder(self.exchange_folder)

    def trust(self) -> TrustFile:
        """The trust file under its pinned key.  Raises SettingsError, TrustError."""
        try:
            pinned = VerifyKey.from_jwk(json.loads(self.registry_key_file.read_text("ascii")))
            raw, signature = self.trust_file.read_bytes(), self.trust_signature_file.read_text("ascii")
        except (OSError, ValueError) as error:
            raise SettingsError("settings.trust_file", "信任文件无法读取", "the trust file cannot be read") from error
        return TrustFile.load(raw, signature, [pinned])


def _selection_problems(policy: object, every_s: object) -> list[Problem]:
    problems = [] if policy in POLICIES else [_problem("selections", '应为 "ask" 或 "sign"', 'is "ask" or "sign"')]
    if not isinstance(every_s, int | float) or isinstance(every_s, bool) or every_s < SELECTIONS_EVERY_MIN_S:
        problems.append(_problem("selections_every_s", "应为 5 以上的秒数", "is 5 seconds or more"))
    return problems


def _problem(name: str, zh: str, en: str) -> Problem:
    return Problem(name, "settings.connector", zh, f"{name} {en}")


def _is_canary(table: object) -> bool:
    if not isinstance(table, dict) or table.keys() != {"every_s", "citizen_id", "name"}:
        return False
    every, texts = table["every_s"], (table["citizen_id"], table["name"])
    return isinstance(every, int | float) and every >= CANARY_EVERY_MIN_S and all(isinstance(each, str) and each for each in texts)
