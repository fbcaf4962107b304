"""People of the sandbox who sign in: one for each role and bank, and two of the demonstration's learners.

All made up, and marked so in their names.
"""

from dataclasses import dataclass
from typing import Final

from gateway.model.people import Role
from gateway.simulator.people import ANHUI, JIANGSU, LEARNERS, MARK, SHANGHAI, ZHEJIANG

_BANKS: Final = {SHANGHAI: ("31", "上海"), JIANGSU: ("32", "江苏"), ZHEJIANG: ("33", "浙江"), ANHUI: ("34", "安徽")}


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """`subject` is also what `login_hint` names."""

    subject: str
    name: str
    roles: tuple[Role, ...]
    member: str = ""
    citizen_id: str = ""
    """Of a learner: what the provider has verified."""


def _sample() -> tuple[SamplePerson, ...]:
    found = [
        SamplePerson(f"operator-{code}", f"{MARK}操作员({name})", (Role.BANK_OPERATOR,), member) for member, (code, name) in _BANKS.items()
    ]
    found += [
        SamplePerson(f"presiding-{code}", f"{MARK}轮值员({name})", (Role.PRESIDING,), member) for member, (code, name) in _BANKS.items()
    ]
    found += [
        SamplePerson("centre", f"{MARK}区域中心操作员", (Role.CENTRE_OPERATOR,)),
        SamplePerson("centre-2", f"{MARK}区域中心操作员乙", (Role.CENTRE_OPERATOR,)),
        SamplePerson("viewer", f"{MARK}监测员", (Role.VIEWER,)),
        SamplePerson("auditor", f"{MARK}审计员", (Role.AUDITOR,)),
        SamplePerson("admin", f"{MARK}管理员(三职合一,仅沙箱)", (Role.ADMIN_SYSTEM, Role.ADMIN_SECURITY, Role.ADMIN_AUDIT)),
        SamplePerson("admin-system", f"{MARK}系统管理员", (Role.ADMIN_SYSTEM,)),
        SamplePerson("admin-security", f"{MARK}安全管理员", (Role.ADMIN_SECURITY,)),
        SamplePerson("admin-audit", f"{MARK}审计管理员", (Role.ADMIN_AUDIT,)),
        SamplePerson("stranger", f"{MARK}未分配角色", ()),
        *(SamplePerson(subject, each.name, (Role.LEARNER,), "", each.citizen_id) for subject, each in LEARNERS.items()),
    ]
    return tuple(found)


PEOPLE: Final = _sample()
DOORS: Final = {
    "operator": "operator-33",
    "centre": "centre",
    "presiding": "presiding-31",
    "viewer": "viewer",
    "auditor": "auditor",
    "admin": "admin",
    "learner": "learner",
}
"""For each role the person its address signs in as."""


def operator_of(member: str) -> str:
    """The subject of a bank's operator."""
    return f"operator-{_BANKS[member][0]}"
