"""Where each numbered sentence of docs/protocol.md is proven, and tests of those that no other file has."""

import ast
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.region import PERSON, SAMPLES, START, TARGET, World, region, to_reviewing
from support.tree import ROOT, tree_of

from gateway.crypto.digests import pseudonym
from gateway.crypto.keys import read_secret_file
from gateway.model.regional import RegionalRecord
from gateway.model.transfer import State, transfer_id
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.deadlines import CHINA, WORKING_DAYS, add_working_days, deadline_after
from gateway.transfers.intake import outcome_key

REFUSALS, TABLE, PULLED = "integration/test_refusals.py", "integration/test_table.py", "integration/test_pulled_case.py"
CONNECTOR, FIRST, HTTP = "integration/test_connector.py", "integration/test_first_case.py", "integration/test_http.py"
CORRECTIONS, RECALLS = "integration/test_corrections.py", "integration/test_recalls.py"
DISPUTES, TIMERS = "integration/test_disputes.py", "integration/test_timers.py"
PROVEN_BY = {
    # sentences: file under tests/ and test
    "PR-1": (REFUSALS, "test_request_when_facing_is_neither_or_not_the_signer_then_every_problem_is_told"),
    "PR-4": (TABLE, "test_stranger_when_he_acts_on_a_case_then_hears_what_he_hears_of_none"),
    "PR-5": (
        CONNECTOR,
        "test_connector_when_killed_after_every_single_commit_then_loses_nothing_and_doubles_nothing",
    ),
    "PR-10": (REFUSALS, "test_request_when_contents_do_not_fit_its_way_then_missing_and_unexpected_are_named"),
    "PR-11": (PULLED, "test_confirm_when_same_person_is_over_other_bytes_then_refused"),
    "PR-14": (REFUSALS, "test_request_when_there_is_no_agreement_in_force_then_signed_refusal"),
    "PR-16": (REFUSALS, "test_request_when_refused_before_it_opens_then_signed_kept_and_no_leaf"),
    "PR-17": (PULLED, "test_confirm_when_part_is_about_another_person_then_refused_and_still_confirming"),
    "PR-18": (PULLED, "test_confirm_when_source_closes_an_item_then_the_rest_goes_on"),
    "PR-20": (REFUSALS, "test_request_when_agreement_is_for_other_kinds_then_items_are_closed_and_none_left_refuses"),
    "PR-21": (FIRST, "test_second_case_when_outcome_was_redeemed_then_refused_naming_the_winners_leaf"),
    "PR-23": (
        REFUSALS,
        "test_request_when_rows_are_damaged_cancelled_or_unknown_then_items_close_and_receipt_lists_them",
    ),
    "PR-30": (TABLE, "test_act_when_sent_in_any_state_by_anybody_then_table_row_or_one_named_refusal"),
    "PR-31": (TABLE, "test_act_when_it_names_another_version_then_told_the_present_one"),
    "PR-32": (TABLE, "test_noted_when_there_is_no_such_notice_then_refused_with_a_leaf_and_with_it_done_without"),
    "PR-33": (TABLE, "test_act_when_case_was_held_after_its_decision_then_too_late"),
    "PR-34": (DISPUTES, "test_orders_when_a_case_is_held_then_retried_where_it_stood_or_cancelled"),
    "PR-40": (REFUSALS, "test_act_when_posture_is_not_what_the_document_says_then_refused"),
    "PR-41": (REFUSALS, "test_decision_when_items_or_credits_do_not_fit_then_refused"),
    "PR-42": (REFUSALS, "test_decision_when_not_over_what_was_delivered_then_refused"),
    "PR-43": (REFUSALS, "test_decision_when_items_or_credits_do_not_fit_then_refused"),
    "PR-44": (REFUSALS, "test_decision_when_all_is_refused_then_settled_at_once_with_nothing"),
    "PR-45": (FIRST, "test_case_when_pushed_by_shanghai_then_settles_with_partial_recognition"),
    "PR-50": (REFUSALS, "test_message_when_not_authentic_or_not_fresh_then_a_problem_and_nothing_kept"),
    "PR-51": (REFUSALS, "test_request_when_refused_before_it_opens_then_signed_kept_and_no_leaf"),
    "PR-52": (REFUSALS, "test_act_when_content_is_bad_inside_a_case_then_a_leaf_both_parties_can_see"),
    "PR-53": (TABLE, "test_party_when_content_is_bad_in_a_wrong_state_then_hears_of_the_state_first"),
    "PR-60": (PULLED, "test_withdraw_when_facing_bank_takes_it_back_then_outcome_is_free_again"),
    "PR-61": (PULLED, "test_decline_when_source_will_not_then_rejected_and_facing_bank_told"),
    "PR-62": (CORRECTIONS, "test_ask_when_done_then_the_review_clock_stops_and_goes_on_in_working_days"),
    "PR-63": (CORRECTIONS, "test_amend_when_before_the_decision_then_redelivered_and_only_the_new_bytes_can_be_decided"),
    "PR-64": (RECALLS, "test_revoke_when_settled_then_recalled_on_the_accepting_banks_posting_and_void_for_ever"),
    "PR-65": (DISPUTES, "test_dispute_when_within_thirty_days_then_heard_and_later_refused"),
    "PR-66": (DISPUTES, "test_remit_when_ordered_then_decided_anew_with_every_outcome_that_can_be_had"),
    "PR-67": (
        DISPUTES,
        "test_decision_when_changed_to_refuse_then_the_outcome_is_free_only_after_the_accepting_bank_has_booked_it",
    ),
    "PR-68": (DISPUTES, "test_impossible_when_the_accepting_bank_cannot_book_then_disputed_and_decided_anew"),
    "PR-69": (DISPUTES, "test_posting_when_it_comes_after_the_end_then_late_and_told_to_reverse"),
    "PR-82": (TIMERS, "test_deadline_when_it_passes_then_the_states_exit_with_a_leaf_naming_the_one_before"),
    "PR-83": (TIMERS, "test_watch_when_it_looks_then_warns_once_acts_once_and_leaves_the_rest_alone"),
    "PR-84": (TIMERS, "test_clocks_when_one_jumps_then_they_disagree_and_agree_again_when_it_returns"),
    "PR-90": (CONNECTOR, "test_replies_when_each_is_lost_once_after_commit_then_nothing_is_doubled"),
    "PR-91": (CONNECTOR, "test_replies_when_each_is_lost_once_after_commit_then_nothing_is_doubled"),
    "PR-93": (HTTP, "test_mailbox_when_polled_then_case_is_handed_out_once_per_lease"),
    "PR-94": (CONNECTOR, "test_case_when_two_connectors_run_then_settles_with_each_act_once"),
    "PR-100": (CONNECTOR, "test_answer_when_body_was_altered_on_the_way_then_set_aside_with_an_alarm"),
    "PR-101": (HTTP, "test_message_when_posted_twice_then_same_answer_marked_repeated"),
}
SH = (SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes()
RECORDS = ("SHC20230098812", "SHC20230098813", "SHZ2022551201", "SHT2024000917")


@pytest.mark.parametrize("sentence", PROVEN_BY)
def test_sentence_when_its_test_is_looked_for_then_it_is_there(sentence: str) -> None:
    file, name = PROVEN_BY[sentence]
    tree = tree_of(ROOT / "tests" / file)
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}, sentence


