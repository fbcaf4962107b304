"""Personal bytes at rest: one key a part, wrapped under one key-encryption key, destroyed on erasure.

    key-encryption key (a file of 32 bytes, mode 0600)
        └─ AES-256-SIV (RFC 5297) ─ part key (32 random bytes, stored wrapped beside the part)
                ├─ AES-256-GCM ─ each stored byte string of that part
                └─ AES-256-SIV ─ each short value of that part that stands in a row (`storage.sealed_rows`)

Nonce rules.  Wrapping needs none: SIV derives its own, and the same key wrapped twice gives the
same bytes.  Sealing takes 12 fresh random bytes from the caller (the IdSource); under one part
key there are a few dozen seals, so 96 random bits do not meet.  The same random bytes must never
be given twice under one part key.

Binding.  Part id and content name are associated data: a sealed string moved to another part or
another name does not open.  Erasure deletes the wrapped key; Python cannot promise that a copy in
memory is overwritten, and the documentation says so.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256, sha512
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from gateway.crypto.keys import read_secret_file, write_secret_file
from gateway.errors import SettingsError, StorageError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
KEY_ID_BYTES: Final = 4
_FORM: Final = b"\x01"
_WRAPPED_BYTES: Final = len(_FORM) + KEY_ID_BYTES + TAG_BYTES + KEY_BYTES


def _broken() -> StorageError:
    return StorageError("storage.sealed_broken", "加密存储的数据已损坏或被改动", "sealed data is damaged, altered or belongs elsewhere")


@dataclass(frozen=True, slots=True, repr=False)
class PartKey:
    """The open key of one part.  Hold it as briefly as the work needs."""

    part_id: str
    cipher: AESGCM

    def seal(self, name: str, plain: bytes, nonce: bytes) -> bytes:
        """form(1) ‖ nonce(12) ‖ ciphertext ‖ tag(16).  `nonce`: 12 fresh random bytes, never reused under this key."""
        if len(nonce) != NONCE_BYTES:
            raise ValueError("a nonce has 12 bytes")
        return _FORM + nonce + self.cipher.encrypt(nonce, plain, _bound(self.part_id, name))

    def open(self, name: str, sealed: bytes) -> bytes:
        """The plain bytes.  Raises StorageError `storage.sealed_broken`."""
        if sealed[:1] != _FORM or len(sealed) < 1 + NONCE_BYTES + TAG_BYTES:
            raise _broken()
        try:
            return self.cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], _bound(self.part_id, name))
        except InvalidTag as error:
            raise _broken() from error


@dataclass(frozen=True, slots=True, repr=False)
class ColumnKey:
    """Seals short values that stand in rows.  AES-256-SIV needs no nonce, so a decision that has no randomness can seal,
    and equal values of one part and name give equal bytes, so they may stand in a key.
    """

    part_id: str
    cipher: AESSIV

    def seal(self, name: str, plain: bytes) -> bytes:
        """tag(16) ‖ ciphertext.  `plain` is not empty."""
        return self.cipher.encrypt(plain, [_bound(self.part_id, name)])

    def open(self, name: str, sealed: bytes) -> bytes:
        """The plain bytes.  Raises StorageError `storage.sealed_broken`."""
        try:
            return self.cipher.decrypt(sealed, [_bound(self.part_id, name)])
        except (InvalidTag, ValueError) as error:
            raise _broken() from error


@dataclass(frozen=True, slots=True, repr=False)
class KeyEncryptionKey:
    """Wraps part keys.  `id` (8 hexadecimal digits) names it in backups and in each wrapped key."""

    id: str
    cipher: AESSIV

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """From 32 random bytes, spread to the two halves SIV needs.  Raises SettingsError `settings.key_file`."""
        if len(raw) != KEY_BYTES:
            raise SettingsError("settings.key_file", "主密钥文件应为 32 字节", "a key-encryption key file holds exactly 32 bytes")
        return cls(sha256(b"ceg-kek-id-1\0" + raw).hexdigest()[: 2 * KEY_ID_BYTES], AESSIV(sha512(b"ceg-kek-siv-1\0" + raw).digest()))

    @classmethod
    def load(cls, path: Path) -> Self:
        """From a file with mode 0600.  Raises SettingsError `settings.key_file`, `settings.key_file_mode`."""
        return cls.from_bytes(read_secret_file(path))

    @classmethod
    def create(cls, path: Path, random32: bytes) -> Self:
        """Write a new file from fresh random bytes; never replaces one.  Raises SettingsError `settings.key_file`."""
        made = cls.from_bytes(random32)
        write_secret_file(path, random32)
        return made

    def new_part_key(self, part_id: str, random32: bytes) -> tuple[PartKey, bytes]:
        """The open key and its wrapped form (53 bytes, stored beside the part).  `random32` must be fresh."""
        if len(random32) != KEY_BYTES:
            raise ValueError("a part key has 32 bytes")
        wrapped = _FORM + bytes.fromhex(self.id) + self.cipher.encrypt(random32, [part_id.encode("utf-8")])
        return PartKey(part_id, AESGCM(random32)), wrapped

    def open_part_key(self, part_id: str, wrapped: bytes) -> PartKey:
        """Raises StorageError `storage.other_master_key` (wrapped under another key) or `storage.sealed_broken`."""
        return PartKey(part_id, AESGCM(self._unwrap(part_id, wrapped)))

    def open_column_key(self, part_id: str, wrapped: bytes) -> ColumnKey:
        """The same part's key for values in rows.  Raises as `open_part_key`."""
        return ColumnKey(part_id, AESSIV(sha512(b"ceg-column-siv-1\0" + self._unwrap(part_id, wrapped)).digest()))

    def _unwrap(self, part_id: str, wrapped: bytes) -> bytes:
        if len(wrapped) != _WRAPPED_BYTES or wrapped[:1] != _FORM:
            raise _broken()
        found = wrapped[1 : 1 + KEY_ID_BYTES].hex()
        if found != self.id:
            raise StorageError(
                "storage.other_master_key",
                "该分件的密钥由另一主密钥加密",
                "this part's key was wrapped under another key-encryption key",
                wanted=found,
                given=self.id,
            )
        try:
            return self.cipher.decrypt(wrapped[1 + KEY_ID_BYTES :], [part_id.encode("utf-8")])
        except InvalidTag as error:
            raise _broken() from error


@lru_cache(maxsize=1024)
def _bound(part_id: str, name: str) -> bytes:
    """Length-prefixed, so that no other pair gives the same bytes."""
    part = part_id.encode("utf-8")
    return b"ceg-part-1\0" + len(part).to_bytes(4, "big") + part + name.encode("utf-8")
