"""A round of looking, again and again: what the database refuses now is tried at the next round."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.errors import StorageError


async def rounds(look: Callable[[], Awaitable[object]], poll_s: float, told: Callable[[str], None], *, at_once: bool = False) -> None:
    """Look every `poll_s` seconds, `at_once` for the first time too, until cancelled.  `told` is given the code of a round that failed."""
    if not at_once:
        await asyncio.sleep(poll_s)
    while True:
        try:
            await look()
        except StorageError as error:
            told(error.code)
        await asyncio.sleep(poll_s)
