"""An answer that comes after a notice of what happened since: what follows from it is still to be done."""

from collections.abc import Sequence
from pathlib import Path

from support.auditor import books, check_books
from support.connectors import Line, four_banks
from support.region import region

from gateway.errors import PeerUnavailableError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.message import Content
from gateway.model.documents import Correction
from gateway.model.transfer import Act
from gateway.simulator.people import JIANGSU, SHANGHAI


class Overtaken(Line):
    """The answer to a decision is lost until `told`."""

    told = False

    async def post(self, url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        answer = await super().post(url, token, contents)
        if not self.told and any(each.name == "decision" for each in contents):
            raise PeerUnavailableError("peer.unavailable", "答复丢失", "the reply was lost")
        return answer


async def test_decision_when_a_recall_overtakes_its_answer_then_booked_all_the_same(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        line = Overtaken(world)
        async with four_banks(world, line) as banks:
            for member in (SHANGHAI, JIANGSU):
                await banks.connect(member)
            transfer = (await banks.open(SHANGHAI, JIANGSU)).scope

            async def decided() -> bool:
                return await banks.state(transfer) == "posting"

            async def void() -> bool:
                return "record.revoked" in await banks.steps(transfer)

            async def told() -> bool:
                case = await banks.connectors[JIANGSU].store.case(transfer)
                return case is not None and case.ver == found.transfer(transfer).ver

            async def ended() -> bool:
                return await banks.state(transfer) == "recalled"

            await banks.work(SHANGHAI, JIANGSU, until=decided)
            correction = Correction("other", "作废", banks.banks[SHANGHAI].record_ids(banks.learners[0]))
            await banks.connectors[SHANGHAI].say(Act.REVOKE, transfer, correction)
            await banks.work(SHANGHAI, until=void)
            await banks.work(JIANGSU, until=told)
            line.told = True
            await banks.work(SHANGHAI, JIANGSU, until=ended)
        check_books(found)
