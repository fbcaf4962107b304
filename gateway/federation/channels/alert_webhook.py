"""Alarms to a webhook: one POST of JSON, signed by the gateway's key in the manner of Standard Webhooks (`v1a`, Ed25519).

Signed is `id.timestamp.body`; the receiver checks it with the gateway's public key, which is in the trust file.
"""

import base64
from dataclasses import dataclass

import aiohttp

from gateway.crypto.keys import SigningKey
from gateway.model.ports import Clock

VERSION = {"EdDSA": "v1a"}
"""Standard Webhooks names Ed25519 only; a key of another kind says its own name."""


@dataclass(frozen=True, slots=True)
class SignedHook:
    """Follows no redirect; the answer's body is not read."""

    session: aiohttp.ClientSession
    key: SigningKey
    clock: Clock
    timeout_s: float

    async def send(self, url: str, id_: str, body: bytes) -> bool:
        """Whether it was taken: any status of 2xx."""
        stamp = str(int(self.clock.now().timestamp()))
        signature = base64.b64encode(self.key.sign(f"{id_}.{stamp}.".encode() + body)).decode("ascii")
        version = VERSION.get(self.key.alg, self.key.alg)
        headers = {
            "Content-Type": "application/json", "Webhook-Id": id_, "Webhook-Timestamp": stamp,
            "Webhook-Signature": f"{version},{signature}",
            "Webhook-Key": self.key.kid,
        }  # fmt: skip
        timeout = aiohttp.ClientTimeout(total=self.timeout_s)
        try:
            async with self.session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False) as answer:
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False