async def opened(world: World) -> str:
    heard = await world.send(world.request("CN-31", "CN-32", RECORDS, SH))
    assert heard.status == 202, heard.body
    return str(heard.body["transfer"])


async def test_transfer_when_opened_then_both_ends_compute_its_id(tmp_path: Path) -> None:  # PR-2
    async with region(tmp_path) as world:
        message = world.request("CN-31", "CN-32", RECORDS, SH)
        heard = await world.send(message)
        assert heard.body["transfer"] == transfer_id("CN-31", message.jti)


async def test_act_when_it_names_no_transfer_then_unknown(tmp_path: Path) -> None:  # PR-3
    async with region(tmp_path) as world:
        await opened(world)
        heard = await world.act("CN-32", "noted", [])
        assert heard.code == "transfer.unknown"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"consent_id": "the-same"}, ""),
        ({"purpose": "research"}, "consent.other_purpose"),
        ({"kinds": ("成绩",), "expires_at": START}, "consent.expired"),
        ({"retention_until": date(2020, 1, 1)}, "consent.expired"),
    ],
)
async def test_consent_when_it_does_not_cover_the_request_then_refused(
    tmp_path: Path, changes: dict[str, object], code: str
) -> None:  # PR-12
    async with region(tmp_path) as world:
        heard = await world.send(world.request("CN-31", "CN-32", RECORDS, SH, consent=changes))
        assert heard.status == (403 if code else 202)
        assert not code or heard.code == code


async def test_consent_when_used_for_a_second_case_then_refused(tmp_path: Path) -> None:  # PR-13
    async with region(tmp_path) as world:
        consent = {"consent_id": "consent-1"}
        assert (await world.send(world.request("CN-31", "CN-32", RECORDS, SH, consent=consent))).status == 202
        assert (await world.send(world.request("CN-31", "CN-33", RECORDS, SH, consent=consent))).code == "consent.already_used"


