"""Jiangsu's adapter on its samples: what is read, what is refused, what is quarantined, under which code."""

from pathlib import Path

import pytest

from gateway.adapters.jiangsu.adapter import build
from gateway.errors import FormatError, RecordError
from gateway.formats.gb18030 import decode_gb18030, encode_gb18030
from gateway.model.identifiers import jiangsu_account_for
from gateway.model.local import LocalPart, Operation, PartManifest

SAMPLES = Path(__file__).parents[3] / "gateway/adapters/jiangsu/samples"
GOOD = sorted((SAMPLES / "good").iterdir())
BAD = sorted((SAMPLES / "bad").iterdir())
IDS = PartManifest("2024-07", {row: f"JS-T{row:02d}" for row in range(1, 60)})
JIANGSU = build({})


def parse(text, settings=None, manifest=IDS):
    return build(settings or {}).parse(encode_gb18030(text), manifest)


def sample(name):
    return decode_gb18030((SAMPLES / "good" / name).read_bytes()).text


def edited(*changes, name="js.xml"):
    text = sample(name)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def refusal(text, settings=None):
    with pytest.raises((FormatError, RecordError)) as caught:
        parse(text, settings)
    return caught.value


def quarantine_of(part, row):
    return {(problem.path, problem.code) for item in part.quarantined if item.row == row for problem in item.problems}


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_sample_when_parsed_then_every_row_is_a_record(path):
    part = JIANGSU.parse(path.read_bytes(), IDS)
    assert part.records
    assert (part.quarantined, part.ignored) == ((), ())
    assert part.values["CGPC@TS"] == str(part.rows_read)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_sample_when_written_and_read_again_then_same_records_and_learner(path):
    part = JIANGSU.parse(path.read_bytes(), IDS)
    again = JIANGSU.parse(JIANGSU.render(part), IDS)
    assert (again.records, again.learner, again.version) == (part.records, part.learner, part.version)
    assert again.values == {key: value for key, value in part.values.items() if not key.startswith("Sec/")}


def codes_of(content):
    try:
        part = JIANGSU.parse(content, IDS)
    except (FormatError, RecordError) as error:
        return {error.code}
    assert part.rows_read == len(part.records) + len(part.quarantined)
    return {problem.code for row in part.quarantined for problem in row.problems}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_sample_when_parsed_then_the_code_of_its_name_and_no_other(path):
    assert codes_of(path.read_bytes()) == {path.name.partition("--")[0]}


def test_design_sample_when_parsed_then_its_facts():
    part = JIANGSU.parse((SAMPLES / "good/js.xml").read_bytes(), IDS)
    assert (part.region, part.version, part.warnings) == ("jiangsu", "1.4", ())
    assert part.learner.account == "JS320519000421770"
    assert (part.learner.citizen_id, part.learner.name, part.learner.id_digest) == ("320508198811113025", "李䶮", None)
    assert part.values == {
        "CGPC@PCH": "JS20240703001",
        "CGPC@CJSJ": "20240703102233",
        "CGPC@TS": "2",
        "CGPC@BB": "1.4",
        "XXZ@ZH": "JS320519000421770",
        "XXZ@LX": "G",
        "XXZ/XM": "李䶮",
        "XXZ/SFZJ": "320508198811113025",
        "XXZ/SFZJ@LXM": "1",
        "XXZ/XBM": "2",
        "XXZ/MZM": "01",
        "XXZ/XLM": "31",
        "XXZ/XLM@BB": "1984",
    }
    course, certificate = part.records
    assert (course.record_id, course.operation, course.row, course.form, course.issues) == ("JS-T01", Operation.DEPOSIT, 1, "CG", ())
    assert course.values == {
        "@XH": "1",
        "@LB": "01",
        "@CZ": "X",
        "KC@DM": "JSKD-1204-0032",
        "KC@MC": "管理学基础",
        "KC@XZ": "B",
        "XS": "63",
        "XS@LL": "45",
        "XS@SJ": "18",
        "XF": "3.5",
        "CJ": "良",
        "CJ@LX": "DJ",
        "DJ": "5",
        "DJ@KJ": "JSLOF",
        "FZDW": "江苏开放大学",
        "FZDW@DM": "4232051256",
        "HDRQ": "20230630",
        "YXQZ": "20330630",
    }
    assert certificate.issues == ("no_expiry_assumed", "partial_date")
    assert certificate.values == {
        "@XH": "2",
        "@LB": "03",
        "@CZ": "X",
        "ZS@MC": "行政办事员(政务服务办事员)职业技能等级证书",
        "ZS@BH": "S000032000117234000456",
        "ZS@JB": "4",
        "XF": "2",
        "CJ": "1",
        "CJ@LX": "HG",
        "DJ": "3",
        "DJ@KJ": "JSLOF",
        "FZDW": "江苏省××协会",
        "FZDW@DM": "513200005098812349",
        "HDRQ": "20231100",
        "YXQZ": "",
    }


