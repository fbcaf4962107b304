"""The registry at work in a run: keys rotated and revoked, members suspended and resumed, each as a newly signed trust file.

The gateway watches the file; the banks are brought theirs by hand, some time later.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.crypto.keys import SigningKey
from gateway.federation.members import KeyRecord, Member, SignedAgreement, Status, TrustData
from gateway.federation.registry import TrustFile, sign_agreement
from gateway.model.ports import Clock
from gateway.simulator.sandbox import VALID, SandboxFiles


class Registrar:
    """Issues one trust file after another.  `told` hears of each."""

    def __init__(self, files: SandboxFiles, clock: Clock, told: Callable[[TrustFile], None]) -> None:
        self.trust = files.trust
        self._files = files
        self._clock = clock
        self._told = told

    def issue(self, change: Callable[[TrustData, datetime], TrustData]) -> None:
        """Sign and put in place; the file's date is virtual too, for that is what the gateway looks at."""
        now = self._clock.now().replace(microsecond=0)
        changed = replace(change(self.trust.data, now), serial=self.trust.data.serial + 1, issued_at=now)
        self.trust = self._files.issue(TrustFile(changed))
        moment = int(self._clock.now().timestamp() * 1_000_000_000)
        os.utime(self._files.trust_file.with_suffix(".json.sig"), ns=(moment, moment))
        self._told(self.trust)

    def add_key(self, member: str, key: SigningKey) -> None:
        """A second key, valid at once; agreements of the member are signed anew with it."""

        def change(data: TrustData, now: datetime) -> TrustData:
            record = KeyRecord(key.verify_key, now - timedelta(minutes=5), now + VALID)
            members = tuple(replace(each, keys=(*each.keys, record)) if each.id == member else each for each in data.members)
            return replace(data, members=members, agreements=_signed(data, member, key))

        self.issue(change)

    def revoke_others(self, member: str, key: SigningKey) -> None:
        """Every key of the member but this one ends now."""

        def ended(each: Member, now: datetime) -> Member:
            keys = tuple(
                record if record.kid == key.kid or record.revoked_at is not None else replace(record, revoked_at=now)
                for record in each.keys
            )
            return replace(each, keys=keys)

        def change(data: TrustData, now: datetime) -> TrustData:
            return replace(data, members=tuple(ended(each, now) if each.id == member else each for each in data.members))

        self.issue(change)

    def stand(self, member: str, status: Status) -> None:
        """Suspend or resume."""

        def change(data: TrustData, now: datetime) -> TrustData:
            del now
            return replace(data, members=tuple(replace(each, status=status) if each.id == member else each for each in data.members))

        self.issue(change)


def _signed(data: TrustData, member: str, key: SigningKey) -> tuple[SignedAgreement, ...]:
    return tuple(
        replace(each, signatures={**each.signatures, member: sign_agreement(key, each.text)}) if member in each.signatures else each
        for each in data.agreements
    )
