"""The values of a report in people's words: banks, kinds, divisions, institutions.

Files that are computed with (CSV, XLSX, manifest) have the codes alone; a page and a PDF have the name beside the code.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.model.codes import CodeTables
from gateway.model.places import UNKNOWN
from gateway.transfers.reports import ACCEPTING, ALL, CITY, COUNTY, INSTITUTION, KIND, SOURCE

DIVISIONS: Final = "gbt2260"
PROVINCE: Final = "0000"
MUNICIPAL: Final = frozenset({"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"})
"""Groups that are no city: the name says nothing beside the province's."""


TABLES: Final = {SOURCE: "member", ACCEPTING: "member", KIND: "achievement_kind"}


class Both(NamedTuple):
    """A text in Chinese and in English; `en` "" where there is none, or both are the same."""

    zh: str
    en: str = ""

    def json(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en}


EVERYTHING: Final = Both("全部", "all")
NOBODY: Final = Both("未知", "unknown")


@dataclass(frozen=True, slots=True)
class Names:
    """`codes` None: there are no names but codes.  `institutions`: by code, as the mapping rules print them."""

    codes: CodeTables | None = None
    institutions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, codes: CodeTables, tables: Iterable[Mapping[str, str]]) -> "Names":
        """`tables`: one a set of mapping rules."""
        return cls(codes, {code: name for table in tables for code, name in table.items()})

    def told(self, dimension: str, value: str) -> Both:
        """What a value of a dimension is called, its code included where that is not a name itself."""
        if value == ALL:
            return EVERYTHING
        if value in {"", UNKNOWN}:
            return NOBODY
        if dimension in TABLES:
            return self._coded(TABLES[dimension], value)
        if dimension in {CITY, COUNTY}:
            return self._division(value)
        known = self.institutions.get(value) if dimension == INSTITUTION else None
        return Both(f"{known} {value}" if known else value)

    def _coded(self, table: str, value: str) -> Both:
        entry = self.codes.lookup(table, value) if self.codes is not None else None
        if entry is None:
            return Both(value)
        province = self.codes.lookup(DIVISIONS, entry.columns.get("province", "")) if self.codes is not None else None
        return Both(f"{entry.columns.get('short_zh') or entry.zh} {value}", province.en if province is not None else entry.en)

    def _division(self, code: str) -> Both:
        """From the province down; a province or city itself says that the institution is registered there."""
        province, city = f"{code[:2]}{PROVINCE}", f"{code[:4]}00"
        names = [self._name(each) for each in dict.fromkeys((province, city, code))]
        text = "".join(name for name in names if name not in MUNICIPAL)
        own = "本级" if code == province else ""
        return Both(f"{text}{own} {code}" if names[-1] else f"{text}{code}")

    def _name(self, code: str) -> str:
        entry = self.codes.lookup(DIVISIONS, code) if self.codes is not None else None
        return entry.zh if entry is not None else ""


COLUMNS: Final[Mapping[str, Both]] = {
    "month": Both("月份", "Month"),
    SOURCE: Both("转出行(省)", "Source bank (province)"),
    ACCEPTING: Both("接收行(省)", "Accepting bank (province)"),
    KIND: Both("成果种类", "Kind"),
    CITY: Both("出具机构登记地(市)", "City of registration"),
    COUNTY: Both("出具机构登记地(县)", "County of registration"),
    INSTITUTION: Both("出具机构", "Institution"),
    "submitted": Both("申请件数", "Submitted"),
    "settled": Both("办结件数", "Settled"),
    "settled_credits": Both("办结学分", "Credits settled"),
    "rejected": Both("不予受理件数", "Rejected"),
    "withdrawn": Both("撤回件数", "Withdrawn"),
    "expired": Both("逾期件数", "Expired"),
    "recognised": Both("认定项数", "Recognised"),
    "recognised_credits": Both("认定学分", "Credits recognised"),
    "other": Both("其余项数", "Other"),
    "items": Both("项数", "Items"),
}