def test_envelope_when_parsed_then_same_records_and_signature_kept_but_not_checked():
    bare = JIANGSU.parse((SAMPLES / "good/js.xml").read_bytes(), IDS)
    part = JIANGSU.parse((SAMPLES / "good/js-soap.xml").read_bytes(), IDS)
    assert (part.records, part.learner) == (bare.records, bare.learner)
    assert part.warnings == ("signature_not_checked",)
    assert {key: value for key, value in part.values.items() if key.startswith("Sec/")} == {
        "Sec/AppId": "YRD-GW",
        "Sec/Nonce": "8f1c0d7a",
        "Sec/Ts": "20240703102233",
        "Sec/Sign": "0f" * 64,
    }


def test_design_sample_when_read_as_gbk_then_impossible_but_as_declared_gbk_it_reads():
    content = (SAMPLES / "good/js.xml").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        content.decode("gbk")
    declared = content.replace(b'encoding="GB18030"', b'encoding="GBK"')
    assert JIANGSU.parse(declared, IDS).learner.name == "李䶮"


def test_rare_names_when_read_and_written_then_never_a_question_mark():
    part = JIANGSU.parse((SAMPLES / "good/rare-names.xml").read_bytes(), IDS)
    assert part.learner.name == "买买提·\U00020bb7䶮\u9fb4"
    assert part.values["XXZ/MZM"] == "05"
    written = build({"render_as": "bare"}).render(part)
    assert "买买提·\U00020bb7䶮\u9fb4" in decode_gb18030(written).text
    assert b"?" not in written.replace(b"<?", b"").replace(b"?>", b"")


def test_name_when_xml_cannot_hold_it_then_writing_refuses():
    part = JIANGSU.parse((SAMPLES / "good/js.xml").read_bytes(), IDS)
    values = {**part.values, "XXZ/XM": "李\ud800"}
    with pytest.raises(FormatError) as caught:
        JIANGSU.render(LocalPart(part.region, part.version, part.learner, values, part.records))
    assert caught.value.code == "format.character"


def test_mark_of_origin_when_not_one_of_its_words_then_quarantined_and_a_good_one_returns_as_it_was():
    """PR-271."""
    assert quarantine_of(parse(edited(('LB="01" CZ="X"', 'LB="01" CZ="X" LY="Q"'))), 1) == {("row 1/@LY", "record.unknown_code")}
    part = parse(edited(('LB="01" CZ="X"', 'LB="01" CZ="X" LY="Z"')))
    assert part.records[0].values["@LY"] == "Z"
    assert 'CZ="X" LY="Z"' in decode_gb18030(build({"render_as": "bare"}).render(part)).text


def test_rows_when_faulty_then_quarantined_with_all_problems_and_the_rest_goes_on():
    part = parse(edited(("<XF>3.5</XF>", "<XF>三</XF>"), ("20230630", "20230631"), ('KJ="JSLOF">5', 'KJ="JSLOF">0')))
    assert quarantine_of(part, 1) == {
        ("row 1/XF", "record.wrong_form"),
        ("row 1/HDRQ", "record.impossible_date"),
        ("row 1/DJ", "record.unknown_code"),
    }
    assert [record.row for record in part.records] == [2]
    assert part.rows_read == 2


def test_learner_when_faulty_then_part_refused_with_all_problems():
    error = refusal(edited(('LX="G"', 'LX="J"'), ("3025</SFZJ>", "3026</SFZJ>"), ("<XBM>2", "<XBM>7"), ('TS="2"', 'TS="3"')))
    assert {(problem.path, problem.code) for problem in error.problems} == {
        ("CGPC@TS", "record.counter_mismatch"),
        ("XXZ@LX", "record.institution_account"),
        ("XXZ/SFZJ", "record.bad_check_digit"),
        ("XXZ/XBM", "record.unknown_code"),
    }
    assert "320508" not in str(error) + "".join(problem.zh + problem.en for problem in error.problems)


def test_row_when_manifest_gives_no_id_then_no_stable_id():
    part = parse(sample("js.xml"), manifest=PartManifest(ids={2: "JS-B"}))
    assert quarantine_of(part, 1) == {("row 1", "record.no_stable_id")}
    assert [record.record_id for record in part.records] == ["JS-B"]


def test_rows_when_manifest_gives_one_id_twice_then_ambiguous_id():
    part = parse(sample("js.xml"), manifest=PartManifest(ids={1: "JS-A", 2: "JS-A"}))
    assert quarantine_of(part, 1) == {("row 1", "record.ambiguous_id")}
    assert quarantine_of(part, 2) == {("row 2", "record.ambiguous_id")}


