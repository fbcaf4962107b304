"""Identifiers of persons, organisations, accounts and certificates: normalise, check, take apart, build.

Pure arithmetic on text, without any table: whether an address code exists is the code table's business
(`gateway.model.codes`), because a withdrawn place stays valid inside an old number.  Nothing is ever
repaired by guessing: a number that lost digits in a spreadsheet is refused under its own code.

Standards: GB 11643 (citizen number, ISO 7064 MOD 11-2), GB 32100 (unified social credit code, MOD 31-3),
GB 11714 (organization code), ISO 7064 MOD 97-10 and Luhn mod 32 for two account forms that are
our invention, not the banks' real ones.  The `*_for` builders make synthetic numbers for samples and sandbox.
"""

import re
from dataclasses import dataclass
from datetime import date

INPUT_CHARS_MAX = 64

CITIZEN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CITIZEN_CHECKS = "10X98765432"

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_USCC_VALUES = {letter: value for value, letter in enumerate(USCC_ALPHABET)}

ORGANIZATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)

ZHEJIANG_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ZHEJIANG_VALUES = {letter: value for value, letter in enumerate(ZHEJIANG_ALPHABET)}
_ZHEJIANG_TYPED = str.maketrans("OIL", "011", "-")

_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_SPACES = str.maketrans("", "", " \t\u00a0")
_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]*)?E[+-]?[0-9]+")
_DIGITS = re.compile(r"[0-9]+")
_CITIZEN = re.compile(r"[0-9]{17}[0-9X]")
_ORGANIZATION = re.compile(r"[0-9A-Z]{8}[0-9X]")
_HRSS = re.compile(r"([YS])([0-9]{4})([0-9]{2})([0-9]{6})([0-9]{2})([0-9])([0-9]{6})")
_OLD_QUALIFICATION = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})([0-9])([0-9]{3})([0-9])([0-9]{5})")
_LEVELS = "12345"


class IdentifierError(ValueError):
    """Not a number of its kind.  `code` is stable; `zh` and `en` are for people and never hold the number."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(code)
        self.code = code
        self.zh = zh
        self.en = en


def _length(zh: str, en: str) -> IdentifierError:
    return IdentifierError("record.bad_length", f"{zh}长度不对", f"wrong length of the {en}")


def _alphabet(zh: str, en: str) -> IdentifierError:
    return IdentifierError("record.bad_alphabet", f"{zh}含不允许的字符", f"character not allowed in the {en}")


def _check_digit(zh: str, en: str) -> IdentifierError:
    return IdentifierError("record.bad_check_digit", f"{zh}校验位不符", f"check character of the {en} does not match")


def _lost_digits(zh: str, en: str) -> IdentifierError:
    return IdentifierError("record.lost_digits", f"{zh}被电子表格当作数值,末尾数字已丢失", f"a spreadsheet has lost digits of the {en}")


def _level(zh: str, en: str) -> IdentifierError:
    return IdentifierError("record.bad_level", f"{zh}中的等级不在1至5之间", f"the level inside the {en} is not 1 to 5")


def _plain(text: str, zh: str, en: str) -> str:
    """Half width, upper case, without spaces; refuses what a spreadsheet has turned into a number."""
    if len(text) > INPUT_CHARS_MAX:
        raise _length(zh, en)
    plain = text.translate(_WIDTH).translate(_SPACES).upper()
    if _SCIENTIFIC.fullmatch(plain):
        raise _lost_digits(zh, en)
    return plain


# -- citizen number, GB 11643 --


def citizen_check(body: str) -> str:
    """The 18th character for 17 digits."""
    return CITIZEN_CHECKS[sum(int(digit) * weight for digit, weight in zip(body, CITIZEN_WEIGHTS, strict=True)) % 11]


def citizen_number(text: str) -> str:
    """The 18-character form of an 18- or 15-character number.  Address codes are not judged.

    Raises IdentifierError: record.bad_length, .bad_alphabet, .bad_check_digit, .impossible_date, .lost_digits.
    """
    names = ("公民身份号码", "citizen number")
    number = _plain(text, *names)
    if len(number) not in (15, 18):
        raise _length(*names)
    if len(number) == 15:
        if not _DIGITS.fullmatch(number):
            raise _alphabet(*names)
        number = f"{number[:6]}19{number[6:]}"
        number += citizen_check(number)
    if not _CITIZEN.fullmatch(number):
        raise _alphabet(*names)
    if citizen_check(number[:17]) != number[17]:
        # A spreadsheet keeps 15 digits of a number: an 18-digit one then ends in three zeros.
        raise _lost_digits(*names) if number.endswith("000") else _check_digit(*names)
    citizen_birth(number)
    return number


def citizen_birth(number: str) -> date:
    """The birth date in an 18-character number.  Raises IdentifierError (record.impossible_date)."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise IdentifierError(
            "record.impossible_date", "公民身份号码中的出生日期不存在", "the birth date in the citizen number does not exist"
        ) from None


