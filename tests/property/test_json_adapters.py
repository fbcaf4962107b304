"""Shanghai and Zhejiang for all inputs: what is written reads back the same, and damage has a name.

Bounded by design: small parts, a few hundred examples each.
"""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import FormatError, RecordError
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, LocalValue, Operation
from tests.support.json_provinces import (
    CB_ID,
    NO_MANIFEST,
    OTHER_CB_ID,
    OTHER_CODE,
    ROOT,
    batch,
    chained,
    credit,
    deposit,
    encode,
    push,
    revoke,
    shanghai,
    zhejiang,
)

SHANGHAI, ZHEJIANG = shanghai(), zhejiang()
SAMPLES = {
    SHANGHAI: (ROOT / "gateway/adapters/shanghai/samples/good/sh.json").read_bytes(),
    ZHEJIANG: (ROOT / "gateway/adapters/zhejiang/samples/good/zj.json").read_bytes(),
}
letters = st.characters(
    exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"], exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
texts = st.text(letters, min_size=1, max_size=30).filter(lambda text: bool(text.strip()))
ids = st.text("ABCDEFGHIJ-0123456789", min_size=1, max_size=20)
moments = st.datetimes().filter(lambda moment: 1900 <= moment.year <= 2200).map(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}".zfill(19))
extras = st.dictionaries(
    st.text("abcxyz_", min_size=1, max_size=8).map("x_".__add__), texts | st.integers(-(10**9), 10**9) | st.none(), max_size=2
)


def optional(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, LocalValue]]:
    return st.fixed_dictionaries({}, optional={path: values | st.none() for path, values in fields.items()})


SHANGHAI_FIELDS: dict[str, tuple[str, dict[str, st.SearchStrategy[Any]]]] = {
    "credit": (
        "course_name",
        {
            "course_property": st.sampled_from([30, 31]),
            "course_result_code": st.sampled_from([40, 41]),
            "course_score": st.integers(0, 100),
            "course_season": st.sampled_from([50, 51]),
            "course_subject": texts,
            "course_year": st.integers(1900, 2199).map(str),
            "credit": st.integers(0, 999),
            "credit_hour": st.integers(0, 99_999),
            "experience_time": moments,
            "inst_name": texts,
            "learning_stage": st.sampled_from([20, 21]),
        },
    ),
    "certificate_experience": ("certificate_name", {"certificate_level": texts, "experience_time": moments, "inst_name": texts}),
    "training": (
        "project_name",
        {"have_project_certificate": st.sampled_from([1, 2]), "experience_time": moments, "inst_name": texts},
    ),
}
sizes = st.decimals(0, 999, places=2).map(str)
ZHEJIANG_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "subType": texts,
    "level.framework": st.just("JSLOF"),
    "level.code": texts,
    "period.startAt": st.integers(-(10**12), 0) | st.integers(5 * 10**9, 7 * 10**12),
    "period.endAt": st.integers(5 * 10**9, 7 * 10**12),
    "provider.platform": texts,
    "provider.uscc": texts,
    "result.scale": st.sampled_from(["LEVEL5", "PUTONGHUA", "ATTENDANCE"]),
    "result.value": texts,
    "result.percent": st.decimals(0, 100, places=1).map(str),
    "workload.creditValue": sizes,
    "workload.minutes": st.integers(0, 10**8),
    "workload.points": sizes,
    "cert.no": texts,
    "cert.name": texts,
    "cert.issuer": texts,
    "cert.skillLevel": texts,
}


@st.composite
def shanghai_parts(draw: st.DrawFn) -> LocalPart:
    records = []
    for record_id in draw(st.lists(ids, unique=True, max_size=5)):
        form = draw(st.sampled_from(sorted(SHANGHAI_FIELDS)))
        name, fields = SHANGHAI_FIELDS[form]
        values = {name: draw(texts)} | draw(optional(fields)) | draw(extras)
        records.append(LocalRecord(record_id, Operation.DEPOSIT, len(records) + 1, form, values))
    account = draw(st.sampled_from(["", CB_ID]))
    return LocalPart("shanghai", "1", LocalLearner(account), draw(extras) | draw(optional({"pushed_at": moments})), tuple(records))


