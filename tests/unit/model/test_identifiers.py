"""Identifiers: what is normalised, what is refused under which code, and that single typing errors are caught.

All numbers are synthetic.
"""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import identifiers as ids
from gateway.model.identifiers import IdentifierError

READERS = (
    ids.citizen_number,
    ids.uscc,
    ids.organization_code,
    ids.jiangsu_account,
    ids.zhejiang_code,
    ids.hrss_certificate,
    ids.old_qualification,
)
births = st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 12, 31))
areas = st.integers(100000, 999999).map(str)
citizens = st.builds(ids.citizen_number_for, areas, births, st.integers(0, 999))


def refused(reader, text):
    with pytest.raises(IdentifierError) as caught:
        reader(text)
    assert caught.value.zh
    assert caught.value.en
    assert isinstance(caught.value, ValueError)
    return caught.value.code


@pytest.mark.parametrize(
    "text",
    [
        "33010619820315009x",
        "33010619820315009Ｘ",
        "33010619820315009ｘ",
        "３３０１０６１９８２０３１５００９Ｘ",
        " 330106 19820315 009X ",
        "\u3000330106\u00a019820315009X",
    ],
)
def test_citizen_number_when_width_case_or_spaces_differ_then_one_form(text):
    assert ids.citizen_number(text) == "33010619820315009X"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "record.bad_length"),
        ("34011119790615503", "record.bad_length"),
        ("3401111979061550399", "record.bad_length"),
        ("1" * 65, "record.bad_length"),
        (" " * 47 + "340111197906155039", "record.bad_length"),
        ("34O111197906155039", "record.bad_alphabet"),
        ("X40111197906155039", "record.bad_alphabet"),
        ("34011179061550X", "record.bad_alphabet"),
        ("٣٤٠١١١١٩٧٩٠٦١٥٥٠٣٩", "record.bad_alphabet"),
        ("'340111197906155039", "record.bad_length"),
        ("34011119880230502X", "record.bad_check_digit"),
        ("340111197906155038", "record.bad_check_digit"),
        ("340111198802305025", "record.impossible_date"),
        ("340111790230503", "record.impossible_date"),
        ("340111197906155000", "record.lost_digits"),
        ("3.40111E+17", "record.lost_digits"),
        ("3.40111197906155e17", "record.lost_digits"),
        ("３．４Ｅ＋１７", "record.lost_digits"),
        ("3E17", "record.lost_digits"),
    ],
)
def test_citizen_number_when_damaged_then_named_code(text, code):
    assert refused(ids.citizen_number, text) == code


@pytest.mark.parametrize("area", ["310108", "810000", "830000", "990000", "000000"])
def test_citizen_number_when_address_withdrawn_or_unknown_then_accepted(area):
    number = ids.citizen_number_for(area, date(1975, 4, 12), 102)
    assert ids.citizen_number(number) == number


def test_citizen_parts_when_read_then_birth_and_sex():
    assert ids.citizen_birth("340111197906155039") == date(1979, 6, 15)
    assert ids.citizen_sex("340111197906155039") == "1"
    assert ids.citizen_sex("320508198811113025") == "2"


def test_citizen_number_for_when_leap_day_then_built():
    assert ids.citizen_birth(ids.citizen_number_for("340111", date(1988, 2, 29), 502)) == date(1988, 2, 29)


@given(areas, births, st.integers(0, 999))
def test_citizen_number_for_when_any_parts_then_they_come_back(area, birth, sequence):
    number = ids.citizen_number_for(area, birth, sequence)
    assert ids.citizen_number(number) == number
    assert ids.citizen_birth(number) == birth
    assert ids.citizen_sex(number) == ("1" if sequence % 2 else "2")


@given(citizens, st.integers(0, 16), st.integers(1, 9))
def test_citizen_number_when_one_digit_changed_then_refused(number, place, step):
    changed = number[:place] + str((int(number[place]) + step) % 10) + number[place + 1 :]
    assert refused(ids.citizen_number, changed) in {"record.bad_check_digit", "record.lost_digits"}


@given(citizens, st.integers(0, 15))
def test_citizen_number_when_neighbours_swapped_then_refused(number, place):
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    if swapped != number:
        assert refused(ids.citizen_number, swapped) in {"record.bad_check_digit", "record.lost_digits"}


@given(areas, births.filter(lambda day: 1900 <= day.year <= 1999), st.integers(0, 999))
def test_citizen_number_when_15_digits_then_the_18_digit_form(area, birth, sequence):
    assert ids.citizen_number(f"{area}{birth:%y%m%d}{sequence:03d}") == ids.citizen_number_for(area, birth, sequence)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("9133010600MA2AB3C47", "record.bad_length"),
        ("91330106MA2AB3C47I", "record.bad_alphabet"),
        ("9133010SMA2AB3C472", "record.bad_alphabet"),
        ("91330106MA2AB3C473", "record.bad_check_digit"),
        ("123300004700050000", "record.lost_digits"),
        ("1.233E+17", "record.lost_digits"),
    ],
)
def test_uscc_when_damaged_then_named_code(text, code):
    assert refused(ids.uscc, text) == code


def test_uscc_when_lower_case_or_full_width_then_one_form():
    assert ids.uscc("91330106ma2ab3c472") == "91330106MA2AB3C472"
    assert ids.uscc("９１３３０１０６ＭＡ２ＡＢ３Ｃ４７２") == "91330106MA2AB3C472"


