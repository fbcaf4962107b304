"""Check digits against printed and hand-computed examples, and against python-stdnum where it agrees.

All persons and accounts are synthetic; 11010519491231002X is the standard's own example.
"""

import random

import pytest
from stdnum.cn import ric
from stdnum.cn import uscc as stdnum_uscc
from stdnum.iso7064 import mod_97_10

from gateway.model import identifiers as ids

CITIZENS = (
    "11010519491231002X",
    "34052419800101001X",
    "440524188001010014",
    "310101199003072014",
    "310108197504121027",
    "320508198811113025",
    "330106199512244027",
    "340111197906155039",
    "33010619820315009X",
    "810000199408230021",
)
USCCS = (
    "91110000600037341L",
    "12310000425060017N",
    "12320000466003019N",
    "123300004700050170",
    "12340000485009010C",
    "513200005098812349",
    "91330106MA2AB3C472",
    "12310000425011R73Y",
)


@pytest.mark.parametrize("number", CITIZENS)
def test_citizen_number_when_printed_example_then_accepted(number):
    assert ids.citizen_number(number) == number
    assert ids.citizen_check(number[:17]) == number[17]


@pytest.mark.parametrize("number", [number for number in CITIZENS if number[:2] not in {"81", "82", "83"}])
def test_citizen_number_when_stdnum_judges_then_it_agrees(number):
    assert ric.calc_check_digit(number) == number[17]


@pytest.mark.parametrize(
    ("body", "total", "check"), [("11010519491231002", 167, "X"), ("34052419800101001", 189, "X"), ("44052418800101001", 195, "4")]
)
def test_citizen_check_when_worked_sum_then_same_character(body, total, check):
    assert sum(int(digit) * weight for digit, weight in zip(body, ids.CITIZEN_WEIGHTS, strict=True)) == total
    assert ids.citizen_check(body) == check


def test_citizen_weights_when_derived_then_powers_of_two():
    assert tuple(2 ** (18 - place) % 11 for place in range(1, 18)) == ids.CITIZEN_WEIGHTS


def test_citizen_number_when_15_digits_then_upgraded():
    assert ids.citizen_number("340111790615503") == "340111197906155039"


@pytest.mark.parametrize("code", USCCS)
def test_uscc_when_worked_example_then_accepted(code):
    assert ids.uscc(code) == code


@pytest.mark.parametrize("code", [code for code in USCCS if code[:8].isdigit()])
def test_uscc_when_stdnum_judges_then_it_agrees(code):
    assert stdnum_uscc.calc_check_digit(code) == code[17]


def test_uscc_when_letters_in_authority_or_place_then_accepted_where_stdnum_is_narrower():
    code = ids.uscc_for("Y1A30000425060017")
    assert ids.uscc(code) == code
    assert not stdnum_uscc.is_valid(code)


def test_uscc_check_when_worked_sum_then_l():
    body = "91110000600037341"
    total = sum(ids.USCC_ALPHABET.index(letter) * weight for letter, weight in zip(body, ids.USCC_WEIGHTS, strict=True))
    assert (total, total % 31, ids.uscc_check(body)) == (538, 11, "L")
    assert tuple(3**place % 31 for place in range(17)) == ids.USCC_WEIGHTS


@pytest.mark.parametrize(("body", "total", "check"), [("60003734", 109, "1"), ("00000000", 0, "0"), ("00000006", 12, "X")])
def test_organization_check_when_worked_sum_then_ninth_character(body, total, check):
    assert sum(int(letter, 36) * weight for letter, weight in zip(body, ids.ORGANIZATION_WEIGHTS, strict=True)) == total
    assert ids.organization_check(body) == check


@pytest.mark.parametrize("code", USCCS)
def test_organization_code_when_taken_from_worked_uscc_then_accepted(code):
    inner = code[8:17]
    assert ids.organization_code(f"{inner[:8]}-{inner[8]}") == inner


def test_jiangsu_account_when_worked_example_then_70_and_whole_number_is_one_mod_97():
    assert ids.jiangsu_check("3205190004217") == "70"
    assert int("320519000421770") % 97 == 1
    assert mod_97_10.checksum("320519000421770") == 1
    assert ids.jiangsu_account("JS320519000421770") == "JS320519000421770"


def test_jiangsu_check_when_many_bodies_then_same_as_stdnum():
    chance = random.Random(64)
    for _ in range(500):
        body = f"{chance.randrange(10**13):013d}"
        assert mod_97_10.calc_check_digits(body) == ids.jiangsu_check(body)


def test_zhejiang_code_when_worked_example_then_check_3():
    assert ids.zhejiang_check("ZX7K3M9QP4T8W2A") == "3"
    assert ids.zhejiang_code("ZX7K-3M9Q-P4T8-W2A3") == "ZX7K3M9QP4T8W2A3"


def test_hrss_certificate_when_worked_examples_then_taken_apart():
    jiangsu = ids.hrss_certificate("S000032000117234000456")
    assert (jiangsu.holder, jiangsu.body, jiangsu.province, jiangsu.site) == ("S", "0000", "32", "000117")
    assert (jiangsu.year, jiangsu.full_year, jiangsu.level, jiangsu.serial, jiangsu.special) == ("23", 2023, "4", "000456", False)
    employer = ids.hrss_certificate("Y000123000001195000001")
    assert (employer.holder, employer.body, employer.province, employer.year, employer.level) == ("Y", "0001", "23", "19", "5")
    assert ids.hrss_certificate("S000034000117235001988").level == "5"


def test_old_qualification_when_worked_example_then_level_four():
    old = ids.old_qualification("2233000000401187")
    assert (old.year, old.province, old.city, old.body_type, old.body, old.level, old.serial) == (
        "22",
        "33",
        "00",
        "0",
        "000",
        "4",
        "01187",
    )
