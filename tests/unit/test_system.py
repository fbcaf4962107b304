"""The real randomness: fetched a page at a time, never given twice."""

import os

from gateway.model.canonical import unb64url
from gateway.system import POOL_BYTES, SystemIds


def test_secrets_over_many_pages_are_all_different_and_of_their_length() -> None:
    ids = SystemIds()
    given = [secret for _ in range(POOL_BYTES // 8) for secret in (ids.secret(), unb64url(ids.jti()))]
    assert {len(secret) for secret in given} == {32, 16}
    pieces = [secret[start : start + 16] for secret in given for start in range(0, len(secret), 16)]
    assert len(set(pieces)) == len(pieces)


def test_secrets_of_a_forked_child_are_not_its_parents() -> None:
    ids = SystemIds()
    ids.secret()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, ids.secret())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() != ids.secret()
