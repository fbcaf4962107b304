"""The documents of a request, read and checked against each other before anything is decided.

What is wrong with the papers is found here, all at once; what depends on the present state of
the region (who holds an outcome) is found later, under the lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from gateway.errors import ConsentError, Problem, RecordError, TransferError, TrustError
from gateway.federation.envelope import VerifiedMessage
from gateway.mapping.documents import read
from gateway.mapping.schema import Standard
from gateway.model.documents import Consent, Identity, Request
from gateway.model.identifiers import IdentifierError, citizen_number
from gateway.recognition.agreement import Agreement, any_between

RECORDS_MAX = 300


@dataclass(frozen=True, slots=True)
class Papers:
    """A request's documents.  `identity.citizen_id` is normalised and its check character holds."""

    request: Request
    identity: Identity
    consent: Consent
    consent_source: Consent | None

    @property
    def pushed(self) -> bool:
        """Whether the facing bank is the source bank and sent the part itself."""
        return self.request.facing == self.request.source


def read_papers(message: VerifiedMessage, standard: Standard, members: frozenset[str], now: datetime) -> Papers:
    """Read and check.  Raises StandardError, RecordError, TransferError, ConsentError, TrustError with every problem of its kind."""
    contents = message.contents
    request = read(contents["request"].data, Request, standard)
    identity = read_identity(contents["identity"].data, standard)
    consent = read(contents["consent"].data, Consent, standard)
    source = contents.get("consent-source")
    papers = Papers(request, identity, consent, read(source.data, Consent, standard) if source else None)
    _check_parties(message, request, members)
    _check_contents(message, papers)
    check_consent(consent, request, message.iss, request.accepting, now)
    if papers.consent_source is not None:
        check_consent(papers.consent_source, request, message.iss, request.source, now)
    return papers


def read_identity(content: bytes, standard: Standard) -> Identity:
    """The identity block with its number in normal form.  Raises RecordError with the number's fault, never its value."""
    identity = read(content, Identity, standard)
    try:
        return Identity(citizen_number(identity.citizen_id), identity.name, identity.synthetic)
    except IdentifierError as error:
        problem = Problem("identity/citizenId", error.code, "公民身份号码不正确", "the citizen number is not a valid one")
        raise RecordError("record.bad_identity", "身份信息有误", "the identity block is faulty", problems=(problem,)) from error


def _check_parties(message: VerifiedMessage, request: Request, members: frozenset[str]) -> None:
    wrong = []
    if request.facing != message.iss:
        wrong.append(_problem("request/facing", "受理行须为签名行", "the facing bank is the one that signs"))
    if request.facing not in {request.source, request.accepting}:
        wrong.append(_problem("request/facing", "受理行须为转出行或接收行", "the facing bank is the source or the accepting bank"))
    if request.source == request.accepting:
        wrong.append(_problem("request/accepting", "转出行与接收行不能相同", "source and accepting bank differ"))
    wrong.extend(
        _problem(f"request/{role}", "不是成员行", "not a member of the registry")
        for role, member in (("source", request.source), ("accepting", request.accepting))
        if member not in members
    )
    if len(request.records) > RECORDS_MAX:
        wrong.append(_problem("request/records", "一案记录过多", f"a case holds at most {RECORDS_MAX} records"))
    if wrong:
        raise TransferError("transfer.bad_document", "申请内容不成立", "the request does not hold together", problems=tuple(wrong))


def _check_contents(message: VerifiedMessage, papers: Papers) -> None:
    """Pushed: the part and the same-person claim.  Pulled: the consent for asking the source bank, and no part."""
    names = set(message.contents)
    wanted, barred = ({"part"}, {"consent-source"}) if papers.pushed else ({"consent-source"}, {"part", "manifest"})
    problems = [
        *(Problem(f"content {name}", "trust.missing_content", "缺少此内容", "this content is missing") for name in sorted(wanted - names)),
        *(
            Problem(f"content {name}", "trust.unexpected_content", "不应有此内容", "this content does not belong here")
            for name in sorted(barred & names)
        ),
    ]
    if problems:
        raise TrustError(problems[0].code, "消息内容与方式不符", "the contents do not fit this way of asking", problems=tuple(problems))
    if papers.pushed and message.claims.get("same_person") != message.sd("identity"):
        raise TrustError("trust.other_identity", "同一人声明不是针对本案的身份信息", "same_person is not over this case's identity block")


def check_consent(consent: Consent, request: Request, facing: str, recipient: str, now: datetime) -> None:
    """For this recipient, this purpose, these records, now.  Raises ConsentError: the most telling code, every problem beside it."""
    problems = []
    if consent.controller != facing:
        problems.append(
            Problem("consent/controller", "consent.other_controller", "授权不由受理行持有", "the facing bank holds the consent")
        )
    if consent.recipient != recipient:
        problems.append(Problem("consent/recipient", "consent.other_recipient", "授权的接收方不符", "the consent names another recipient"))
    if consent.purpose != request.purpose:
        problems.append(Problem("consent/purpose", "consent.other_purpose", "授权的目的不符", "the consent is for another purpose"))
    if consent.source != request.source or not set(request.records) <= set(consent.records):
        problems.append(
            Problem("consent/records", "consent.other_records", "授权不含所申请的记录", "the consent does not cover the records")
        )
    if not consent.given_at <= now < consent.expires_at or consent.retention_until < now.date():
        problems.append(Problem("consent/expiresAt", "consent.expired", "授权未生效或已到期", "the consent is not in force now"))
    if problems:
        raise ConsentError(problems[0].code, "授权不适用于本次申请", "the consent does not cover this request", problems=tuple(problems))


def check_agreement(agreements: Sequence[Agreement], request: Request, day: date) -> None:
    """Deny by default.  Raises TransferError("transfer.no_agreement")."""
    if not any_between(agreements, request.source, request.accepting, day):
        raise TransferError(
            "transfer.no_agreement", "两行之间没有有效协议", "no agreement in force lets this go from source to accepting bank"
        )


def _problem(path: str, zh: str, en: str) -> Problem:
    return Problem(path, "transfer.bad_document", zh, en)
