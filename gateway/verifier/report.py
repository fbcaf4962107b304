"""What a verification found, as values: findings with codes, checks that were made, and what is thereby shown in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.verifier.bundle import NOT_PROVEN


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold.  `place` is a leaf (`leaf 30`), a message or a member of the bundle, never a personal value."""

    code: str
    place: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence in both languages."""

    zh: str
    en: str


CHECKS: Final[Mapping[str, Words]] = {
    "form": Words("文件格式", "the file's form"),
    "log": Words("检查点由本信任文件所载的存证日志签名", "the checkpoint is signed by the trust file's log"),
    "witnesses": Words("见证签名与法定数", "cosignatures and quorum"),
    "proofs": Words("每片叶都在该检查点之下", "every leaf is in the log under that checkpoint"),
    "keys": Words("公钥与其起止之叶", "keys, and the leaves that began and ended them"),
    "case": Words("转移号、顺序、状态逐步相接", "transfer id, order, states step by step"),
    "envelopes": Words("每份信封由行为人当时有效的公钥签名", "every envelope signed by its actor's key as valid at that leaf"),
    "contents": Words("所收原始字节与摘要相符", "the bytes as received fit the signed digests"),
    "answers": Words("网关的答复与摘要相符", "the gateway's answers fit their digests"),
    "documents": Words("申请、授权、同一人声明", "request, consent, same-person claim"),
    "decision": Words("认定所依据的字节、逐项结果与学分", "what the decision rests on, its items and credits"),
    "records": Words("记录与承诺相符,合计相符", "records fit their commitments, totals add up"),
}
UNPROVEN: Final[Mapping[str, Words]] = dict(
    zip(
        NOT_PROVEN,
        (
            Words("银行所陈述的内容是否属实", "that what a bank committed to is true"),
            Words("网关收到之前是否有消息被压下", "that no message was suppressed before the gateway took it"),
            Words(
                "本案至该检查点再无别的叶(须有日志的副本:--log)",
                "that the case has no further leaf up to that checkpoint (a copy of the log shows it: --log)",
            ),
            Words("该检查点之后的情形,包括其后的作废", "anything after that checkpoint, a later revocation among it"),
            Words("学习者本人的行为,只由受理页面的经办者作证", "a learner's own act: the operator of the page attests it, no more"),
            Words(
                "叶上的时间是网关的时钟,以前后见证时间为界", "the times in leaves: the gateway's clock, bounded by the cosignatures around"
            ),
        ),
        strict=True,
    )
)


@dataclass(slots=True)
class Report:
    """Filled by the checks.  `not_done` names checks that this form of bundle cannot have, each with why."""

    transfer: str = ""
    form: str = ""
    size: int = 0
    final: bool = False
    quorum: int = 0
    cosigned: tuple[tuple[str, int], ...] = ()
    state: str = ""
    done: list[str] = field(default_factory=list)
    not_done: dict[str, Words] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    shown: list[Words] = field(default_factory=list)
    complete: bool = False

    @property
    def ok(self) -> bool:
        return not self.findings

    def find(self, code: str, place: str, zh: str, en: str) -> None:
        """Note something wrong and go on: a court wants all of it."""
        self.findings.append(Finding(code, place, zh, en))

    @property
    def unproven(self) -> tuple[str, ...]:
        """Codes of what this does not prove; a copy of the whole log answers one of them."""
        return tuple(code for code in NOT_PROVEN if not (self.complete and code == "complete"))

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "verified": self.ok,
            "transfer": self.transfer,
            "form": self.form,
            "size": self.size,
            "final": self.final,
            "quorum": self.quorum,
            "cosigned": [{"witness": name, "at": at} for name, at in self.cosigned],
            "state": self.state,
            "complete": self.complete,
            "checks": [{"check": name, "zh": CHECKS[name].zh, "en": CHECKS[name].en} for name in self.done],
            "not_checked": [{"check": name, "zh": why.zh, "en": why.en} for name, why in self.not_done.items()],
            "findings": [{"code": each.code, "place": each.place, "zh": each.zh, "en": each.en} for each in self.findings],
            "shown": [{"zh": each.zh, "en": each.en} for each in self.shown] if self.ok else [],
            "not_proven": [{"code": code, "zh": UNPROVEN[code].zh, "en": UNPROVEN[code].en} for code in self.unproven],
        }
