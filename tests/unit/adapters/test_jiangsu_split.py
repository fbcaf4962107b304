"""A feed of many learners cut into parts: nothing lost, ids stable, damaged rows left at the bank."""

from collections import Counter
from pathlib import Path

import pytest

from gateway.adapters.jiangsu.adapter import build
from gateway.errors import RecordError
from gateway.formats.gb18030 import decode_gb18030, encode_gb18030
from gateway.formats.soap import base64_bytes, read_soap
from gateway.formats.xml_safe import children
from gateway.model.identifiers import jiangsu_account_for
from gateway.model.local import Operation, PartManifest

SAMPLES = Path(__file__).parents[3] / "gateway/adapters/jiangsu/samples"
JIANGSU = build({})
FIRST, SECOND = jiangsu_account_for(200000), jiangsu_account_for(200001)


def feed_text():
    (data,) = children(read_soap((SAMPLES / "feed/four-learners.xml").read_bytes(), understood=["{urn:jsxfyh:1.4}Sec"]).body)
    return decode_gb18030(base64_bytes(data)).text


def split(text, known=None, settings=None):
    return build(settings or {}).split(encode_gb18030(text), PartManifest(), known or {})


def one_learner(*changes):
    text = decode_gb18030((SAMPLES / "good/js.xml").read_bytes()).text
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def ids(feed):
    return [number for part in feed.parts for number in part.manifest.ids.values()]


def test_feed_when_split_then_rows_read_are_rows_of_parts_and_quarantined():
    feed = JIANGSU.split((SAMPLES / "feed/four-learners.xml").read_bytes(), PartManifest(), {})
    assert feed.rows_read == 11
    rows = [row for part in feed.parts for row in part.rows] + [item.row for item in feed.quarantined]
    assert sorted(rows) == list(range(1, 12))
    assert feed.ignored == ()
    assert {item.row: [problem.code for problem in item.problems] for item in feed.quarantined} == {
        1: ["record.no_learner"],
        5: ["record.impossible_date"],
        6: ["record.ambiguous_id"],
        7: ["record.ambiguous_id"],
        8: ["record.bad_check_digit"],
        10: ["record.identity_conflict"],
        11: ["record.identity_conflict"],
    }
    assert [(part.learner_key, part.rows, part.manifest.period) for part in feed.parts] == [
        (FIRST, (2, 3), "2024-08"),
        (SECOND, (4,), "2024-08"),
        (FIRST, (9,), "2024-08"),
    ]
    assert feed.warnings == ("signature_not_checked",)


def test_parts_when_parsed_with_their_manifests_then_no_fault_and_one_learner_each():
    feed = split(feed_text())
    for part in feed.parts:
        read = JIANGSU.parse(part.content, part.manifest)
        assert read.learner.account == part.learner_key
        assert [record.record_id for record in read.records] == list(part.manifest.ids.values())
        assert (read.quarantined, len(read.records)) == ((), len(part.rows))
        assert read.warnings == ()
        assert part.natural_keys.keys() == part.manifest.ids.keys()
        assert part.media_type in JIANGSU.media_types


def test_ids_when_given_then_unique_and_without_personal_data():
    text = feed_text()
    feed = split(text)
    assert max(Counter(ids(feed)).values()) == 1
    for number in ids(feed):
        assert number.startswith("JS-")
        assert not any(digits in number for digits in ("320519", "320508", "320102"))


def test_ids_when_feed_is_split_again_or_grade_changes_then_the_same():
    before = split(one_learner())
    changed = one_learner(('LB="01" CZ="X"', 'LB="01" CZ="G"'), (">良<", ">优<"), ("<XF>3.5", "<XF>4"), ("JS20240703001", "JS20240809003"))
    after = split(changed)
    assert ids(split(one_learner())) == ids(before) == ids(after)
    assert JIANGSU.parse(after.parts[0].content, after.parts[0].manifest).records[0].operation is Operation.CHANGE


@pytest.mark.parametrize(
    ("old", "new"),
    [("JS320519000421770", FIRST), ("20230630", "20220630"), ("JSKD-1204-0032", "JSKD-1204-0033"), ('LB="01"', 'LB="02"')],
)
def test_ids_when_learner_term_course_or_class_differs_then_another(old, new):
    assert ids(split(one_learner((old, new))))[0] != ids(split(one_learner()))[0]


def test_ids_when_known_before_then_reused():
    first = split(one_learner()).parts[0]
    known = {first.natural_keys[1]: "JS-OLD-1"}
    assert ids(split(one_learner(), known)) == ["JS-OLD-1", first.manifest.ids[2]]


def test_ids_when_two_keys_are_known_under_one_id_then_ambiguous():
    first = split(one_learner()).parts[0]
    feed = split(one_learner(), dict.fromkeys(first.natural_keys.values(), "JS-OLD-1"))
    assert feed.parts == ()
    assert {problem.code for item in feed.quarantined for problem in item.problems} == {"record.ambiguous_id"}


def test_ids_when_salt_differs_then_others():
    assert set(ids(split(one_learner()))).isdisjoint(ids(split(one_learner(), settings={"record_id_salt": "other"})))


def test_course_without_a_code_when_split_then_known_by_its_title():
    untitled = one_learner((' DM="JSKD-1204-0032"', ""))
    renamed = one_learner((' DM="JSKD-1204-0032"', ""), ("管理学基础", "管理学原理"))
    assert ids(split(untitled))[0] not in {ids(split(renamed))[0], ids(split(one_learner()))[0]}


def test_feed_when_its_counter_is_wrong_then_refused_whole():
    with pytest.raises(RecordError) as caught:
        split(one_learner(('TS="2"', 'TS="5"')))
    assert caught.value.code == "record.counter_mismatch"


def test_learner_when_account_is_pending_then_rows_stay_at_the_bank():
    feed = split(one_learner(('ZH="JS320519000421770"', 'ZH="" ZHZT="DQR"')))
    assert feed.parts == ()
    assert {(problem.path, problem.code) for item in feed.quarantined for problem in item.problems} == {("XXZ@ZH", "record.missing")}


def test_feed_when_written_bare_then_parts_are_bare():
    feed = split(one_learner(), settings={"render_as": "bare"})
    assert feed.parts[0].media_type == "application/xml"
    assert feed.parts[0].content.startswith(b'<?xml version="1.0" encoding="GB18030"?>')


def test_feed_when_it_names_its_period_then_the_manifest_keeps_it():
    feed = JIANGSU.split(encode_gb18030(one_learner()), PartManifest(period="2024-Q2"), {})
    assert feed.parts[0].manifest.period == "2024-Q2"
