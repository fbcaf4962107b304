"""One case by hand: Shanghai's own bytes in, a receipt that proves itself out."""

from pathlib import Path

from support.region import SAMPLES, region

SH = (SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes()
SH_RECORDS = ("SHC20230098812", "SHC20230098813", "SHZ2022551201", "SHT2024000917")


async def test_request_when_pushed_from_shanghai_then_delivering(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        heard = await world.send(world.request("CN-31", "CN-32", SH_RECORDS, SH))
        print(heard.body)
        assert heard.status == 202
        assert heard.body["state"] == "delivering"