@st.composite
def zhejiang_parts(draw: st.DrawFn) -> LocalPart:
    records = []
    for record_id in draw(st.lists(ids, unique=True, min_size=1, max_size=4)):
        operation = draw(st.sampled_from([Operation.DEPOSIT, Operation.CANCEL]))
        values = {"title": draw(texts)} | draw(optional(ZHEJIANG_FIELDS)) | draw(extras)
        if operation is Operation.CANCEL:
            values |= draw(optional({"reason": texts}))
        records.append(LocalRecord(record_id, operation, len(records) + 1, draw(st.sampled_from(["MOOC_COURSE", "VOC_CERT"])), values))
    account = draw(st.sampled_from(["", OTHER_CODE.replace("-", "")]))
    return LocalPart("zhejiang", "2.3", LocalLearner(account, name=draw(st.none() | texts)), draw(extras), tuple(records))


def kept(record: LocalRecord) -> tuple[object, ...]:
    """What a record is, without the chain of whoever wrote it, and with the id, form and operation out of its values."""
    said = (
        "chain.height",
        "chain.prevHash",
        "chain.hash",
        "op",
        "achId",
        "achType",
        "credit_outer_id",
        "cert_exp_outer_id",
        "training_outer_id",
    )
    values = {path: value for path, value in record.values.items() if path not in said and not (path == "reason" and value is None)}
    return record.record_id, record.form, record.operation, values


@given(shanghai_parts())
@settings(max_examples=200, deadline=None)
def test_shanghai_when_rendered_then_parsed_the_same(part: LocalPart) -> None:
    again = SHANGHAI.parse(SHANGHAI.render(part), NO_MANIFEST)
    assert {record.record_id: kept(record) for record in again.records} == {record.record_id: kept(record) for record in part.records}
    assert len(again.records) == len(part.records)
    assert again.learner == part.learner
    assert SHANGHAI.render(again) == SHANGHAI.render(part)
    assert part.values.items() <= again.values.items()


@given(zhejiang_parts())
@settings(max_examples=200, deadline=None)
def test_zhejiang_when_rendered_then_parsed_the_same(part: LocalPart) -> None:
    again = ZHEJIANG.parse(ZHEJIANG.render(part), NO_MANIFEST)
    assert list(map(kept, again.records)) == list(map(kept, part.records))
    assert again.learner.account == part.learner.account
    assert ZHEJIANG.render(again) == ZHEJIANG.render(part)
    assert part.values.items() <= again.values.items()


@st.composite
def mutated(draw: st.DrawFn, raw: bytes) -> bytes:
    """A few bytes cut out, put in or changed."""
    content = bytearray(raw)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        cut = draw(st.integers(0, 12))
        content[place : place + cut] = draw(
            st.binary(max_size=6) | st.sampled_from([b'"', b"{", b"}", b"[", b"]", b",", b"null", b"1e9", b"\\u0000", b"true"])
        )
    return bytes(content)


