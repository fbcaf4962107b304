"""How each field came about: a slower run of the same rules, watched step by step, and its text for people.

Nothing is computed twice in two ways: the closures are the engine's own, run one at a time, and the
policy's sentences come from the very `Working` that gave the credits.  Learner and operator read the
same text, so personal values stand in it as `***`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.mapping.declaration import FIELDS
from gateway.mapping.engine import Mapper, first_values
from gateway.mapping.loss import MASK, Run, shown
from gateway.mapping.plan import Plan, Ruleset, Step
from gateway.mapping.policy import steps
from gateway.model.codes import CodeTables
from gateway.model.local import LocalPart, LocalRecord, LocalValue
from gateway.model.regional import LEARNER_FIELDS, Fate, Loss, LossReport, RegionalRecord, RegionalValue

_LEARNER: Final = frozenset(field.path for field in LEARNER_FIELDS)
_FATES: Final[Mapping[Fate, tuple[str, str]]] = {
    Fate.RETAINED: ("原样保留", "kept as it stands"),
    Fate.DROPPED: ("舍弃", "dropped"),
    Fate.APPROXIMATE: ("近似", "approximate"),
    Fate.DEFAULTED: ("采用默认或假定", "default or assumption"),
    Fate.REFUSED: ("拒绝", "refused"),
}
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "part": ("学习者与分件", "learner and part"),
    "record": ("记录", "record"),
    "from": ("来源", "from"),
    "rule": ("规则", "rule"),
    "result": ("结果", "result"),
    "losses": ("未转入区域字段、保留、近似或假定的值", "values lost, kept, approximate or assumed"),
    "none": ("无", "none"),
    "sum": ("来源值合计", "source values"),
    "mapped": ("已映射", "mapped"),
    "other": ("其他去向", "accounted for below"),
}


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One field, or one sentence about it.

    `record` is "" for part-level values; `target` is a regional field ("" where no field was made); `sources` are local
    paths; `rule` the rule's id, or the policy's; `before` and `after` are values as text.
    """

    record: str
    target: str
    sources: tuple[str, ...]
    rule: str
    before: str
    after: str
    note_zh: str = ""
    note_en: str = ""


def explain(mapper: Mapper, part: LocalPart, source: str) -> list[TraceLine]:
    """Trace the mapping of one part as `to_regional` does it.  Raises MappingError (mapping.unknown_region)."""
    ruleset = mapper.ruleset(part.region)
    run = Run("", "part", learner=part.learner)
    lines = _watch(ruleset.part.steps, part.values, {}, run, ruleset)
    known = {record.record_id: record for record in mapper.to_regional(part, source).part.records}
    for record in part.records:
        lines += _explain_record(mapper, ruleset, record, source, known)
    return lines


def _explain_record(
    mapper: Mapper, ruleset: Ruleset, record: LocalRecord, source: str, known: Mapping[str, RegionalRecord]
) -> list[TraceLine]:
    run = Run(record.record_id, f"row {record.row}")
    out = first_values(record, source)
    lines = [TraceLine(record.record_id, field, (), f"{ruleset.id} {ruleset.version}", "", shown(value)) for field, value in out.items()]
    plan = ruleset.plans.get(record.form)
    if plan is None:
        run.refuse("form", "mapping.unknown_form")
        return [*lines, *_problem_lines(run, 0, "")]
    lines += _watch(plan.steps, record.values, out, run, ruleset)
    return lines + _finish(mapper, ruleset, plan, record, (out, run), known)


def _finish(
    mapper: Mapper,
    ruleset: Ruleset,
    plan: Plan,
    record: LocalRecord,
    so_far: tuple[dict[str, RegionalValue], Run],
    known: Mapping[str, RegionalRecord],
) -> list[TraceLine]:
    """Credits, sentence by sentence, and convertibility."""
    out, run = so_far
    before, noted, met = dict(out), len(run.problems), len(run.remarks)
    working = mapper.finish(record, ruleset, plan, out, run, known.get(record.record_id))
    lines = _problem_lines(run, noted, "")
    if working is not None:
        policy = mapper.policies.by_id[ruleset.policy]
        lines.append(TraceLine(run.record, "size.credits", (), policy.id, "", shown(out.get("size.credits", "-"))))
        sentences = zip(steps(working, policy, "zh"), steps(working, policy, "en"), strict=True)
        lines += [TraceLine(run.record, "size.credits", (), policy.id, "", "", zh, en) for zh, en in sentences]
    for field, value in out.items():
        if before.get(field) != value and field != "size.credits":
            zh, en = _remark_notes(run.remarks[met:], field)
            rule = ruleset.policy if field == "size.policy" else f"{ruleset.id} {ruleset.version}"
            lines.append(TraceLine(run.record, field, (), rule, shown(before.get(field, "")), shown(value), zh, en))
    return lines