async def test_request_when_it_names_too_many_records_then_refused(tmp_path: Path) -> None:  # PR-15
    async with region(tmp_path) as world:
        heard = await world.send(world.request("CN-31", "CN-32", tuple(f"SHC{n:011d}" for n in range(301)), SH))
        assert heard.status == 422


@pytest.mark.parametrize(
    ("values", "strength"),
    [
        ({"certificate.number": "S000031000001231000017", "certificate.scheme": "HRSS"}, "strong"),
        ({"certificate.number": "A-17", "issuer.uscc": "12310000425060017N"}, "strong"),
        ({"certificate.number": "A-17", "issuer.name": "somebody"}, "weak"),
        ({"issuer.uscc": "12310000425060017N"}, "weak"),
    ],
)
def test_outcome_when_it_has_a_number_of_the_whole_country_then_strong_key_else_weak(values: dict[str, str], strength: str) -> None:
    """PR-22.  A strong key is the same whichever bank brings it."""
    record = RegionalRecord({"source.record": "R-1", **values})
    found = outcome_key(record, "CN-31")
    assert found[0] == strength
    assert (found == outcome_key(record, "CN-32")) is (strength == "strong")


async def test_answers_and_leaves_when_searched_then_no_name_number_or_pseudonym(tmp_path: Path) -> None:  # PR-54 TL-6
    async with region(tmp_path) as world:
        heard = await world.send(world.request("CN-31", "CN-32", RECORDS, SH))
        await to_reviewing(world, "CN-32")
        key = read_secret_file(world.gateway.settings.keys.pseudonym_key_file)
        size, _ = await world.gateway.parts.reading.head()
        leaves = await world.gateway.parts.reading.entries(0, size)
        for text in (PERSON.citizen_id, PERSON.name, pseudonym(key, PERSON.citizen_id)):
            assert text.encode() not in heard.reply.body
            assert not any(text.encode() in leaf for leaf in leaves)


async def test_leaves_of_a_case_when_read_then_each_carries_totals_that_add_up(tmp_path: Path) -> None:  # PR-70 PR-71
    async with region(tmp_path) as world:
        transfer = await opened(world)
        await to_reviewing(world, "CN-32")
        await world.act("CN-32", "withdraw", [("withdrawal", b"<x/>")], scp=transfer)
        leaves = [parse_leaf(leaf) for _, _, leaf in await world.gateway.parts.reading.scope(transfer)]
        assert [leaf.type for leaf in leaves] == ["transfer.requested", "transfer.delivered", "transfer.refused"]
        for leaf in leaves:
            assert leaf.totals["submitted"] == "5.0"
            assert (leaf.facts["uncounted"], leaf.facts["awarded"]) == (2, "0")


def test_deadline_when_computed_then_end_of_the_nth_working_day_at_china_time() -> None:  # PR-80
    end, provisional = deadline_after(WORKING_DAYS[State.DELIVERING], datetime(2026, 9, 29, 1, tzinfo=UTC))
    assert not provisional
    assert end.astimezone(CHINA) == datetime(
        2026, 10, 10, tzinfo=CHINA
    )  # 30 September, 8 and 9 October: the holiday week between does not count


def test_deadline_when_a_weekend_day_is_worked_then_it_counts() -> None:  # PR-80
    assert add_working_days(date(2026, 2, 13), 1) == (date(2026, 2, 14), False)  # a Saturday made up for the spring festival


def test_deadline_when_past_the_holiday_table_then_weekdays_and_provisional() -> None:  # PR-81
    assert add_working_days(date(2040, 1, 6), 1) == (date(2040, 1, 9), True)
    assert State.SETTLED not in WORKING_DAYS


async def test_lane_when_two_messages_are_owed_for_one_case_then_only_the_first_is_due(tmp_path: Path) -> None:  # PR-92
    async with region(tmp_path) as world:
        transfer = await opened(world)
        due = await world.gateway.parts.mailbox.dispatcher.due("CN-32", 10, at_once=True)
        assert [row.transfer for row in due] == [transfer]
        assert len(due) == 1


async def test_case_when_consent_ran_out_then_not_delivered(tmp_path: Path) -> None:  # PR-95
    async with region(tmp_path) as world:
        await opened(world)
        world.clock.advance(days=61)
        asked = world.message("CN-32", "collect", [])
        heard = await world.gateway.parts.mailbox.collect(asked.raw, TARGET)
        assert json.loads(heard.body)["messages"] == []
