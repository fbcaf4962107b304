"""For values of every province: there and back restores everything that no line declares lost, and every report balances."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from support.mapping_parts import FORMS, MEMBERS, VERSIONS, mapper

from gateway.mapping.loss import balances
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, LocalValue, Operation
from gateway.model.regional import Fate

GONE = (Fate.DROPPED, Fate.REFUSED)
words = st.text(alphabet="管理学基础会计ABCab 12()·（）", min_size=1, max_size=12)
anything = st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=30) | words
decimals = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,2})?", fullmatch=True)
days = st.dates()
stamps = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"))
numbers = st.sampled_from(["S000032000117234000456", "2233000000401187", "X-1"])
institutes = st.sampled_from(["上海开放大学黄浦分校", "上海开放大学(黄浦)", "黄浦区老年大学", "安徽继续教育网络园区", "某中心"])
issuer_codes = st.sampled_from(["513200005098812349", "4232051256", "12340000485009010C", "bad", "12340000485009010c"])

RECORDS: Mapping[str, dict[str, dict[str, st.SearchStrategy[LocalValue]]]] = {
    "shanghai": {
        "credit": {
            "course_name": words,
            "course_property": st.sampled_from([30, 31, 32]),
            "course_result_code": st.sampled_from([40, 41]),
            "course_score": st.integers(-1, 101),
            "course_season": st.sampled_from([50, 51]),
            "course_subject": words,
            "course_year": st.sampled_from(["2022", "2023"]),
            "credit": st.integers(0, 20),
            "credit_hour": st.integers(0, 400),
            "experience_time": stamps,
            "inst_name": institutes,
            "learning_stage": st.sampled_from([20, 21, 31]),
            "unheard": words,
        },
        "certificate_experience": {
            "certificate_level": st.sampled_from(["四级", "高级", "五级/初级工"]),
            "certificate_name": words,
            "experience_time": stamps,
            "inst_name": institutes,
        },
        "training": {
            "project_name": words,
            "inst_name": institutes,
            "have_project_certificate": st.sampled_from([1, 2]),
            "experience_time": stamps,
        },
    },
    "jiangsu": {
        "CG": {
            "@XH": st.sampled_from(["1", "2"]),
            "@LB": st.sampled_from([f"{number:02d}" for number in range(1, 10)]),
            "@CZ": st.sampled_from(["X", "G", "C"]),
            "KC@DM": words,
            "KC@MC": words,
            "KC@XZ": st.sampled_from(["B", "X", "G"]),
            "ZS@MC": words,
            "ZS@BH": numbers,
            "ZS@JB": st.sampled_from(["1", "5", "6"]),
            "XS": decimals,
            "XF": decimals,
            "CJ": st.sampled_from(["良", "优", "1", "0", "88", "87.5", "101"]),
            "CJ@LX": st.sampled_from(["DJ", "HG", "BF"]),
            "DJ": st.sampled_from(["1", "3", "7", "8"]),
            "DJ@KJ": st.sampled_from(["JSLOF", "EQF"]),
            "FZDW": institutes,
            "FZDW@DM": issuer_codes,
            "HDRQ": days.map(lambda day: day.strftime("%Y%m%d")) | st.sampled_from(["20231100", "20230000"]),
            "YXQZ": days.map(lambda day: day.strftime("%Y%m%d")) | st.just(""),
            "BZ": words,
        },
    },
    "zhejiang": {
        form: {
            "achType": st.just(form),
            "op": st.sampled_from(["DEPOSIT", "REVOKE"]),
            "title": words,
            "subType": st.sampled_from(["required", "elective", "minor"]),
            "level.code": st.sampled_from(["L1a", "L3b", "L6b", "L7a"]),
            "level.framework": st.just("ZJ-LX"),
            "period.startAt": st.none() | st.integers(0, 2 * 10**12) | st.just(1677600000000),
            "period.endAt": st.none() | st.just(1688054400000),
            "provider.platform": words,
            "provider.uscc": issuer_codes,
            "result.scale": st.sampled_from(["GPA5", "PASS", "PERCENT", "LEVEL5"]),
            "result.value": st.sampled_from(["3.75", "P", "F", "88", "良好", "优"]),
            "result.percent": st.none() | st.sampled_from(["87.5", "088", "88", "59"]),
            "workload.creditValue": st.none() | decimals,
            "workload.minutes": st.none() | st.integers(0, 9000),
            "workload.points": decimals,
            "cert.no": numbers,
            "cert.name": words,
            "cert.issuer": institutes,
            "cert.skillLevel": st.sampled_from(["四级/中级工", "高级"]),
            "chain.height": st.integers(0, 9),
            "reason": words,
        }
        for form in ("MOOC_COURSE", "VOC_CERT", "QUAL_CERT", "COMMUNITY")
    },
    "anhui": {
        "row": {
            "序号": st.sampled_from(["", "1"]),
            "成果名称": words,
            "成果类型": st.sampled_from(["学历课程", "证书", "社区教育", "在线课程", "其他"]),
            "课时": st.sampled_from(["64(48+16)", "64 (48+16)", "６４", "80", "12次", "—", "", "32+32"]),
            "学分": st.sampled_from(["3.5学分", "3", "3.50", "—", ""]),
            "成绩": st.sampled_from(["良好", "良", " 良好", "78/100", "合格", "二级甲等", "参加", "", "—", "78"]),
            "发证单位": institutes,
            "证书编号": numbers | st.just(""),
            "取得时间": st.sampled_from(
                ["2023年6月", "2023/6/30", "2023-06-30", "2019-9", "2024.3.1-2024.5.31", "2023年", "", "—", "45107"]
            ),
            "备注": words | st.just("五级/初级工") | st.just(""),
            "自定义": words,
        },
    },
}
PARTS: Mapping[str, dict[str, st.SearchStrategy[LocalValue]]] = {
    "shanghai": {
        "channel": st.sampled_from(["shcreditbank", "other"]),
        "cb_id": st.just("100238845511"),
        "trace_no": words,
        "credit_num": st.integers(0, 9),
    },
    "jiangsu": {
        "CGPC@PCH": words,
        "CGPC@TS": st.just("2"),
        "CGPC@BB": st.sampled_from(["1.4", "1.3"]),
        "XXZ@ZH": st.just("JS320519000421770"),
        "XXZ@LX": st.just("G"),
        "XXZ/XM": words,
        "XXZ/SFZJ": st.just("320508198811113025"),
        "XXZ/XBM": st.sampled_from(["1", "2", "7"]),
        "XXZ/MZM": st.sampled_from(["01", "97", "99"]),
        "XXZ/XLM": st.sampled_from(["31", "42", "62", "90", "28", "99"]),
        "XXZ/XLM@BB": st.sampled_from(["1984", "2006", "1999"]),
        "Sec/Sign": words,
    },
    "zhejiang": {
        "version": st.just("2.3"),
        "batchId": words,
        "count": st.integers(0, 9),
        "learner.zheXueMa": st.just("ZX7K-3M9Q-P4T8-W2A3"),
        "learner.nameMasked": st.just("陈*"),
        "learner.idDigest": st.just("sm3:" + "a" * 64),
    },
    "anhui": {"姓名": words, "身份证号": st.just("340111197906155039"), "所在单位": words, "期间": st.just("2023-06")},
}
ACCOUNTS = {"shanghai": "100238845511", "jiangsu": "JS320519000421770", "zhejiang": "ZX7K3M9QP4T8W2A3", "anhui": ""}
OPERATIONS = {"X": Operation.DEPOSIT, "G": Operation.CHANGE, "C": Operation.CANCEL, "REVOKE": Operation.CANCEL}
ID_PATHS = {"credit": "credit_outer_id", "certificate_experience": "cert_exp_outer_id", "training": "training_outer_id"}
REQUIRED = {"course_name", "certificate_name", "project_name", "@LB", "@CZ", "KC@MC", "achType", "op", "title", "成果名称", "成果类型"}


def some_of(strategies: Mapping[str, st.SearchStrategy[LocalValue]]) -> st.SearchStrategy[dict[str, LocalValue]]:
    required = {path: found for path, found in strategies.items() if path in REQUIRED}
    return st.fixed_dictionaries(required, optional={path: found for path, found in strategies.items() if path not in REQUIRED})


@st.composite
def parts(draw: st.DrawFn, region: str) -> LocalPart:
    records = []
    for row in range(1, draw(st.integers(1, 3)) + 1):
        form = draw(st.sampled_from(sorted(RECORDS[region])))
        values = draw(some_of(RECORDS[region][form]))
        id_path = "achId" if region == "zhejiang" else ID_PATHS.get(form)
        if id_path:
            values[id_path] = f"R{row}"
        operation = OPERATIONS.get(str(values.get("@CZ", values.get("op", ""))), Operation.DEPOSIT)
        records.append(LocalRecord(f"R{row}", operation, row, form, values))
    return LocalPart(region, VERSIONS[region], LocalLearner(ACCOUNTS[region]), draw(some_of(PARTS[region])), tuple(records))


def check(part: LocalPart) -> None:
    """Balance both ways, restoration at home, and a rendering for every other bank."""
    mapped = mapper().to_regional(part, MEMBERS[part.region])
    read = len(part.values) + sum(len(record.values) for record in part.records)
    assert mapped.loss.values_read == read
    assert balances(mapped.loss)
    assert len(mapped.part.records) + len(mapped.refused) == len(part.records)
    gone = {(line.record, line.path) for line in mapped.loss.losses if line.fate in GONE}
    back = mapper().to_local(mapped.part, part.region)
    assert balances(back.loss)
    assert restored(part.values, back.part.values, "", gone)
    mine = {record.record_id: record for record in part.records}
    for record in back.part.records:
        first = mine[record.record_id]
        assert (record.form, record.operation) == (first.form, first.operation)
        assert restored(first.values, record.values, record.record_id, gone)
        assert {path for path, value in record.values.items() if value not in (None, "")} <= first.values.keys()
    for target in MEMBERS:
        assert balances(mapper().to_local(mapped.part, target).loss)


def restored(first: Mapping[str, LocalValue], back: Mapping[str, LocalValue], record: str, gone: set[tuple[str, str]]) -> bool:
    """Every value is there again, of the same type, unless a line says that it is gone."""
    for path, value in first.items():
        if (record, path) not in gone:
            assert back.get(path) == value or (value in (None, "") and not back.get(path)), path
            assert value in (None, "") or type(back.get(path)) is type(value), path
    return True


@settings(deadline=None)
@given(parts("shanghai"))
def test_shanghai_then_returns_as_it_was(part):
    check(part)


@settings(deadline=None)
@given(parts("jiangsu"))
def test_jiangsu_then_returns_as_it_was(part):
    check(part)


@settings(deadline=None)
@given(parts("zhejiang"))
def test_zhejiang_then_returns_as_it_was(part):
    check(part)


@settings(deadline=None)
@given(parts("anhui"))
def test_anhui_then_returns_as_it_was(part):
    check(part)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_values_at_all_then_are_accounted_for_without_an_exception(data):
    region = data.draw(st.sampled_from(sorted(MEMBERS)))
    plan = mapper().ruleset(region).plans[FORMS[region]]
    paths = sorted(plan.mapped | plan.kept | set(plan.dropped))
    values = data.draw(st.dictionaries(st.sampled_from(paths) | words, anything, max_size=12))
    part = LocalPart(region, "", LocalLearner(""), {}, (LocalRecord("R1", Operation.DEPOSIT, 1, FORMS[region], values),))
    mapped = mapper().to_regional(part, MEMBERS[region])
    assert balances(mapped.loss)
    assert mapped.loss.values_read == len(values)
    for target in MEMBERS:
        assert balances(mapper().to_local(mapped.part, target).loss)
