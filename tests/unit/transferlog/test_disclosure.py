"""Showing some fields of a record and committing to the rest: TL-15 to TL-18."""

from dataclasses import replace

import pytest

from gateway.errors import TransferLogError
from gateway.transferlog.leaf import Disclosure, commit_record, disclose, open_field, verify_disclosure

SECRET = bytes(range(32))
FIELDS = {"source.record": "SHC1", "title": "管理学基础", "size.credits": "3.0", "remark": ""}
CM = commit_record(SECRET, FIELDS)


@pytest.mark.parametrize("shown", [(), ("title",), ("title", "remark"), tuple(FIELDS), ("title", "no.such")])
def test_disclosure_when_any_fields_are_shown_then_it_opens_the_commitment(shown: tuple[str, ...]) -> None:
    told = disclose(SECRET, FIELDS, shown)
    verify_disclosure(CM, told)
    assert [name for name, _, _ in told.fields] == [name for name in FIELDS if name in shown]
    assert len(told.others) == len(FIELDS) - len(told.fields)


def test_disclosure_when_of_one_field_then_the_same_as_an_opening() -> None:
    told, opening = disclose(SECRET, FIELDS, ("title",)), open_field(SECRET, FIELDS, "title")
    assert told == Disclosure(((opening.name, opening.value, opening.salt),), opening.others)


def bent() -> dict[str, Disclosure]:
    told = disclose(SECRET, FIELDS, ("title", "remark"))
    (name, value, salt), second = told.fields
    return {
        "value": replace(told, fields=((name, value + "x", salt), second)),
        "name": replace(told, fields=(("titlf", value, salt), second)),
        "salt": replace(told, fields=((name, value, bytes(32)), second)),
        "short salt": replace(told, fields=((name, value, salt[:-1]), second)),
        "moved boundary": replace(told, fields=((name + value[0], value[1:], salt), second)),
        "field left out": replace(told, fields=(second,)),
        "field twice": replace(told, fields=(*told.fields, second)),
        "other changed": replace(told, others=(bytes(32), told.others[1])),
        "other left out": replace(told, others=told.others[:1]),
        "others out of order": replace(told, others=told.others[::-1]),
        "other of another length": replace(told, others=(told.others[0], told.others[1][:-1])),
    }


@pytest.mark.parametrize("what", bent())
def test_disclosure_when_anything_is_changed_then_refused(what: str) -> None:
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_opening"):
        verify_disclosure(CM, bent()[what])
