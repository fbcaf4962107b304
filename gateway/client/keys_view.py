"""Keys and contacts as the trust file in force tells them: this bank's own keys and how long they last, and whom to call elsewhere."""

from dataclasses import dataclass
from datetime import datetime

from gateway.client.office import Office
from gateway.federation.members import KeyRecord


@dataclass(frozen=True, slots=True)
class KeyLine:
    """`days` are whole days until the key ends, negative once it has; `used`: this connector signs with it."""

    kid: str
    alg: str
    not_before: datetime
    not_after: datetime
    days: int
    valid: bool
    used: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """A member, or the gateway; `days` is how long its last valid key lasts, None where it has none."""

    id: str
    zh: str
    en: str
    contact: str
    channel: str
    status: str
    presiding: bool
    days: int | None


def own_keys(office: Office) -> list[KeyLine]:
    """Oldest first."""
    member, now = office.trust.member(office.setup.member), office.setup.clock.now()
    records = member.keys if member is not None else ()
    return [
        KeyLine(
            each.kid, each.key.alg, each.not_before, each.not_after, (each.not_after - now).days, each.valid(now),
            each.kid == office.setup.key.kid,
        )
        for each in sorted(records, key=lambda each: each.not_before)
    ]  # fmt: skip


def contacts(office: Office) -> list[Contact]:
    """Every member in the trust file's order, this bank too."""
    trust, now = office.trust, office.setup.clock.now()
    presiding = trust.presiding(now)
    return [
        Contact(
            each.id, each.name.zh, each.name.en, each.contact, each.channel.value, each.status.value, each.id == presiding,
            _lasting(each.keys, now),
        )
        for each in trust.data.members
    ]  # fmt: skip


def _lasting(keys: tuple[KeyRecord, ...], now: datetime) -> int | None:
    ends = [each.not_after for each in keys if each.valid(now)]
    return (max(ends) - now).days if ends else None
