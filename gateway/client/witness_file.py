"""The settings of `ceg witness`: one TOML file, every wrong entry told at once.  Paths are relative to the file."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.client.witness import WitnessKey
from gateway.crypto.keys import SigningKey, VerifyKey, verify_ed25519
from gateway.errors import Problem, SettingsError
from gateway.federation.registry import TrustFile
from gateway.transferlog.checkpoint import COSIGNATURE, NoteKey, Verifier, decode_vkey

PATHS: Final = ("folder", "key_file", "trust_file", "trust_signature_file", "registry_key_file")
MORE_PATHS: Final = ("member_key_file", "connector_db")
TEXTS: Final = ("member", "gateway_url")
OPTIONAL: Final = ("host", "port", *MORE_PATHS)


@dataclass(frozen=True, slots=True)
class WitnessFile:
    """`folder` holds the last cosigned checkpoint and the mirror; `key_file` is the witness's own key, used for nothing else.

    `member_key_file` is the bank's message key: with it leaves are fetched, checked and mirrored; without it only the tree's
    consistency is checked.  `connector_db` is the connector's database: this bank's own leaves are compared with it, and no head that
    lost one is cosigned.
    """

    member: str
    gateway_url: str
    folder: Path
    key_file: Path
    trust_file: Path
    trust_signature_file: Path
    registry_key_file: Path
    host: str = "127.0.0.1"
    port: int = 8491
    member_key_file: Path | None = None
    connector_db: Path | None = None

    @classmethod
    def load(cls, path: Path) -> "WitnessFile":
        """Raises SettingsError `settings.witness` with every problem."""
        try:
            table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError("settings.witness", "见证程序配置无法读取", "the witness's settings cannot be read") from error
        problems = [_problem(name, "缺少", "is missing") for name in (*TEXTS, *PATHS) if name not in table]
        problems += [
            _problem(name, "应为文本", "must be a text")
            for name in (*TEXTS, *PATHS, *MORE_PATHS, "host")
            if not isinstance(table.get(name, ""), str)
        ]
        problems += [_problem(name, "没有这一项", "is not a setting") for name in sorted(table.keys() - {*TEXTS, *PATHS, *OPTIONAL})]
        port = table.get("port", 8491)
        if type(port) is not int or not 0 <= port <= 65535:
            problems.append(_problem("port", "应为端口号", "must be a port"))
        if "connector_db" in table and "member_key_file" not in table:
            problems.append(
                _problem("connector_db", "须与 member_key_file 同用:不取叶就无从核对", "needs member_key_file: leaves must be read")
            )
        url = urlsplit(str(table.get("gateway_url", "")))
        if url.scheme not in {"http", "https"} or not url.netloc or url.path not in {"", "/"}:
            problems.append(_problem("gateway_url", "应为不带路径的网址", "must be a URL without a path"))
        if problems:
            raise SettingsError("settings.witness", "见证程序配置有误", "the witness's settings are wrong", problems=tuple(problems))
        places = {name: path.parent / table.pop(name) for name in (*PATHS, *MORE_PATHS) if name in table}
        return cls(**{**table, "gateway_url": table["gateway_url"].rstrip("/")}, **places)

    def trust(self) -> TrustFile:
        """The trust file under its pinned key.  Raises SettingsError, TrustError."""
        try:
            pinned = VerifyKey.from_jwk(json.loads(self.registry_key_file.read_text("ascii")))
            raw, signature = self.trust_file.read_bytes(), self.trust_signature_file.read_text("ascii")
        except (OSError, ValueError) as error:
            raise SettingsError("settings.trust_file", "信任文件无法读取", "the trust file cannot be read") from error
        return TrustFile.load(raw, signature, [pinned])

    def key(self, trust: TrustFile) -> WitnessKey:
        """The witness's key under the name that the trust file gives it.  Raises SettingsError when the two do not belong together."""
        return witness_key(SigningKey.load(self.key_file), self.member, trust)


def witness_key(key: SigningKey, member: str, trust: TrustFile) -> WitnessKey:
    """Raises SettingsError `settings.witness`."""
    found = trust.member(member)
    known = decode_vkey(found.witness_vkey) if found is not None and found.witness_vkey else None
    if known is None or known != NoteKey(known.name, COSIGNATURE, key.public_raw):
        raise SettingsError(
            "settings.witness", "信任文件中没有该成员的这把见证公钥", "the trust file does not name this witness key for the member"
        )
    return WitnessKey(known, key.sign)


def log_verifier(trust: TrustFile) -> Verifier:
    """The log's own key.  Raises `transferlog.bad_key`."""
    return Verifier(decode_vkey(trust.data.gateway.log_vkey), verify_ed25519)


def _problem(name: str, zh: str, en: str) -> Problem:
    return Problem(name, "settings.witness", zh, f"{name} {en}")
