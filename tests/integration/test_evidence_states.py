"""A case brought to every place there is: its bundle, and a learner's proof of it, hold by the trust file alone."""

from pathlib import Path

from support.evidence import bundle_of, verified
from support.region import region
from support.stages import ACCEPTING, PLACES, SOURCE, stage


async def test_bundle_when_made_at_every_place_of_a_case_then_it_holds(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        for place in PLACES:
            pulled = place == "confirming"
            made = await stage(world, place, pulled=pulled)
            await made.try_(ACCEPTING, "ask")  # refused in most of them, and then a leaf
            await made.try_(SOURCE, "amend")
            for form in ("full", "learner", "bare"):
                report = verified(await bundle_of(world, made.transfer, form=form), world.trust)
                assert (place, form, report.findings) == (place, form, [])
                assert report.state == (await made.row()).state
            assert not report.final
