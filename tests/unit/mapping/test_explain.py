"""The explanation: the same rules watched, every step in plain words, nothing personal."""

import pytest
from support.mapping_parts import MEMBERS, PAIRS, codes, good_samples, mapper, part_of, sample

from gateway.mapping.explain import explain, render_explanation
from gateway.mapping.loss import MASK


@pytest.mark.parametrize(("region", "name"), good_samples())
def test_trace_then_ends_in_the_values_that_the_mapping_gives(region, name):
    part = sample(region, name)
    mapped = mapper().to_regional(part, MEMBERS[region])
    trace = explain(mapper(), part, MEMBERS[region])
    for record in mapped.part.records:
        last = {line.target: line.after for line in trace if line.record == record.record_id and line.after}
        assert set(record.values) <= set(last)
        for path, value in record.values.items():
            shown = ("true" if value else "false") if isinstance(value, bool) else str(value)
            assert last[path] == shown, path


def test_explanation_when_three_and_a_half_became_three_then_a_learner_reads_why():
    part = sample("jiangsu")
    text = render_explanation(explain(mapper(), part, "CN-32"), mapper().to_regional(part, "CN-32").loss, "zh", codes())
    for words in (
        "来源: XF = 3.5",
        "规则: js.declared",
        "由学时折算(理论/16 + 实践/32):45/16 + 18/32 = 3.375",
        "取较小者:min(3.5, 3.375) = 3.375",
        "向下取整到 0.5:3.375 → 3.0 区域学分",
        "结果: B (良好)",
        "XXZ/SFZJ = ***: 舍弃 (个人信息,按最小必要不转出)",
        "@XH = 1: 原样保留 (区域标准没有对应字段)",
    ):
        assert words in text


def test_explanation_in_english_then_says_the_same():
    part = sample("jiangsu")
    text = render_explanation(explain(mapper(), part, "CN-32"), mapper().to_regional(part, "CN-32").loss, "en", codes())
    for words in (
        "from: XF = 3.5",
        "rounded down to 0.5: 3.375 → 3.0 regional credits",
        "result: B (good)",
        "XXZ/SFZJ = ***: dropped (personal",
    ):
        assert words in text


def test_explanation_without_code_tables_then_prints_the_codes():
    part = sample("anhui")
    text = render_explanation(explain(mapper(), part, "CN-34"), mapper().to_regional(part, "CN-34").loss, "en")
    assert "身份证号 = ***: dropped (personal)" in text


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("region", list(MEMBERS))
def test_explanation_then_holds_no_personal_value(region, lang):
    part = sample(region)
    text = render_explanation(explain(mapper(), part, MEMBERS[region]), mapper().to_regional(part, MEMBERS[region]).loss, lang, codes())
    assert MASK in text
    for value in (part.learner.account, part.learner.citizen_id, part.learner.id_digest, part.learner.name):
        assert not value or value not in text


def test_explanation_of_a_refused_record_then_names_each_problem():
    part = part_of("jiangsu", {"@LB": "99", "@CZ": "X", "KC@MC": "x", "CJ": "良"})
    mapped = mapper().to_regional(part, "CN-32")
    text = render_explanation(explain(mapper(), part, "CN-32"), mapped.loss, "zh", codes())
    assert "拒绝:代码不在所声明的代码集中(row 1: @LB)" in text
    assert "拒绝:代码未注明代码集及版本,含义不明(row 1: CJ)" in text
    assert "@LB = 99: 拒绝 (未知代码)" in text


def test_explanation_of_an_unknown_class_then_says_so():
    part = part_of("shanghai", {"course_name": "x"}, form="volunteering")
    trace = explain(mapper(), part, "CN-31")
    assert trace[-1].note_en == "refused: the mapping rules do not know this class of record (row 1: form)"


def test_trace_then_notes_kept_spellings_assumptions_and_one_way_rules():
    trace = explain(mapper(), sample("shanghai"), "CN-31")
    by_target = {(line.record, line.target): line for line in trace if line.after}
    assert by_target["SHC20230098812", "result.scale"].note_zh == "采用默认或假定"
    assert by_target["SHT2024000917", "date.awarded"].note_en == "the source's own spelling is kept beside it"
    kept = explain(mapper(), part_of("anhui", {"成果名称": "x", "成果类型": "培训", "学分": "—"}), "CN-34")
    assert "原值保留,未作解释" in {line.note_zh for line in kept}


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_loss_report_of_the_way_back_then_can_be_printed_too(source, target):
    mapped = mapper().to_regional(sample(source), MEMBERS[source])
    text = render_explanation((), mapper().to_local(mapped.part, target).loss, "zh", codes())
    assert "(to_local)" in text
    assert "舍弃" in text