def test_row_when_manifest_tells_an_issue_then_the_record_has_it():
    manifest = PartManifest(ids={1: "JS-A", 2: "JS-B"}, issues={1: ("identity_conflict_warning",)})
    assert parse(sample("js.xml"), manifest=manifest).records[0].issues == ("identity_conflict_warning",)


@pytest.mark.parametrize(("written", "issue"), [("320508881111302", "id_upgraded"), ("３20508198811113025", "id_normalised")])
def test_citizen_number_when_written_otherwise_then_normalised_and_flagged_value_kept(written, issue):
    part = parse(edited((">320508198811113025<", f">{written}<")))
    assert part.learner.citizen_id == "320508198811113025"
    assert part.values["XXZ/SFZJ"] == written
    assert issue in part.warnings


def test_citizen_number_when_lower_case_x_then_upper_case_in_the_learner():
    part = JIANGSU.parse((SAMPLES / "good/change-and-cancel.xml").read_bytes(), IDS)
    assert part.learner.citizen_id[-1] == "X"
    assert part.values["XXZ/SFZJ"][-1] == "x"
    assert "id_normalised" in part.warnings
    assert [record.operation for record in part.records] == [Operation.CHANGE, Operation.CANCEL]


def test_sex_when_other_than_in_the_number_then_flagged_only():
    assert parse(edited(("<XBM>2", "<XBM>1"))).warnings == ("sex_differs_from_id",)


@pytest.mark.parametrize(
    ("name", "issue"),
    [
        ("李\ue816", "private_use_character"),
        ("李 明", "name_spacing"),
        ("李Ａ", "name_full_width"),
        ("阿•里", "name_middle_dot"),
        ("李*", "name_masked"),
    ],
)
def test_name_when_odd_then_flagged_and_kept_as_written(name, issue):
    part = parse(edited(("李䶮", name)))
    assert part.warnings == (issue,)
    assert part.learner.name == name


def test_name_when_with_private_use_and_setting_refuses_then_refused():
    assert refusal(edited(("李䶮", "李\ue816")), {"private_use_name": "refuse"}).code == "record.private_use_character"


def test_education_when_62_of_either_vintage_then_kept_with_its_vintage():
    for vintage in ("1984", "2006"):
        part = parse(edited(('<XLM BB="1984">31', f'<XLM BB="{vintage}">62')))
        assert (part.values["XXZ/XLM"], part.values["XXZ/XLM@BB"]) == ("62", vintage)


def test_letters_when_they_mean_other_things_elsewhere_then_read_by_their_attribute():
    part = parse(edited(('LB="01" CZ="X"', 'LB="01" CZ="G"'), ('XZ="B"', 'XZ="X"')))
    assert part.records[0].operation is Operation.CHANGE
    assert part.records[0].values["KC@XZ"] == "X"
    assert part.values["XXZ@LX"] == "G"


@pytest.mark.parametrize(
    ("old", "new"),
    [("S000032000117234000456", "S000033000117234000456"), ("20231100", "20221100"), ('JB="4"', 'JB="3"')],
)
def test_certificate_number_when_province_year_or_level_differs_then_flagged(old, new):
    assert "certificate_mismatch" in parse(edited((old, new))).records[1].issues


def test_certificate_number_when_of_a_special_technician_then_flagged_not_guessed():
    issues = parse(edited(("S000032000117234000456", "SA00003200011723400045"))).records[1].issues
    assert "special_technician_number" in issues
    assert "certificate_mismatch" not in issues


@pytest.mark.parametrize(("year", "expected"), [("20220000", True), ("20230000", False)])
def test_old_certificate_number_when_year_differs_then_flagged(year, expected):
    text = edited(("S000032000117234000456", "2333000000401187"), ("20231100", year))
    assert ("certificate_mismatch" in parse(text).records[1].issues) is expected


def test_award_when_after_the_batch_was_made_then_future_date_is_an_issue():
    part = parse(edited(("20230630", "20240704")))
    assert part.records[0].issues == ("future_date",)
    assert parse(edited(("20230630", "20240703"))).records[0].issues == ()


def test_validity_when_it_ends_in_the_month_of_award_then_not_before_it():
    part = parse(edited(("<HDRQ>20230630", "<HDRQ>20330700"), ("<YXQZ>20330630", "<YXQZ>20330701")))
    assert len(part.records) == 2
    assert quarantine_of(parse(edited(("<YXQZ>20330630", "<YXQZ>20230629"))), 1) == {("row 1/YXQZ", "record.validity_before_award")}


