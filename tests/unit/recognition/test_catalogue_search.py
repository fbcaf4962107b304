"""Finding entries as people type: Chinese, pinyin, initials, English, ids; the best first, always in one order."""

from datetime import date
from functools import cache

import pytest
from support.catalogues import demonstration

from gateway.errors import CatalogueError
from gateway.recognition.catalogue import Table
from gateway.recognition.catalogue_load import search_index
from gateway.recognition.catalogue_pinyin import readings
from gateway.recognition.catalogue_search import LIMIT_MAX, SearchIndex, fold

DAY = date(2026, 11, 22)
CLERK = "行政办事员(政务服务办事员)"


@cache
def index() -> SearchIndex:
    return search_index(demonstration())


def titles(query: str, *tables: Table, limit: int = 20) -> list[str]:
    return [hit.entry.title for hit in index().search(query, limit=limit, tables=tables)]


@pytest.mark.parametrize(
    ("query", "first", "by"),
    [
        ("行政管理学", "行政管理学", "title"),
        ("行政管理", "行政管理学", "title"),
        ("xzgl", "行政管理学", "initials"),
        ("xingzhengguanli", "行政管理学", "pinyin"),
        ("XingZhengGuanLiXue", "行政管理学", "pinyin"),
        ("ｘｚｇｌｘ", "行政管理学", "initials"),
        ("会计学原理", "基础会计", "alias"),
        ("kjxyl", "基础会计", "initials"),
        ("jichukuaiji", "基础会计", "pinyin"),
        ("jichuhuiji", "基础会计", "pinyin"),
        ("Public  administration", "行政管理学", "english"),
        ("ADMINISTRATION", "行政管理学", "english"),
        ("demo-c-208", "审计学", "id"),
        ("DEMOC208", "审计学", "id"),
        ("公文的写作与处理", "公文写作与处理", "similar"),
    ],
)
def test_course_when_typed_in_any_way_then_found_first(query: str, first: str, by: str) -> None:
    hits = index().search(query, tables=[Table.COURSES])
    assert (hits[0].entry.title, hits[0].by) == (first, by)


def test_initials_of_a_word_read_in_two_ways_when_typed_then_both_readings_lead_to_it() -> None:
    assert readings("会计") == (("kuai", "ji"), ("hui", "ji"))
    for query in ("kj", "hj", "kuaiji", "huiji"):
        assert {"基础会计", "管理会计", "会计信息系统"} <= set(titles(query, Table.COURSES)), query
    assert readings("社会调查") == (("she", "hui", "diao", "cha"),) or readings("社会调查")[0][:2] == ("she", "hui")
    assert readings("银行会计")[0] == ("yin", "hang", "kuai", "ji")


def test_pinyin_when_it_begins_inside_a_syllable_then_not_found() -> None:
    assert "行政管理学" not in titles("ing", Table.COURSES)
    assert "行政管理学" in titles("guan", Table.COURSES)
    assert titles("n", Table.COURSES) == []
    assert "行政管理学" not in titles("g", Table.COURSES)
    assert "管理学基础" in titles("g", Table.COURSES)


@pytest.mark.parametrize("query", [CLERK, "行政办事员（政务服务办事员）", "行政办事员政务服务", "xzbsy", "政务服务办事员"])
def test_clerk_certificate_when_brackets_are_full_half_or_absent_then_found_first_in_all_levels(query: str) -> None:
    assert titles(query, Table.CERTIFICATES, limit=5) == [CLERK] * 5


def test_words_when_several_then_all_must_fit() -> None:
    assert titles("会计 管理", Table.COURSES) == ["管理会计", "管理学原理", "财务管理"]
    assert titles("kj 信息", Table.COURSES)[0] == "会计信息系统"
    assert titles("会计 社区") == []
    assert titles("天文学") == []


def test_text_when_only_the_description_holds_it_then_found_after_names() -> None:
    hits = index().search("复式记账")
    assert [(hit.by, hit.entry.id) for hit in hits] == [("text", "DEMO-S-201")]


def test_order_when_asked_again_or_built_again_then_the_same_and_by_fit() -> None:
    again = search_index(demonstration())
    for query in ("会计", "g", "xz", "demo", "管理", "学"):
        hits = index().search(query, limit=LIMIT_MAX)
        assert hits == again.search(query, limit=LIMIT_MAX)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert hits[:3] == index().search(query, limit=3)
    assert len(index()) == sum(1 for _ in demonstration().entries())


def test_usable_when_asked_for_then_drafts_expired_and_suspended_are_left_out() -> None:
    every = {(hit.entry.id, hit.entry.version) for hit in index().search("demo", limit=LIMIT_MAX)}
    usable = {(hit.entry.id, hit.entry.version) for hit in index().search("demo", limit=LIMIT_MAX, day=DAY)}
    assert every - usable == {("DEMO-K-020", 1), ("DEMO-K-021", 1), ("DEMO-X-009", 1)}


@pytest.mark.parametrize("query", ["", "   ", "()—!", "学" * 65, "a b c d e f g"])
def test_query_when_empty_or_too_long_then_refused(query: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        index().search(query)
    assert caught.value.code == "catalogue.bad_query"


@pytest.mark.parametrize("limit", [0, -1, LIMIT_MAX + 1])
def test_limit_when_out_of_range_then_refused(limit: int) -> None:
    with pytest.raises(CatalogueError):
        index().search("会计", limit=limit)


def test_fold_when_width_case_and_signs_differ_then_equal() -> None:
    assert fold("Ｃ语言(上)·ü") == fold("c语言（上）v") == "c语言上v"
