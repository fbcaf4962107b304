"""What changed between two trust files, and what in one is about to run out.

`diff` names the changes in the words of the transfer log's `key.*`, `member.*`, `presiding.*` and
`agreement.*` leaves and refuses a file that goes back or forgets.  `warnings` is for operators:
a key that runs out is an outage.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from typing import Final

from gateway.errors import Problem, TrustError
from gateway.federation.members import GatewayRecord, KeyRecord, Member, Status, TrustData
from gateway.federation.registry import TrustFile

WARN_DAYS: Final = (30, 7, 1)


@dataclass(frozen=True, slots=True)
class Change:
    """`kind` is a leaf type; `subject` a member or agreement id ("" for the rota); `kid` only for keys."""

    kind: str
    subject: str
    kid: str = ""


@dataclass(frozen=True, slots=True)
class Expiry:
    """`what`: trust, key or presiding.  `within_days`: 30, 7, 1, or 0 when it has run out already.

    `covered`: another key of the same member takes over without a gap, so this one may go.
    """

    what: str
    subject: str
    kid: str
    until: datetime
    within_days: int
    covered: bool


def diff(old: TrustFile, new: TrustFile) -> tuple[Change, ...]:
    """The changes in order: keys, members, rota, agreements.  An equal file gives none.

    Raises TrustError `trust.registry_rewound` when `new` has no higher serial or misses, alters or revives a key,
    with every such place.
    """
    if new.data == old.data:
        return ()
    _check_forward(old.data, new.data)
    before, after = _keys(old.data), _keys(new.data)
    added = [Change("key.added", owner, kid) for owner, kid in after if (owner, kid) not in before]
    revoked = [
        Change("key.revoked", owner, kid)
        for (owner, kid), record in after.items()
        if record.revoked_at is not None and ((owner, kid) not in before or before[owner, kid].revoked_at is None)
    ]
    changed = [
        Change("key.changed", *place)
        for place, record in after.items()
        if place in before and (before[place].not_before, before[place].not_after) != (record.not_before, record.not_after)
    ]
    return (*added, *revoked, *changed, *_member_changes(old, new), *_other_changes(old.data, new.data))


def _keys(data: TrustData) -> Mapping[tuple[str, str], KeyRecord]:
    return {(owner.id, record.kid): record for owner in _owners(data) for record in owner.keys}


def _owners(data: TrustData) -> tuple[Member | GatewayRecord, ...]:
    return (data.gateway, *data.members)


def _check_forward(old: TrustData, new: TrustData) -> None:
    problems: list[Problem] = []

    def wrong(path: str, zh: str, en: str) -> None:
        problems.append(Problem(path, "trust.registry_rewound", zh, en))

    if new.serial <= old.serial or new.issued_at < old.issued_at:
        wrong("$.serial", "序号或日期没有前进", "serial and date must go forward")
    if new.gateway.id != old.gateway.id:
        wrong("$.gateway.id", "网关标识不可更改", "the gateway's id cannot change")
    kept = _keys(new)
    for (owner, kid), record in _keys(old).items():
        found = kept.get((owner, kid))
        if found is None:
            wrong(f"{owner} {kid}", "缺少曾经有效的公钥", "a key once held is missing; the file keeps all of them")
        elif record.revoked_at is not None and found.revoked_at != record.revoked_at:
            wrong(f"{owner} {kid}", "已撤销的公钥不可恢复或改期", "a revocation cannot be undone or moved")
        elif (record.log_from not in {None, found.log_from}) or (record.log_until not in {None, found.log_until}):
            wrong(f"{owner} {kid}", "公钥在存证日志中的位置不可更改", "a key's positions in the transfer log cannot change")
    for place in _witnesses_revived(old, new):
        wrong(place, "已退役的见证公钥不可恢复或延后", "a retired witness key cannot come back or end later; it may be left out")
    if problems:
        raise TrustError(
            "trust.registry_rewound", "新信任文件倒退或遗漏", "the new trust file goes back or forgets", problems=tuple(problems)
        )


def _witnesses_revived(old: TrustData, new: TrustData) -> Iterable[str]:
    ends = {each.vkey: each for member in old.members for each in member.witness_retired}
    for member in new.members:
        if member.witness_vkey in ends:
            yield f"{member.id} witness.vkey"
        for each in member.witness_retired:
            before = ends.get(each.vkey)
            if before is not None and (each.until > before.until or _reach(each.log_until) > _reach(before.log_until)):
                yield f"{member.id} witness.retired"


def _reach(log_until: int | None) -> float:
    return inf if log_until is None else log_until


def _member_changes(old: TrustFile, new: TrustFile) -> Iterable[Change]:
    for member in new.data.members:
        earlier = old.member(member.id)
        if earlier is None:
            yield Change("member.added", member.id)
        elif earlier.status is not member.status:
            yield Change("member.suspended" if member.status is Status.SUSPENDED else "member.resumed", member.id)
        if earlier is not None and _without_standing(earlier) != _without_standing(member):
            yield Change("member.changed", member.id)
    for member in old.data.members:
        if new.member(member.id) is None:
            yield Change("member.removed", member.id)


def _without_standing(member: Member) -> Member:
    return replace(member, keys=(), status=Status.ACTIVE)


def _other_changes(old: TrustData, new: TrustData) -> Iterable[Change]:
    if old.presiding != new.presiding:
        yield Change("presiding.changed", "")
    before, after = ({each.id: each for each in data.agreements} for data in (old, new))
    for name, agreement in after.items():
        if name not in before:
            yield Change("agreement.added", name)
        elif before[name] != agreement:
            yield Change("agreement.changed", name)
    for name in sorted(before.keys() - after.keys()):
        yield Change("agreement.removed", name)


def warnings(trust: TrustFile, now: datetime) -> tuple[Expiry, ...]:
    """Everything that runs out within 30 days, soonest first; a key already past its end only when nothing covers it."""
    data = trust.data
    found = [_expiry("trust", data.gateway.id, "", data.expires_at, now, covered=False)]
    if data.presiding:
        found.append(_expiry("presiding", data.presiding[-1].member, "", data.presiding[-1].until, now, covered=False))
    for owner in _owners(data):
        live = [record for record in owner.keys if record.revoked_at is None and record.not_before <= now]
        for record in live:
            covered = any(other.not_after > record.not_after for other in owner.keys if _takes_over(other, record))
            if record.not_after > now or not any(other.valid(now) for other in live):
                found.append(_expiry("key", owner.id, record.kid, record.not_after, now, covered=covered))
    return tuple(sorted((each for each in found if each is not None), key=lambda each: (each.until, each.subject, each.kid)))


def _takes_over(other: KeyRecord, record: KeyRecord) -> bool:
    return other.kid != record.kid and other.revoked_at is None and other.not_before <= record.not_after


def _expiry(what: str, subject: str, kid: str, until: datetime, now: datetime, *, covered: bool) -> Expiry | None:
    left = until - now
    if left <= timedelta(0):
        return Expiry(what, subject, kid, until, 0, covered)
    within = [days for days in WARN_DAYS if left <= timedelta(days=days)]
    return Expiry(what, subject, kid, until, min(within), covered) if within else None
