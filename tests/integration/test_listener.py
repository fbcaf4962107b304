"""The member listener: TLS where it is configured, and header fields as long as the protocol allows."""

import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.region import ManualClock, SeededIds, tools, trust_data, write_files

from gateway.app import FIELD_BYTES_MAX, build, serving, tls
from gateway.errors import SettingsError
from gateway.settings import Listen


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for the loopback address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    now = datetime.now(UTC)  # noqa: TID251 (TLS judges certificates by the machine's clock)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return cert_file, key_file


@asynccontextmanager
async def served(folder: Path, **listen: Any) -> AsyncIterator[str]:
    settings = write_files(folder, trust_data())
    settings = settings.model_copy(update={"listen": settings.listen.model_copy(update=listen)})
    async with aiohttp.ClientSession() as session:
        gateway = await build(settings, session, ManualClock(), SeededIds(), random.Random(1), tools())
        async with serving(gateway) as addresses:
            yield addresses.member_api


async def test_member_api_when_certificate_is_set_then_served_over_tls(tmp_path: Path) -> None:
    cert_file, key_file = certificate(tmp_path)
    async with served(tmp_path, tls_cert_file=cert_file, tls_key_file=key_file) as url, aiohttp.ClientSession() as session:
        assert url.startswith("https://")
        async with session.get(url + "/version", ssl=ssl.create_default_context(cafile=str(cert_file))) as response:
            assert response.status == 200


def test_tls_when_key_file_is_missing_then_settings_error(tmp_path: Path) -> None:
    cert_file, _ = certificate(tmp_path)
    with pytest.raises(SettingsError) as caught:
        tls(Listen(tls_cert_file=cert_file, tls_key_file=tmp_path / "none.pem"))
    assert caught.value.code == "settings.tls"


async def test_header_field_when_as_long_as_an_envelope_may_be_then_read(tmp_path: Path) -> None:
    async with served(tmp_path) as url, aiohttp.ClientSession() as session:
        async with session.get(url + "/version", headers={"Credit-Envelope": "x" * 16 * 1024}) as response:
            assert response.status == 200
        async with session.get(url + "/version", headers={"Credit-Envelope": "x" * (FIELD_BYTES_MAX + 64)}) as response:
            assert response.status == 400