def citizen_sex(number: str) -> str:
    """GB/T 2261.1: `1` male, `2` female."""
    return "1" if int(number[16]) % 2 else "2"


def citizen_number_for(area: str, birth: date, sequence: int) -> str:
    """A synthetic number: 6-digit address code, birth date, sequence 0 to 999 (odd is male)."""
    body = f"{area}{birth:%Y%m%d}{sequence:03d}"
    return citizen_number(body + citizen_check(body))


# -- unified social credit code, GB 32100, and the organization code inside it, GB 11714 --


def uscc_check(body: str) -> str:
    """The 18th character for 17 characters of the alphabet."""
    total = sum(_USCC_VALUES[letter] * weight for letter, weight in zip(body, USCC_WEIGHTS, strict=True))
    return USCC_ALPHABET[-total % 31]


def uscc(text: str) -> str:
    """The 18-character code.  Any letter of the alphabet may stand anywhere (amendment of 2016 and category Y).

    Raises IdentifierError: record.bad_length, .bad_alphabet, .bad_check_digit, .lost_digits.
    """
    names = ("统一社会信用代码", "unified social credit code")
    code = _plain(text, *names)
    if len(code) != 18:
        raise _length(*names)
    if not all(letter in _USCC_VALUES for letter in code):
        raise _alphabet(*names)
    if uscc_check(code[:17]) != code[17]:
        raise _lost_digits(*names) if code.endswith("000") else _check_digit(*names)
    return code


def uscc_for(body: str) -> str:
    """A synthetic code from its first 17 characters."""
    return uscc(body + uscc_check(body))


def organization_check(body: str) -> str:
    """The 9th character for 8 digits or letters (A = 10 … Z = 35)."""
    check = 11 - sum(int(letter, 36) * weight for letter, weight in zip(body, ORGANIZATION_WEIGHTS, strict=True)) % 11
    return {10: "X", 11: "0"}.get(check, str(check))


def organization_code(text: str) -> str:
    """The 9-character code, its hyphen removed.  Raises IdentifierError as `uscc` does."""
    names = ("组织机构代码", "organization code")
    code = _plain(text, *names).replace("-", "")
    if len(code) != 9:
        raise _length(*names)
    if not _ORGANIZATION.fullmatch(code):
        raise _alphabet(*names)
    if organization_check(code[:8]) != code[8]:
        raise _check_digit(*names)
    return code


def organization_code_for(body: str) -> str:
    """A synthetic code from its first 8 characters."""
    return organization_code(body + organization_check(body))


# -- account forms of two banks (our invention, not the banks' real ones) --


def jiangsu_check(body: str) -> str:
    """ISO 7064 MOD 97-10: two digits, 02 to 98."""
    return f"{98 - int(body) * 100 % 97:02d}"


def jiangsu_account(text: str) -> str:
    """`JS`, city 4, year 2, serial 7, check 2.  Raises IdentifierError as `uscc` does, or record.bad_prefix."""
    names = ("江苏学分银行账号", "Jiangsu account")
    account = _plain(text, *names)
    if len(account) != 17:
        raise _length(*names)
    if not account.startswith("JS"):
        raise IdentifierError("record.bad_prefix", "江苏学分银行账号须以 JS 开头", "a Jiangsu account begins with JS")
    if not _DIGITS.fullmatch(account[2:]):
        raise _alphabet(*names)
    if jiangsu_check(account[2:15]) != account[15:]:
        raise _check_digit(*names)
    return account


def jiangsu_account_for(serial: int, city: str = "3205", year: str = "19") -> str:
    """A synthetic account: serial 0 to 9999999, 4-digit city, last two digits of the year."""
    body = f"{city}{year}{serial:07d}"
    return jiangsu_account(f"JS{body}{jiangsu_check(body)}")


