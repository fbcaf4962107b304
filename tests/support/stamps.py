"""A time-stamping authority on this machine, for tests: `openssl ts` with a certificate of its own."""

import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.system import SystemClock

CONFIG = """[tsa]
default_tsa = one
[one]
serial = {folder}/serial
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
accuracy = secs:1
"""


def certificate(key: ec.EllipticCurvePrivateKey, usage: x509.ObjectIdentifier, since: datetime, until: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority (synthetic)")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(since).not_valid_after(until).add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    made = made.add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), critical=True)
    return made.sign(key, hashes.SHA256())


@dataclass(frozen=True)
class LocalAuthority:
    """`file` is its certificate (PEM)."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "tsa.pem"

    @classmethod
    def make(cls, folder: Path, usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING) -> "LocalAuthority":
        key, now = ec.generate_private_key(ec.SECP256R1()), SystemClock().now()
        made = certificate(key, usage, now - timedelta(days=1), now + timedelta(days=1))
        (folder / "tsa.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        (folder / "tsa.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        (folder / "serial").write_text("01", "ascii")
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder), "ascii")
        return cls(folder)

    def reply(self, request: bytes) -> bytes:
        """What the authority answers."""
        query, answer = self.folder / "query.tsq", self.folder / "reply.tsr"
        query.write_bytes(request)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", str(query), "-inkey", "tsa.key", "-signer", "tsa.pem"]
        subprocess.run([*command, "-out", str(answer)], cwd=self.folder, check=True, capture_output=True)
        return answer.read_bytes()

    async def answer(self, request: web.Request) -> web.Response:
        """Over HTTP."""
        return web.Response(body=self.reply(await request.read()), content_type="application/timestamp-reply")
