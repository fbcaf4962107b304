"""Every alarm has its section in docs/operations.md: meaning, how to see it, what to do, what happens otherwise; in both languages."""

import ast
import re

from support.tree import ROOT, files, text_of, tree_of

from gateway.metrics import REGISTRY
from gateway.transfers import alert_findings, alert_signs
from gateway.transfers.alarm_lines import LINES
from gateway.web.pages import words
from gateway.web.pages.waiting_words import WORDS

LEVELS = frozenset({"warning", "error", "critical"})
TOLD_BY = frozenset({"_tell"})
"""Methods of the connector that log their first argument as an error."""
NAME = re.compile(r"`([a-z_]+)(?:\{[^}`]*\})?`")
CHINESE, ENGLISH = ("- 意思", "- 怎样看到:", "- 怎么办:", "- 不处理:"), ("Meaning: ", "See: ", "Do: ", "Otherwise: ")
WATCHED = "只供观察"


NODE = ("gateway/app.py", "gateway/listening.py", "gateway/transfers", "gateway/web", "gateway/federation", "gateway/storage")
"""Where the gateway's own alarms come from; the connector's and the witness's are on the bank's premises."""
ELSEWHERE = ("连接程序 connector:", "见证程序 witness:", "`canary_not_sent`")
BY_METRIC = {
    "ceg_transfers": "held", "ceg_contested_outcomes": "contested_outcome", "ceg_refused_total": "refused_many",
    "ceg_handover_unsigned": "handover_unsigned",
}  # fmt: skip
"""Sections that name a metric and no event of the log → the event of their row."""


def raised(*under: str) -> set[str]:
    """The event of every line that is a warning or worse."""
    found: set[str] = set()
    for path in files(".py", *(under or ("gateway",))):
        for node in ast.walk(tree_of(path)):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level), args=[ast.Constant(value=str(event)), *_]):
                    found |= {event} if level in LEVELS else set()
                case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str(event)), *_]) if method in TOLD_BY:
                    found.add(event)
    return found


def metrics() -> set[str]:
    return {metric.name + ("_total" if metric.type == "counter" else "") for metric in REGISTRY.collect()}


def sections() -> dict[str, str]:
    """Heading → text, of the part on alarms."""
    page = text_of(ROOT / "docs" / "operations.md")
    part = page.split("## 报警 · Alarms\n")[1].split("\n## ")[0]
    heads = re.split(r"^### (.+)$", part, flags=re.MULTILINE)[1:]
    return dict(zip(heads[::2], heads[1::2], strict=True))


def test_alarms_when_source_and_page_are_compared_then_each_event_has_its_section_and_no_other() -> None:
    named = {name for head in sections() for name in NAME.findall(head) if not name.startswith("ceg_")}
    assert raised()
    assert (sorted(raised() - named), sorted(named - raised())) == ([], [])


def test_metrics_when_page_is_read_then_each_is_an_alarm_or_only_watched() -> None:
    found = sections()
    heads = {name for head in found for name in NAME.findall(head)}
    watched = {name for head, text in found.items() if WATCHED in head for name in NAME.findall(text)}
    assert sorted(metrics() - heads - watched) == []
    assert sorted(name for name in heads | watched if name.startswith("ceg_") and name not in metrics()) == []


def test_alarm_sections_when_read_then_all_four_questions_are_answered_in_both_languages() -> None:
    missing = [
        (head, label)
        for head, text in sections().items()
        if WATCHED not in head
        for label in (*CHINESE, *ENGLISH)
        if text.count(label) != 1
    ]
    assert missing == []


def test_rows_when_compared_with_the_page_then_each_alarm_of_the_node_is_one_and_has_words() -> None:
    states = alert_findings.STATES | alert_signs.STATES
    ours = raised(*NODE)
    assert (sorted(ours - LINES.keys() - states), sorted(LINES.keys() - ours), sorted(LINES.keys() & states)) == ([], [], [])
    heads = [head for head in sections() if WATCHED not in head and not head.startswith(ELSEWHERE)]
    without = [head for head in heads if not {BY_METRIC.get(name, name) for name in NAME.findall(head)} & (LINES.keys() | states)]
    assert without == []
    named = {BY_METRIC.get(name, name) for head in heads for name in NAME.findall(head)}
    assert sorted((LINES.keys() | states) - named) == []
    assert sorted((LINES.keys() | states) - WORDS.keys() - words.WORDS.keys()) == []
