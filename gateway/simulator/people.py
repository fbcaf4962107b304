"""Learners who do not exist: valid numbers, names marked `测试`, rare characters and minority names among them.

Every value follows from the seed, so that a run can be repeated.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from gateway.model.documents import Identity
from gateway.model.identifiers import ZHEJIANG_ALPHABET, citizen_number_for, jiangsu_account_for, zhejiang_code_display, zhejiang_code_for

MARK = "测试"
SHANGHAI, JIANGSU, ZHEJIANG, ANHUI = MEMBERS = ("CN-31", "CN-32", "CN-33", "CN-34")
AREAS: Mapping[str, str] = {SHANGHAI: "310101", JIANGSU: "320508", ZHEJIANG: "330106", ANHUI: "340111"}
NAMES = (
    "李䶮", "阿依努尔·买买提", "王㛃", "欧阳若溪", "陈𬭎", "扎西·多吉", "周嘉禾", "司马镕", "赵淼",
    "古丽·阿不都", "孙堃", "吴桐", "郑彧", "冯喆", "诸葛昕", "韩昫", "杨曌", "朱翀", "秦玥", "许琬",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Learner:
    """A synthetic person.  `accounts` maps member id to the learner's account there, as that bank writes it."""

    number: int
    name: str
    citizen_id: str
    female: bool
    accounts: Mapping[str, str]

    @property
    def identity(self) -> Identity:
        """The identity block, marked synthetic."""
        return Identity(self.citizen_id, self.name, synthetic=True)


def _known(number: int, home: str, name: str, born: date, sequence: int) -> Learner:
    accounts = {
        SHANGHAI: f"10028001{number:04d}",
        JIANGSU: jiangsu_account_for(number * 131),
        ZHEJIANG: zhejiang_code_display(zhejiang_code_for(f"ZX7K0800800{number:04d}")),
        ANHUI: f"AHXFYH-8001-{number:04d}",
    }
    return Learner(number, MARK + name, citizen_number_for(AREAS[home], born, sequence), sequence % 2 == 0, accounts)


LEARNERS: Mapping[str, Learner] = {
    "learner": _known(801, JIANGSU, "司马镕", date(1991, 5, 17), 812),
    "learner-2": _known(802, SHANGHAI, "古丽·阿不都", date(1986, 11, 3), 824),
}
"""Two who can sign in at the sandbox's identity provider, by its name for them: the same in every run, whatever the seed."""


def make_learner(number: int, home: str, chance: random.Random) -> Learner:
    """The `number`-th learner (0 to 9999); `home` is the member in whose city the number was issued."""
    born = date(1960 + chance.randrange(45), 1 + chance.randrange(12), 1 + chance.randrange(28))
    sequence = (number * 7 + chance.randrange(7)) % 1000
    body = "ZX7K" + "".join(chance.choice(ZHEJIANG_ALPHABET) for _ in range(7)) + f"{number:04d}"
    accounts = {
        SHANGHAI: f"1002{chance.randrange(10**4):04d}{number:04d}",
        JIANGSU: jiangsu_account_for(number * 131 + chance.randrange(131)),
        ZHEJIANG: zhejiang_code_display(zhejiang_code_for(body)),
        ANHUI: f"AHXFYH-{chance.randrange(10**4):04d}-{number:04d}",
    }
    return Learner(
        number=number,
        name=MARK + NAMES[number % len(NAMES)],
        citizen_id=citizen_number_for(AREAS[home], born, sequence),
        female=sequence % 2 == 0,
        accounts=accounts,
    )
