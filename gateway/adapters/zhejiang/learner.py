"""Who a Zhejiang part is about: 浙学码, masked name, digest of the citizen number.

The citizen number itself never travels.  Its digest is SM3 over salt, colon and number: good enough
to compare a number one already has, no protection against somebody who tries all of them.
"""

import hmac
import re

from gateway.adapters.fields import WRONG_TYPE, Fault, extra_fault, extra_value, text
from gateway.crypto.sm3 import sm3_hex
from gateway.errors import Problem
from gateway.formats.json_safe import JsonValue
from gateway.model.identifiers import IdentifierError, zhejiang_code, zhejiang_code_display
from gateway.model.local import LocalLearner, LocalValue

DIGEST_FORM = Fault("record.digest_form", "idDigest 应为 sm3: 加 64 位小写十六进制", "an idDigest is sm3: and 64 lower-case hex digits")
OTHER_ACCOUNT = Fault("record.other_account", "分件含另一个账号的条目", "the part holds an entry of another account")
OTHER_PERSON = Fault("record.other_person", "分件内的身份摘要不一致", "the identity digests inside the part differ")
NO_LEARNER = Fault("record.missing", "条目没有学习者", "the entry names no learner")
_DIGEST = re.compile(r"sm3:[0-9a-f]{64}")
_name = text(100)


def digest_of(citizen_number: str, salt: str) -> str:
    """`sm3:<hex>` of a normalised 18-character citizen number."""
    return "sm3:" + sm3_hex(f"{salt}:{citizen_number}".encode())


def digest_is_of(citizen_number: str, digest: str, salt: str) -> bool:
    """Compare a part's digest with a number somebody presents, in constant time."""
    return hmac.compare_digest(digest.encode(), digest_of(citizen_number, salt).encode())


def account_of(written: object) -> str:
    """The canonical 16 characters; "" for the declared empty slot.  Raises IdentifierError, or ValueError for another type."""
    if type(written) is not str:
        raise ValueError("not a text")
    return "" if written == "" else zhejiang_code(written)


def display(account: str) -> str:
    """As the bank writes it: four groups of four."""
    return zhejiang_code_display(account) if account else ""


def mask(name: str) -> str:
    """The first character and a star; what is masked already stays."""
    return name if "*" in name or not name else name[0] + "*"


class Learner:
    """Gathers the learner blocks of a part and finds where they disagree."""

    def __init__(self) -> None:
        self.values: dict[str, LocalValue] = {}
        self.problems: list[Problem] = []
        self.warnings: set[str] = set()
        self._account: str | None = None
        self._faultless: dict[str, JsonValue] | None = None

    def read(self, block: dict[str, JsonValue], place: str) -> None:
        """Take one block.  `zheXueMa` stands in each; digest and name may be left out.  Mostly it is the same block again."""
        if block == self._faultless:
            return
        before = len(self.problems)
        self._read_block(block, place)
        if len(self.problems) == before:
            self._faultless = block

    def _read_block(self, block: dict[str, JsonValue], place: str) -> None:
        self._read_account(block, place)
        digest = block.get("idDigest")
        if digest is not None:
            known = self.values.get("learner.idDigest")
            if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
                self.problems.append(DIGEST_FORM.at(f"{place}/learner.idDigest"))
            elif known not in (None, digest):
                self.problems.append(OTHER_PERSON.at(f"{place}/learner.idDigest"))
        name = block.get("nameMasked")
        if name is not None:
            fault = _name(name)
            if fault is not None:
                self.problems.append(fault.at(f"{place}/learner.nameMasked"))
            elif self.values.get("learner.nameMasked") not in (None, name):
                self.warnings.add("identity_conflict_warning")
        for key, value in block.items():
            if self.values.get(f"learner.{key}") is None:
                self.values[f"learner.{key}"] = extra_value(value)
            fault = extra_fault(key, extra_value(value))
            if fault is not None:
                self.problems.append(fault.at(f"{place}/learner"))

    def _read_account(self, block: dict[str, JsonValue], place: str) -> None:
        path = f"{place}/learner.zheXueMa"
        try:
            account = account_of(block.get("zheXueMa"))
        except IdentifierError as error:
            self.problems.append(Problem(path, error.code, error.zh, error.en))
        except ValueError:
            self.problems.append((NO_LEARNER if block.get("zheXueMa") is None else WRONG_TYPE).at(path))
        else:
            if self._account is None:
                self._account = account
            elif self._account != account:
                self.problems.append(OTHER_ACCOUNT.at(path))

    @property
    def seen(self) -> bool:
        return self._account is not None

    def identity(self) -> LocalLearner:
        digest, name = self.values.get("learner.idDigest"), self.values.get("learner.nameMasked")
        return LocalLearner(
            account=self._account or "",
            id_digest=digest if isinstance(digest, str) else None,
            name=name if isinstance(name, str) else None,
        )
