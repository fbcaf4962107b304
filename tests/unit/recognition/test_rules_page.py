"""docs/rules.md says what the program says: its example may be published, its sentences are the learner's, no setting is missing."""

import re

import pytest
from support.mapping_parts import MEMBERS, mapper, sample
from support.rules import CAPS, DAY, HEAD, ROOT, catalogue, codes, demo, demo_programme, programme, quoted, record, rule, rule_set

from gateway.recognition import rule_file, rule_needs
from gateway.recognition.lint import lint
from gateway.recognition.rule_findings import SENTENCES

PAGE = (ROOT / "docs/rules.md").read_text("utf-8")


def test_example_when_judged_then_it_may_be_published():
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    found = lint("page.toml", example.encode(), codes(), day=DAY, catalogue=catalogue(), programmes=[demo_programme("DEMO-P-XZGL")])
    assert found == ()


def test_sentence_of_the_comparable_course_when_made_then_as_on_the_page():
    found = mapper().to_regional(sample("jiangsu"), MEMBERS["jiangsu"]).part.records[0]
    item = quoted([found], demo_programme("DEMO-P-KJ"), demo("demo-kj")).items[0]
    assert f"> {item.in_short.zh}\n" in PAGE


def test_sentence_of_a_cap_when_made_then_as_on_the_page():
    rules = rule_set(rule("a", "A", title="甲") + rule("b", "B", title="乙"))
    records = [record("1", title="甲", band="C"), record("2", title="乙", band="A")]
    item = quoted(records, programme(("A", "4"), ("B", "4"), total="12"), rules).items[0]
    assert f"> {item.in_short.zh}\n" in PAGE


def examples() -> list[tuple[str, list[list[dict[str, str]]]]]:
    """Each rule file of the page that has tables after it, and those: a table is a learner, a row a record with what becomes of it."""
    found = []
    for text, after in re.findall(r"```toml example\n(.*?)```\n(.*?)(?=\n###? )", PAGE, re.DOTALL):
        tables = [table.splitlines() for table in re.findall(r"(?:^\|.*\n?)+", after, re.MULTILINE)]
        found.append((text, [[dict(zip(COLUMNS, _cells(line), strict=True)) for line in table[2:]] for table in tables]))
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("–", "") for cell in line.strip("|").split("|")]


COLUMNS = ("record", "kind", "title", "credits", "band", "awarded", "as", "reads")
EXAMPLES = examples()


@pytest.mark.parametrize(("text", "learners"), EXAMPLES, ids=[re.findall(r'id = "([^"]+)"\nzh', text)[-1] for text, _ in EXAMPLES])
def test_examples_to_copy_when_run_then_every_learner_reads_what_the_page_says(text: str, learners: list[list[dict[str, str]]]):
    assert lint("page.toml", (HEAD + CAPS + text).encode(), codes(), day=DAY) == ()
    rules, target = rule_set(text), programme(("A/专业课", "4"), ("B/专业课", "3"), ("C/公共课", "2"))
    assert learners
    for rows in learners:
        records = [
            record(
                row["record"], row["credits"] or None, kind=row["kind"], title=row["title"], band=row["band"], date__awarded=row["awarded"]
            )
            for row in rows
        ]
        told = {
            item.record: (
                ", ".join(f"{award.course} {award.credits}" for award in item.awards),
                f"{item.in_short.zh} / {item.in_short.en}",
            )
            for item in quoted(records, target, rules).items
        }
        assert told == {row["record"]: (row["as"], row["reads"]) for row in rows}


def test_examples_to_copy_when_counted_then_none_is_left_out():
    assert len(EXAMPLES) == PAGE.count("```toml example") == 6
    assert sum(len(learners) for _, learners in EXAMPLES) == 10


def test_settings_when_the_reader_knows_them_then_each_is_on_the_page():
    names = rule_file._TOP | rule_file._CAPS | rule_file._RULE | rule_needs._NEED | set(rule_file._HOURS)
    assert sorted(name for name in names if f"`{name}`" not in PAGE and f"{name}`" not in PAGE and f"[{name}]" not in PAGE) == ["need"]
    assert "[[rule.need]]" in PAGE


def test_findings_when_the_lint_knows_them_then_each_is_on_the_page():
    assert [code for code in SENTENCES if f"errors.md#{code}" not in PAGE] == []


def test_members_of_the_document_when_made_then_each_is_on_the_page():
    document = quoted([record()], programme(("A", "4")), rule_set(rule("r", "A"))).document()
    assert isinstance(document, dict)
    names = set(document) | {name for item in document["items"] for name in item} | {name for cap in document["caps"] for name in cap}
    section = PAGE[PAGE.index("## 7") : PAGE.index("## 8")]
    assert [name for name in sorted(names) if f"`{name}`" not in section and f"`{name}[]`" not in section] == []