@given(st.text(ids.USCC_ALPHABET, min_size=17, max_size=17), st.integers(0, 17), st.integers(1, 30))
def test_uscc_when_one_character_changed_then_refused(body, place, step):
    code = ids.uscc_for(body)
    other = ids.USCC_ALPHABET[(ids.USCC_ALPHABET.index(code[place]) + step) % 31]
    assert refused(ids.uscc, code[:place] + other + code[place + 1 :]) in {"record.bad_check_digit", "record.lost_digits"}


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=8, max_size=8))
def test_organization_code_for_when_any_body_then_accepted(body):
    assert ids.organization_code_for(body)[:8] == body


@pytest.mark.parametrize(
    ("text", "code"), [("60003734", "record.bad_length"), ("6000373#1", "record.bad_alphabet"), ("60003734-2", "record.bad_check_digit")]
)
def test_organization_code_when_damaged_then_named_code(text, code):
    assert refused(ids.organization_code, text) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("320519000421770", "record.bad_length"),
        ("ZJ320519000421770", "record.bad_prefix"),
        ("JS32051900042177X", "record.bad_alphabet"),
        ("JS320519000421771", "record.bad_check_digit"),
        ("JS320591000421770", "record.bad_check_digit"),
    ],
)
def test_jiangsu_account_when_damaged_then_named_code(text, code):
    assert refused(ids.jiangsu_account, text) == code


@given(st.integers(0, 9_999_999))
def test_jiangsu_account_for_when_any_serial_then_accepted_and_its_alias_check_is_not(serial):
    account = ids.jiangsu_account_for(serial)
    assert ids.jiangsu_account(account.lower()) == account
    alias = int(account[15:]) - 97
    if alias >= 0:  # the same remainder, written 00 or 01, is another string and not the canonical one
        assert refused(ids.jiangsu_account, f"{account[:15]}{alias:02d}") == "record.bad_check_digit"


@pytest.mark.parametrize("text", ["zx7k3m9qp4t8w2a3", "ZX7K 3M9Q P4T8 W2A3", "ＺＸ７Ｋ－３Ｍ９Ｑ－Ｐ４Ｔ８－Ｗ２Ａ３"])
def test_zhejiang_code_when_typed_otherwise_then_one_form(text):
    assert ids.zhejiang_code(text) == "ZX7K3M9QP4T8W2A3"
    assert ids.zhejiang_code_display(ids.zhejiang_code(text)) == "ZX7K-3M9Q-P4T8-W2A3"


def test_zhejiang_code_when_look_alike_letters_typed_then_folded():
    code = ids.zhejiang_code_for("ZX0K1M0QP1T8W2A")
    assert ids.zhejiang_code("ZXOKIMoQPlT8W2A" + code[15]) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ZX7K-3M9Q-P4T8-W2A", "record.bad_length"),
        ("ZX7K-3M9Q-P4T8-W2U3", "record.bad_alphabet"),
        ("ZX7K-3M9Q-P4T8-W2A4", "record.bad_check_digit"),
        ("ZX7K-3M9Q-P4T8-WA23", "record.bad_check_digit"),
    ],
)
def test_zhejiang_code_when_damaged_then_named_code(text, code):
    assert refused(ids.zhejiang_code, text) == code


@given(st.text(ids.ZHEJIANG_ALPHABET, min_size=15, max_size=15), st.integers(0, 15), st.integers(1, 31))
def test_zhejiang_code_when_one_character_changed_then_refused(body, place, step):
    code = ids.zhejiang_code_for(body)
    other = ids.ZHEJIANG_ALPHABET[(ids.ZHEJIANG_ALPHABET.index(code[place]) + step) % 32]
    assert refused(ids.zhejiang_code, code[:place] + other + code[place + 1 :]) == "record.bad_check_digit"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("S00003200011723400045", "record.bad_length"),
        ("A000032000117234000456", "record.bad_alphabet"),
        ("SS00032000117234000X56", "record.bad_alphabet"),
        ("S000032000117236000456", "record.bad_level"),
        ("S000032000117230000456", "record.bad_level"),
        ("1.1E+21", "record.lost_digits"),
    ],
)
def test_hrss_certificate_when_damaged_then_named_code(text, code):
    assert refused(ids.hrss_certificate, text) == code


@pytest.mark.parametrize("text", ["YT00032000117231000456", "Y00003200011723T000456"])
def test_hrss_certificate_when_special_technician_then_flagged_and_not_taken_apart(text):
    number = ids.hrss_certificate(text)
    assert number.special
    assert (number.holder, number.province, number.level, number.full_year) == ("YT", "", "", None)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("223300000040118", "record.bad_length"),
        ("22330000004O1187", "record.bad_alphabet"),
        ("2233000000901187", "record.bad_level"),
        ("2.233E+15", "record.lost_digits"),
    ],
)
def test_old_qualification_when_damaged_then_named_code(text, code):
    assert refused(ids.old_qualification, text) == code


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("s000032000117234000456", "HRSS"),
        ("2233000000401187", "OLD_QUAL"),
        ("SHZ2022551201", "OTHER"),
        ("2233000000901187", "OTHER"),
        ("", "OTHER"),
    ],
)
def test_certificate_scheme_when_form_known_then_named(text, scheme):
    assert ids.certificate_scheme(text) == scheme


def test_certificate_scheme_when_scientific_notation_then_refused():
    assert refused(ids.certificate_scheme, "2.233E+15") == "record.lost_digits"


def code_of(reader, text):
    try:
        reader(text)
    except IdentifierError as error:
        return error.code
    return "record.accepted"


@pytest.mark.parametrize("reader", READERS)
@given(text=st.text(max_size=80))
def test_reader_when_any_text_then_accepted_or_a_record_code(reader, text):
    assert code_of(reader, text).startswith("record.")
