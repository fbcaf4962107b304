"""What was taken off on the way from the record's credits to the credits awarded, by what and by how much."""

from collections.abc import Iterator

from gateway.recognition.estimate import Result, Solution
from gateway.recognition.names import KINDS
from gateway.recognition.prepared import Plan
from gateway.recognition.words import Mills, Words, shown


def cut_steps(plan: Plan, solution: Solution, position: int) -> Iterator[Words]:
    """One sentence a cut: by the rule, by the course, by a cap.  Nothing where the record counts in full."""
    result, facts = solution.results[position], solution.facts[position]
    application = result.application
    if application is None:
        return
    rule, before = application.rule, sum(part.amount for part, _ in result.parts)
    if rule.catalogue:
        yield Words(f"学分由目录条目 {rule.catalogue} 核定", f"the credits are fixed by catalogue entry {rule.catalogue}")
    elif before < facts.mills:
        yield _smaller(plan, result, facts.mills, before)
    for part, amount in result.parts:
        if amount < part.amount:
            yield _capped(plan, solution, facts.kind, part.course.category, part.amount - amount)


def _smaller(plan: Plan, result: Result, had: Mills, before: Mills) -> Words:
    """Less than the record has, before any cap: the rule gives a number, or the courses have no more room."""
    application = result.application
    assert application is not None
    lost = shown(had - before)
    if not application.credits:
        return Words("规则给予免修,不计学分", "the rule gives an exemption without credits")
    filled = {part.course.code: 0 for part in application.parts}
    for part in application.parts:
        filled[part.course.code] += part.amount
    aims = [aim for aim in plan.aims(application.rule) if aim.course.code in filled]
    if all(aim.size == filled[aim.course.code] for aim in aims):
        room = shown(sum(filled.values()))
        return Words(f"课程共 {room} 学分,多出的 {lost} 学分不结转", f"the course has {room} credits; the surplus of {lost} is not carried")
    if application.rule.credits is not None:
        return Words(
            f"规则给予的学分少于记录的 {shown(had)} 学分,少 {lost}", f"the rule gives {lost} less than the record's {shown(had)} credits"
        )
    return Words(f"不足一个认定单位的 {lost} 学分舍去", f"{lost} credits, less than one step of recognition, are left out")


def _capped(plan: Plan, solution: Solution, kind: str, category: str, lost: Mills) -> Words:
    """Every cap that is used up and touches this amount; where something was cut there is at least one."""
    given = solution.choice.given
    limits = solution.choice.limits
    full: list[Words] = []
    if sum(amount for _, amount in given) == limits.total:
        cap = shown(plan.limits.total)
        full.append(Words(f"本专业转换学分上限 {cap} 学分", f"the programme's cap of {cap} credits"))
    if kind in limits.kinds and sum(amount for part, amount in given if solution.facts[part.record].kind == kind) == limits.kinds[kind]:
        cap = shown(plan.limits.kinds[kind])
        full.append(Words(f"「{KINDS[kind].zh}」类成果上限 {cap} 学分", f"the cap of {cap} credits for {KINDS[kind].en}"))
    if (
        category in limits.categories
        and sum(amount for part, amount in given if part.course.category == category) == limits.categories[category]
    ):
        cap = shown(plan.limits.categories[category])
        full.append(Words(f"「{category}」类课程上限 {cap} 学分", f"the cap of {cap} credits for courses of category {category}"))
    zh, en = "、".join(words.zh for words in full), " and ".join(words.en for words in full)
    return Words(f"{zh}已满,减少 {shown(lost)} 学分", f"{en} cuts {shown(lost)} credits")
