"""Every act that the pages write down has words on the audit page, and no other."""

import re

from support.tree import ROOT, files, text_of

from gateway.transfers.operator_acts import ACTS as LEAVES
from gateway.web.pages.audit_words import ACTS

WRITTEN = re.compile(r"""(?:Deed\(|_opened\(visit, )"([\w.]+)\"""")
BANKS_OWN = {"look_again", "send_again", "decide_bulk", "selection.sign"}
"""Of a bank's console, in the bank's own audit."""


def test_acts_when_compared_with_the_words_then_each_has_its_own_and_none_is_left_over() -> None:
    places = [*files(".py", "gateway/web"), ROOT / "gateway" / "transfers" / "people.py"]
    written = {act for path in places for act in WRITTEN.findall(text_of(path))}
    assert {"sign_in", "view.save", "sandbox.case"} <= written
    assert (written - BANKS_OWN) | LEAVES == ACTS.keys()
