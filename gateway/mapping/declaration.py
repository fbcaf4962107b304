"""One declared rule while it is being compiled: its paths, its settings, and what is wrong with it.

A transform's builder takes a `Declaration`, reads its settings through the typed readers below and
answers a forward and a backward half.  The readers never raise: they note a problem and answer a
default, so that one load reports every fault of a rule file.  Settings nobody read are a fault too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from gateway.errors import Problem
from gateway.mapping.loss import Run
from gateway.model.codes import CodeTables
from gateway.model.local import LocalValue
from gateway.model.regional import LEARNER_FIELDS, RECORD_FIELDS, Field, RegionalValue

LocalValues: TypeAlias = Mapping[str, LocalValue]
RegionalValues: TypeAlias = Mapping[str, RegionalValue]
Forward: TypeAlias = Callable[[LocalValues, dict[str, RegionalValue], Run], None]
Backward: TypeAlias = Callable[[RegionalValues, dict[str, LocalValue], Run], None]
Scalar: TypeAlias = str | int | bool

FIELDS: Mapping[str, Field] = {found.path: found for found in (*RECORD_FIELDS, *LEARNER_FIELDS)}


@dataclass(frozen=True, slots=True)
class Halves:
    """Both directions of one rule.  `backward` None means one-way.

    `blank` means that an empty text says something; `number` that the bank writes integers at the rule's paths.
    """

    forward: Forward
    backward: Backward | None
    blank: bool = False
    number: bool = False


@dataclass(frozen=True, slots=True)
class Issuer:
    """One organisation: its code and every spelling of its name; the first spelling is the one to print."""

    uscc: str
    names: tuple[str, ...]


@dataclass(slots=True)
class Declaration:
    """One `[[record]]` or `[[learner]]` table.  `local` and `fields` are its paths at both ends."""

    id: str
    transform: str
    local: tuple[str, ...]
    fields: tuple[str, ...]
    forms: frozenset[str]
    settings: Mapping[str, object]
    codes: CodeTables
    issuers: tuple[Issuer, ...]
    problems: list[Problem]
    _read: set[str] = field(default_factory=set)

    def fault(self, code: str, zh: str, en: str) -> None:
        self.problems.append(Problem(self.id, code, zh, en))

    def shape(self, local: int, fields: int) -> bool:
        """Whether the rule names as many paths as the transform needs."""
        if len(self.local) == local and len(self.fields) == fields:
            return True
        self.fault(
            "mapping.wrong_arity",
            f"变换 {self.transform} 需要 {local} 个本地路径和 {fields} 个区域字段",
            f"transform {self.transform} takes {local} local paths and {fields} regional fields",
        )
        return False

    def text(self, name: str, default: str, *, among: tuple[str, ...] = ()) -> str:
        value = self._setting(name, default)
        if not isinstance(value, str) or (among and value not in among):
            self._wrong(name)
            return default
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self._setting(name, default)
        if not isinstance(value, bool):
            self._wrong(name)
            return default
        return value

    def number(self, name: str, default: str) -> Decimal:
        """A size, written as text in the rule file so that it is never a binary fraction."""
        value = self._setting(name, default)
        try:
            number = Decimal(value) if isinstance(value, str) else None
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite():
            self._wrong(name)
            return Decimal(default)
        return number

    def words(self, name: str) -> tuple[str, ...]:
        value = self._setting(name, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self._wrong(name)
            return ()
        return tuple(value)

    def table(self, name: str) -> dict[str, Scalar]:
        value = self._setting(name, {})
        if not isinstance(value, dict) or not all(isinstance(inner, str | int | bool) for inner in value.values()):
            self._wrong(name)
            return {}
        return value

    def knows(self, code_set: str, code: str) -> bool:
        """Whether `code` is in `code_set`; notes a problem where it is not."""
        if self.codes.lookup(code_set, code) is not None:
            return True
        self.fault("mapping.unknown_code", f"代码集 {code_set} 中没有 {code}", f"code set {code_set} has no {code}")
        return False

    def finish(self) -> None:
        """Report settings that no reader asked for."""
        for name in sorted(set(self.settings) - self._read):
            self.fault(
                "mapping.unknown_setting", f"变换 {self.transform} 没有设置 {name}", f"transform {self.transform} has no setting {name}"
            )

    def _setting(self, name: str, default: object) -> object:
        self._read.add(name)
        return self.settings.get(name, default)

    def _wrong(self, name: str) -> None:
        self.fault("mapping.bad_setting", f"设置 {name} 的取值不对", f"setting {name} has a wrong value")


Builder: TypeAlias = Callable[[Declaration], Halves | None]


def plain_back(path: str, field: str) -> Backward:
    """The plain way back: the field's text under the path."""

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        value = fields.get(field)
        if value is not None:
            out[path] = str(value)
            run.carried.append(field)

    return backward