def _watch(
    rules: Iterable[Step], values: Mapping[str, LocalValue], out: dict[str, RegionalValue], run: Run, ruleset: Ruleset
) -> list[TraceLine]:
    """Run each rule by itself and write down what it read and what it made."""
    lines: list[TraceLine] = []
    for step in rules:
        before, noted, met = dict(out), len(run.problems), len(run.remarks)
        step.forward(values, out, run)
        read = tuple(path for path in step.local if values.get(path) is not None)
        source = "; ".join(f"{path} = {_hidden(path, values[path], ruleset)}" for path in read)
        made = {field: value for field, value in out.items() if before.get(field) != value}
        for field, value in made.items():
            zh, en = _notes(step, run, met, field)
            after = MASK if field in _LEARNER else shown(value)
            lines.append(TraceLine(run.record, field, read, step.id, source, after, zh, en))
        lines += _problem_lines(run, noted, step.id, read, source)
        if read and not made and len(run.problems) == noted:
            zh, en = _notes(step, run, met, "")
            same = next((field for field in step.fields if field in out), "")
            after = "" if not same else MASK if same in _LEARNER else shown(out[same])
            lines.append(TraceLine(run.record, same, read, step.id, source, after, zh or "与已知一致", en or "agrees with what is known"))
    return lines


def _hidden(path: str, value: LocalValue, ruleset: Ruleset) -> str:
    return MASK if path in ruleset.personal else shown(value)


def _problem_lines(run: Run, start: int, rule: str, read: tuple[str, ...] = (), source: str = "") -> list[TraceLine]:
    return [
        TraceLine(run.record, "", read, rule, source, "", f"拒绝:{problem.zh}({problem.path})", f"refused: {problem.en} ({problem.path})")
        for problem in run.problems[start:]
    ]


def _notes(step: Step, run: Run, met: int, field: str) -> tuple[str, str]:
    """What the rule remarked on this field, in both languages."""
    notes = [_remark_notes(run.remarks[met:], field, step.local)]
    if any(path in run.spelled for path in step.local):
        notes.append(("原写法另行保留", "the source's own spelling is kept beside it"))
    if any(path in run.kept for path in step.local):
        notes.append(("原值保留,未作解释", "the value is kept, not interpreted"))
    if step.backward is None:
        notes.append(("单向规则", "one-way rule"))
    return ";".join(zh for zh, _ in notes if zh), "; ".join(en for _, en in notes if en)


def _remark_notes(remarks: Iterable[Loss], field: str, paths: tuple[str, ...] = ()) -> tuple[str, str]:
    found = [_FATES[loss.fate] for loss in remarks if loss.path == field or loss.path in paths]
    return ";".join(zh for zh, _ in found), "; ".join(en for _, en in found)


def render_explanation(trace: Iterable[TraceLine], loss: LossReport, lang: str, codes: CodeTables | None = None) -> str:
    """The trace and the loss report as text in `zh` or `en`; with `codes`, reasons are words instead of codes."""
    pick = 0 if lang == "zh" else 1
    by_record: dict[str, list[TraceLine]] = {}
    for line in trace:
        by_record.setdefault(line.record, []).append(line)
    for found in loss.losses:
        by_record.setdefault(found.record, [])
    counted = loss.values_read - loss.values_mapped
    head = f"{loss.mapping_id} {loss.mapping_version} ({loss.direction})"
    words = {name: both[pick] for name, both in _WORDS.items()}
    text = [head, f"{words['sum']} {loss.values_read} = {words['mapped']} {loss.values_mapped} + {words['other']} {counted}"]
    for record, lines in by_record.items():
        text += ["", f"{words['record']} {record}" if record else words["part"]]
        text += [printed for line in lines for printed in _printed(line, words, pick, codes)]
        text.append(f"  {words['losses']}:")
        rows = [_loss_line(found, pick, codes) for found in loss.losses if found.record == record]
        text += rows or [f"    {words['none']}"]
    return "\n".join(text) + "\n"


def _printed(line: TraceLine, words: Mapping[str, str], pick: int, codes: CodeTables | None) -> list[str]:
    note = line.note_en if pick else line.note_zh
    if line.target == "size.credits" and not line.after:
        return [f"    · {note}"]
    described = FIELDS.get(line.target)
    name = "" if described is None else (described.en if pick else described.zh)
    printed = [f"  {line.target or '-'}  {name}".rstrip()]
    if line.before:
        printed.append(f"    {words['from']}: {line.before}")
    if line.rule:
        printed.append(f"    {words['rule']}: {line.rule}")
    if line.after:
        entry = codes.lookup(described.codes, line.after) if codes is not None and described is not None and described.codes else None
        meaning = "" if entry is None else f" ({entry.en if pick else entry.zh})"
        printed.append(f"    {words['result']}: {line.after}{meaning}")
    if note:
        printed.append(f"    · {note}")
    return printed


def _loss_line(loss: Loss, pick: int, codes: CodeTables | None) -> str:
    entry = codes.lookup("loss_reason", loss.reason) if codes is not None else None
    reason = loss.reason if entry is None else (entry.en if pick else entry.zh)
    value = f" = {loss.value}" if loss.value else ""
    return f"    {loss.path}{value}: {_FATES[loss.fate][pick]} ({reason})"
