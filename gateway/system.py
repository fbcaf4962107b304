"""The real clock, the real randomness, and where this installation's data lies.

The only file that may ask the operating system for time or chance.
"""

import secrets
from datetime import UTC, datetime
from pathlib import Path

from gateway.federation.protocol import JTI_BYTES, SECRET_BYTES
from gateway.model.canonical import b64url

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE / "_data"


class SystemClock:
    """The machine's clock, UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 (the one place that may ask)


class SystemIds:
    """The operating system's random bytes."""

    def jti(self) -> str:
        return b64url(secrets.token_bytes(JTI_BYTES))

    def secret(self) -> bytes:
        return secrets.token_bytes(SECRET_BYTES)


def data_folder(name: str) -> Path:
    """`standards` or `config`: beside the package in a checkout, inside it in a wheel."""
    inside = _INSTALLED / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def package_folder() -> Path:
    """Where the package's own data files (SQL, mapping rules) lie."""
    return _PACKAGE
