"""Jiangsu's adapter over generated records and damaged bytes."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.jiangsu.adapter import build
from gateway.adapters.jiangsu.row import OPERATIONS
from gateway.errors import FormatError, RecordError
from gateway.formats.soap import base64_text, write_soap
from gateway.model.identifiers import jiangsu_account_for
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, PartManifest

SAMPLES = Path(__file__).parents[2] / "gateway/adapters/jiangsu/samples"
CONTENTS = [path.read_bytes() for folder in ("good", "bad", "feed") for path in sorted((SAMPLES / folder).iterdir())]
IDS = PartManifest(ids={row: f"R{row}" for row in range(1, 60)})
BOTH = [build({}), build({"render_as": "bare"})]

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\ufffe\uffff", exclude_categories=["Cc"]) | st.sampled_from(
    "\t\n\r<>&'\"䶮\ue81e"
)
TEXT = st.text(CHARACTERS, max_size=12)
TITLE = TEXT.map(lambda text: f"课{text}")
NUMBER = st.decimals(0, 9999, places=1).map(lambda number: f"{number:f}")
OPTIONAL = {
    "KC@DM": TEXT,
    "KC@XZ": st.sampled_from(["B", "X", ""]),
    "ZS@MC": TEXT,
    "ZS@BH": TEXT,
    "ZS@JB": st.sampled_from(["1", "5", ""]),
    "XS": NUMBER,
    "XF": NUMBER | st.just(""),
    "DJ": st.sampled_from(["1", "7", ""]),
    "FZDW": TEXT,
    "FZDW@DM": st.sampled_from(["", "4232051256", "513200005098812349"]),
    "HDRQ": st.sampled_from(["", "20230630", "20231100", "20230000"]),
    "YXQZ": st.sampled_from(["", "20330630", "20240000"]),
    "BZ": TEXT,
    "BZ@LY": TEXT,
    "FJ/WJ": TEXT,
    "FJ/WJ[2]@MC": TEXT,
    "FJ/WJ[2]": TEXT,
}


@st.composite
def record_values(draw):
    values = {"KC@MC": draw(TITLE), "@LB": draw(st.sampled_from(["01", "02", "05", "06", "07", "08"]))}
    values |= draw(st.fixed_dictionaries({}, optional=OPTIONAL))
    if "FJ/WJ[2]@MC" in values:
        values.setdefault("FJ/WJ[2]", "")
    if "FJ/WJ[2]" in values:
        values.setdefault("FJ/WJ", "")
    for path, element in (("BZ@LY", "BZ"), ("DJ", "DJ@KJ")):
        if path in values:
            values.setdefault(element, "JSLOF" if element == "DJ@KJ" else "")
    if "FZDW@DM" in values:
        values.setdefault("FZDW", "")
    grade = draw(st.sampled_from([None, ("DJ", "优"), ("HG", "0"), ("BF", "99.5")]))
    return values if grade is None else {**values, "CJ@LX": grade[0], "CJ": grade[1]}


@st.composite
def parts(draw):
    records = []
    for row, values in enumerate(draw(st.lists(record_values(), min_size=1, max_size=4)), 1):
        code = draw(st.sampled_from("XGC"))
        records.append(LocalRecord(f"R{row}", OPERATIONS[code], row, "CG", {"@XH": str(row), "@CZ": code, **values}))
    name = draw(TEXT.map(lambda text: "名" + text.replace("?", "").replace("？", "").replace("\ufffd", "")))
    learner = LocalLearner(jiangsu_account_for(draw(st.integers(0, 9_999_999))), None, None, name)
    return LocalPart("jiangsu", "1.4", learner, {"CGPC@PCH": "P1", "CGPC@BB": "1.4"}, tuple(records))


def content_of(part):
    return [(record.record_id, record.operation, record.row, record.form, record.values) for record in part.records]


@given(parts(), st.sampled_from(BOTH))
def test_part_when_written_and_read_then_the_same_records(part, adapter):
    again = adapter.parse(adapter.render(part), IDS)
    assert again.quarantined == ()
    assert content_of(again) == content_of(part)
    assert again.learner == part.learner
    assert adapter.parse(adapter.render(again), IDS) == again


@given(parts())
def test_part_when_split_as_a_feed_then_every_row_is_accounted_for_and_parts_read_back(part):
    adapter = BOTH[0]
    feed = adapter.split(adapter.render(part), PartManifest(), {})
    rows = [row for cut in feed.parts for row in cut.rows] + [item.row for item in feed.quarantined]
    assert sorted(rows) == [record.row for record in part.records]
    for cut in feed.parts:
        read = adapter.parse(cut.content, cut.manifest)
        assert [record.values for record in read.records] == [part.records[row - 1].values for row in cut.rows]


def damage(content, edits):
    for place, cut, put in edits:
        at = place % (len(content) + 1)
        content = content[:at] + put + content[at + cut :]
    return content


EDITS = st.lists(
    st.tuples(
        st.integers(0, 20_000), st.integers(0, 12), st.binary(max_size=6) | st.sampled_from([b"<", b"&", b'"', b"\x80", b"<CG/>", b"\0"])
    ),
    min_size=1,
    max_size=4,
)


def accounted(content):
    try:
        part = BOTH[0].parse(content, IDS)
        feed = BOTH[0].split(content, PartManifest(), {})
    except (FormatError, RecordError):
        return True
    return feed.rows_read == part.rows_read == sum(len(cut.rows) for cut in feed.parts) + len(feed.quarantined)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CONTENTS), EDITS, st.booleans())
def test_sample_when_bytes_are_damaged_then_only_format_and_record_errors(content, edits, wrapped):
    damaged = damage(content, edits)
    if wrapped:
        damaged = write_soap(f'<js:pushCg xmlns:js="urn:jsxfyh:1.4"><js:data>{base64_text(damaged)}</js:data></js:pushCg>')
    assert accounted(damaged)


@given(st.binary(max_size=200))
def test_any_bytes_when_parsed_then_only_format_and_record_errors(content):
    assert accounted(content)