@st.composite
def damaged(draw: st.DrawFn, raw: bytes) -> bytes:
    """One place of the JSON tree replaced by something else, so that what is behind the decoder is reached."""
    tree = json.loads(raw)
    holder, key = tree, draw(st.sampled_from(sorted(tree)))
    while isinstance(holder[key], dict | list) and holder[key] and draw(st.integers(0, 3)):
        holder = holder[key]
        key = draw(st.sampled_from(sorted(holder)) if isinstance(holder, dict) else st.integers(0, len(holder) - 1))
    replacement = draw(
        st.sampled_from([None, True, 0, -1, 2**70, 1.5, "", "x" * 300, "\u0000", [], [[]], {}, {"a": {"b": []}}, [None], "DELETE"])
    )
    if replacement == "DELETE":
        del holder[key]
    else:
        holder[key] = replacement
    return json.dumps(tree).encode()


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_parse_and_split_when_bytes_are_damaged_then_format_or_record_error_and_rows_add_up(data: st.DataObject) -> None:
    adapter = data.draw(st.sampled_from([SHANGHAI, ZHEJIANG]))
    raw = SAMPLES[adapter]
    content = data.draw(st.one_of(mutated(raw), damaged(raw), st.binary(max_size=60)))
    try:
        part = adapter.parse(content, NO_MANIFEST)
    except (FormatError, RecordError):
        pass
    else:
        rows = [r.row for r in part.records] + [q.row for q in part.quarantined] + [left.row for left in part.ignored]
        assert sorted(rows) == list(range(1, part.rows_read + 1))
    try:
        feed = adapter.split(content, NO_MANIFEST, {})
    except (FormatError, RecordError):
        return
    rows = [row for one in feed.parts for row in one.rows] + [q.row for q in feed.quarantined] + [left.row for left in feed.ignored]
    assert sorted(rows) == list(range(1, feed.rows_read + 1))


@st.composite
def shanghai_feeds(draw: st.DrawFn) -> bytes:
    pushes = []
    for _ in range(draw(st.integers(0, 5))):
        rows = [credit(draw(st.integers(1, 4)), course_score=draw(st.integers(0, 101))) for _ in range(draw(st.integers(0, 3)))]
        pushes.append(push(*rows, cb_id=draw(st.sampled_from([CB_ID, OTHER_CB_ID, "bad"])), pushed_at=draw(moments)))
    return encode(pushes)


@st.composite
def zhejiang_feeds(draw: st.DrawFn) -> bytes:
    entries: list[object] = []
    for code in ("ZX7K-3M9Q-P4T0-001R", OTHER_CODE):
        kinds = draw(st.lists(st.sampled_from(["deposit", "revoke", "bad"]), max_size=5))
        numbers = [draw(st.integers(1, 3)) for _ in kinds]
        payloads = [
            revoke(n, code) if kind == "revoke" else deposit(n, code, **({"achType": "X"} if kind == "bad" else {}))
            for kind, n in zip(kinds, numbers, strict=True)
        ]
        entries += chained(*payloads)
    return encode(batch(draw(st.permutations(entries))))


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_split_when_any_feed_then_every_row_has_one_place_and_parts_read_without_faults(data: st.DataObject) -> None:
    adapter, feeds = data.draw(st.sampled_from([(SHANGHAI, shanghai_feeds()), (ZHEJIANG, zhejiang_feeds())]))
    feed = adapter.split(data.draw(feeds), NO_MANIFEST, {})
    rows = [row for part in feed.parts for row in part.rows] + [q.row for q in feed.quarantined] + [left.row for left in feed.ignored]
    assert sorted(rows) == list(range(1, feed.rows_read + 1))
    assert len({part.learner_key for part in feed.parts}) == len(feed.parts)
    for part in feed.parts:
        read = adapter.parse(part.content, part.manifest)
        assert read.quarantined == ()
        assert read.learner.account == part.learner_key
        assert read.records


def test_render_when_sizes_are_decimals_then_texts_or_integers_as_the_format_has_them() -> None:
    values: dict[str, LocalValue] = {"title": "x", "workload.minutes": Decimal("90.0"), "workload.points": Decimal("1.50")}
    part = LocalPart("zhejiang", "2.3", LocalLearner(""), {}, (LocalRecord("A", Operation.DEPOSIT, 1, "MOOC_COURSE", values),))
    read = ZHEJIANG.parse(ZHEJIANG.render(part), NO_MANIFEST).records[0].values
    assert (read["workload.minutes"], read["workload.points"]) == (90, "1.50")