def test_validity_when_empty_and_setting_refuses_then_quarantined():
    assert quarantine_of(parse(sample("js.xml"), {"empty_validity": "refuse"}), 2) == {("row 2/YXQZ", "record.missing")}


@pytest.mark.parametrize(("prefixes", "issues"), [(["41", "42"], ("issuer_unresolved",)), ([], ()), (["99"], ())])
def test_school_id_when_prefix_unknown_then_flagged_by_setting(prefixes, issues):
    part = parse(edited(("4232051256", "9932051256")), {"school_id_prefixes": prefixes})
    assert part.records[0].issues == issues


def test_unknown_fields_when_read_then_kept_under_their_paths():
    part = JIANGSU.parse((SAMPLES / "good/unknown-fields.xml").read_bytes(), IDS)
    record = part.records[0]
    assert record.issues == ("unknown_field_kept",)
    assert {key: value for key, value in record.values.items() if key[:2] in ("BZ", "FJ")} == {
        "BZ": "补录",
        "BZ@LY": "教务",
        "FJ/WJ@MC": "a.pdf",
        "FJ/WJ": "",
        "FJ/WJ[2]@MC": "b.pdf",
        "FJ/WJ[2]": "",
    }
    assert (part.values["XXZ@QY"], part.values["XXZ/DH"]) == ("320500", "未登记")


def test_account_when_pending_by_declaration_then_empty_and_otherwise_refused():
    part = JIANGSU.parse((SAMPLES / "good/account-pending.xml").read_bytes(), IDS)
    assert (part.learner.account, part.values["XXZ@ZHZT"]) == ("", "DQR")
    assert refusal(edited(('LX="G"', 'LX="G" ZHZT="DQR"'))).code == "record.unknown_code"
    assert refusal(edited(('ZH="JS320519000421770"', 'ZH=""'))).code == "record.missing"


def test_part_when_it_comes_from_another_bank_then_written_complete_and_readable():
    part = JIANGSU.parse((SAMPLES / "good/js.xml").read_bytes(), IDS)
    values = {key: value for key, value in part.records[0].values.items() if key not in ("@XH", "@CZ")}
    record = type(part.records[0])("SHC-1", Operation.CHANGE, 7, "credit", values)
    foreign = LocalPart("jiangsu", "", part.learner, {}, (record,))
    written = JIANGSU.render(foreign)
    again = JIANGSU.parse(written, PartManifest(ids={1: "SHC-1"}))
    assert again.learner == part.learner
    assert again.records[0].values == {**values, "@XH": "1", "@CZ": "G"}
    assert again.values["CGPC@BB"] == "1.4"
    assert JIANGSU.render(foreign) == written
    assert b"not signed locally" in written
    assert b"Sec" not in written


def test_part_when_account_not_known_then_written_as_a_declared_empty_slot():
    part = JIANGSU.parse((SAMPLES / "good/account-pending.xml").read_bytes(), IDS)
    foreign = LocalPart("jiangsu", "", part.learner, {"XXZ/XM": "测试"}, part.records)
    again = JIANGSU.parse(JIANGSU.render(foreign), IDS)
    assert (again.learner.account, again.values["XXZ@ZHZT"]) == ("", "DQR")


@pytest.mark.parametrize("path", ["K C", "KC@a b", "KC@", "<x>", "a/", "KC[0]", ""])
def test_path_when_no_xml_name_then_writing_refuses(path):
    part = JIANGSU.parse((SAMPLES / "good/js.xml").read_bytes(), IDS)
    record = type(part.records[0])("A", Operation.DEPOSIT, 1, "CG", {path: "1"})
    with pytest.raises(RecordError) as caught:
        JIANGSU.render(LocalPart("jiangsu", "1.4", part.learner, {}, (record,)))
    assert caught.value.code == "record.field_name"


def test_rows_when_more_than_the_setting_then_refused():
    assert refusal(sample("js.xml"), {"rows_part_max": 1}).code == "record.too_many_rows"


def test_account_when_of_the_design_paper_then_check_digits_70():
    assert jiangsu_account_for(4217) == "JS320519000421770"
    assert int("320519000421770") % 97 == 1


@pytest.mark.parametrize(("number", "issue"), [("", "certificate_number_missing"), ("JSKJ2023-88", "certificate_scheme_other")])
def test_certificate_number_when_missing_or_of_another_scheme_then_flagged(number, issue):
    assert issue in parse(edited(("S000032000117234000456", number))).records[1].issues


def test_hours_when_written_with_many_decimals_then_read():
    part = parse(edited(('<XS LL="45" SJ="18">63</XS>', "<XS>13.33333333333333333333333333</XS>")))
    assert part.records[0].values["XS"] == "13.33333333333333333333333333"