def zhejiang_check(body: str) -> str:
    """Luhn mod 32 over 15 characters of the alphabet, the rightmost doubled first."""
    total = 0
    for place, letter in enumerate(reversed(body)):
        product = _ZHEJIANG_VALUES[letter] * (1 if place % 2 else 2)
        total += product // 32 + product % 32
    return ZHEJIANG_ALPHABET[-total % 32]


def zhejiang_code(text: str) -> str:
    """The 16-character 浙学码: hyphens out, O read as 0, I and L as 1; U is refused.  Raises IdentifierError as `uscc` does."""
    names = ("浙学码", "Zhejiang learner code")
    code = _plain(text, *names).translate(_ZHEJIANG_TYPED)
    if len(code) != 16:
        raise _length(*names)
    if not all(letter in _ZHEJIANG_VALUES for letter in code):
        raise _alphabet(*names)
    if zhejiang_check(code[:15]) != code[15]:
        raise _check_digit(*names)
    return code


def zhejiang_code_display(code: str) -> str:
    """Four groups of four, as the bank prints it."""
    return "-".join(code[start : start + 4] for start in range(0, 16, 4))


def zhejiang_code_for(body: str) -> str:
    """A synthetic code from 15 characters of the alphabet."""
    return zhejiang_code(body + zhejiang_check(body))


# -- numbers of vocational certificates --


@dataclass(frozen=True, slots=True)
class HrssNumber:
    """A vocational skill certificate number.  It has no check digit.

    `holder` is `Y` (employer) or `S` (social evaluation body); `body` is the evaluating body's number,
    `0000` when a province filed it first; `site` its sequence; `year` two digits; `level` `5` (lowest) to `1`.
    A special technician's number (`special`) has a second letter whose place no published table tells:
    then `holder` holds both letters in order and the other parts are "".
    """

    number: str
    holder: str
    body: str
    province: str
    site: str
    year: str
    level: str
    serial: str
    special: bool = False

    @property
    def full_year(self) -> int | None:
        """Certificates of this scheme exist since 2019."""
        return 2000 + int(self.year) if self.year else None


@dataclass(frozen=True, slots=True)
class OldQualification:
    """A number of the former vocational qualification certificates (16 digits, no check digit), taken apart.

    `province` may also be a ministry; `level` is `5` (lowest) to `1`.
    """

    number: str
    year: str
    province: str
    city: str
    body_type: str
    body: str
    level: str
    serial: str


def hrss_certificate(text: str) -> HrssNumber:
    """Take apart `Y`/`S` + 21 digits, or a special technician's 2 letters + 20 digits.

    Raises IdentifierError: record.bad_length, .bad_alphabet, .bad_level, .lost_digits.
    """
    names = ("职业技能等级证书编号", "skill certificate number")
    number = _plain(text, *names)
    if len(number) != 22:
        raise _length(*names)
    found = _HRSS.fullmatch(number)
    if found is None:
        return _special_technician(number, *names)
    if found[6] not in _LEVELS:
        raise _level(*names)
    holder, body, province, site, year, level, serial = found.groups()
    return HrssNumber(number, holder, body, province, site, year, level, serial)


def _special_technician(number: str, zh: str, en: str) -> HrssNumber:
    letters = "".join(letter for letter in number if "A" <= letter <= "Z")
    digits = sum("0" <= letter <= "9" for letter in number)
    if number[0] not in "YS" or len(letters) != 2 or digits != 20:
        raise _alphabet(zh, en)
    return HrssNumber(number, letters, "", "", "", "", "", "", special=True)


def old_qualification(text: str) -> OldQualification:
    """Take apart the 16 digits.  Raises IdentifierError: record.bad_length, .bad_alphabet, .bad_level, .lost_digits."""
    names = ("职业资格证书编号", "qualification certificate number")
    number = _plain(text, *names)
    if len(number) != 16:
        raise _length(*names)
    found = _OLD_QUALIFICATION.fullmatch(number)
    if found is None:
        raise _alphabet(*names)
    if found[6] not in _LEVELS:
        raise _level(*names)
    return OldQualification(number, *found.groups())


def certificate_scheme(text: str) -> str:
    """`HRSS`, `OLD_QUAL` or `OTHER`, by form alone (table `certificate_scheme`).

    Raises IdentifierError (record.lost_digits) for a number in scientific notation.
    """
    for scheme, read in (("HRSS", hrss_certificate), ("OLD_QUAL", old_qualification)):
        try:
            read(text)
        except IdentifierError as error:
            if error.code == "record.lost_digits":
                raise
        else:
            return scheme
    return "OTHER"
