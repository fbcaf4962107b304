"""Did that bank say it, over these bytes, and was it answered so?  Envelope, contents and answer of every act.

The envelope stands in the leaf; contents and answer stand beside, with the secrets that open their digests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.crypto.digests import salted_digest
from gateway.errors import FormatError, TrustError
from gateway.federation.envelope import VerifiedEnvelope, open_envelope
from gateway.federation.message import MemberKey
from gateway.federation.protocol import CLOCK_SKEW_MAX
from gateway.formats.json_safe import read_json
from gateway.model.transfer import Act
from gateway.transferlog.leaf import Leaf
from gateway.transferlog.leaf_form import TOTALS
from gateway.verifier.bundle import FULL, Bundle, RawAct, RawAnswer
from gateway.verifier.log_checks import HeldKey, Placed
from gateway.verifier.report import Report
from gateway.verifier.scope_checks import UNDONE

REFUSED_FROM: Final = 400
DONE: Final = 200
OPENED: Final = 202
_KEY_FAULTS: Final = frozenset({"trust.unknown_key", "trust.unknown_member"})


@dataclass(frozen=True, slots=True)
class SignedAct:
    """An act whose envelope held.  `contents` are the bytes that were signed, as far as they are here."""

    placed: Placed
    envelope: VerifiedEnvelope
    contents: Mapping[str, bytes] = field(default_factory=dict)


def open_acts(bundle: Bundle, leaves: Sequence[Placed], keys: Mapping[tuple[str, str], HeldKey], report: Report) -> list[SignedAct]:
    """Every act of the case with what is known of it; what does not hold is found."""
    messages = {(each.iss, each.jti): each for each in bundle.messages}
    if len(messages) != len(bundle.messages):
        report.find("evidence.other_message", "messages", "同一消息出现两次", "one message stands twice")
    acts = []
    for placed in leaves:
        if placed.leaf.envelope:
            envelope = _envelope(bundle, placed, keys, report)
            raw = messages.pop((placed.leaf.iss, placed.leaf.jti), None)
            contents = _contents(bundle, placed, envelope, raw, report)
            _answer(bundle, placed, leaves, None if raw is None else raw.answer, envelope, report)
            if envelope is not None:
                acts.append(SignedAct(placed, envelope, contents))
    for iss, jti in messages:
        report.find("evidence.other_message", f"message {iss} {jti}", "没有叶记载此消息", "no leaf of the case is about this message")
    report.done += ["envelopes", "contents", "answers"] if bundle.messages else ["envelopes"]
    return acts


def open_one(bundle: Bundle, placed: Placed, keys: Mapping[tuple[str, str], HeldKey], report: Report) -> VerifiedEnvelope | None:
    """The envelope of a leaf in another scope, whose contents are not here."""
    return _envelope(bundle, placed, keys, report) if placed.leaf.envelope else None


def _envelope(bundle: Bundle, placed: Placed, keys: Mapping[tuple[str, str], HeldKey], report: Report) -> VerifiedEnvelope | None:
    leaf = placed.leaf

    def find(iss: str, kid: str) -> MemberKey:
        held = keys.get((iss, kid))
        if held is None:
            raise TrustError("trust.unknown_key", "该成员没有此公钥", "the member has no such key")
        return MemberKey(iss, held.record.key)

    try:
        envelope = open_envelope(leaf.envelope, keys=find)
    except TrustError as error:
        code = "evidence.unknown_key" if error.code in _KEY_FAULTS else "evidence.bad_envelope"
        report.find(code, placed.place, error.zh, error.en)
        return None
    if not keys[envelope.iss, envelope.kid].held(placed):
        report.find("evidence.key_not_valid", placed.place, "签名所用公钥在此叶处无效", "the key that signed was not valid at this leaf")
    if placed.at < envelope.iat - CLOCK_SKEW_MAX:
        report.find("evidence.other_envelope", placed.place, "叶的时间早于信封签发", "the leaf is older than its envelope")
    con = tuple((each["name"], each["sd"], each["length"]) for each in envelope.claims["con"])
    said = (envelope.iss, envelope.iss, envelope.jti, envelope.kid, envelope.aud, con)
    if said != (leaf.actor, leaf.iss, leaf.jti, leaf.kid, bundle.gateway, leaf.content) or envelope.scp not in {None, leaf.scope}:
        report.find("evidence.other_envelope", placed.place, "信封与叶不符", "the envelope says something else than the leaf")
    return envelope


def _contents(bundle: Bundle, placed: Placed, envelope: VerifiedEnvelope | None, raw: RawAct | None, report: Report) -> dict[str, bytes]:
    signed = {name: (sd, length) for name, sd, length in placed.leaf.content}
    types = {each["name"]: each["type"] for each in envelope.claims["con"]} if envelope is not None else {}
    found: dict[str, bytes] = {}
    for piece in raw.contents if raw is not None else ():
        place = f"{placed.place} content {piece.name}"
        if piece.name not in signed:
            report.find("evidence.other_message", place, "该消息没有此内容", "the message has no such content")
        elif (salted_digest(piece.secret, piece.data), len(piece.data)) != signed[piece.name]:
            report.find("evidence.content_changed", place, "内容不是所签的字节", "these are not the bytes that were signed")
        elif types.get(piece.name, piece.media_type) != piece.media_type:
            report.find("evidence.content_changed", place, "内容类型不是所签的", "this is not the content type that was signed")
        else:
            found[piece.name] = piece.data
    missing = signed.keys() - {piece.name for piece in raw.contents} if raw is not None else signed.keys()
    if bundle.form == FULL and missing and _accepted(placed):
        report.find("evidence.content_missing", placed.place, "缺少所签的内容", "contents that were signed are not here")
    return found


def _accepted(placed: Placed) -> bool:
    """What was refused is not kept, only its digests."""
    return not (isinstance(placed.leaf.status, int) and placed.leaf.status >= REFUSED_FROM)


def _answer(
    bundle: Bundle,
    placed: Placed,
    leaves: Sequence[Placed],
    answer: RawAnswer | None,
    envelope: VerifiedEnvelope | None,
    report: Report,
) -> None:
    if answer is None:
        if bundle.form == FULL:
            report.find("evidence.answer_missing", placed.place, "缺少网关的答复", "the gateway's answer is not here")
        return
    if salted_digest(answer.secret, answer.body.encode("utf-8", "surrogatepass")) != placed.leaf.answer:
        report.find("evidence.answer_changed", placed.place, "答复不是叶所记的", "this is not the answer that the leaf is about")
        return
    last = [each.leaf for each in leaves if (each.leaf.iss, each.leaf.jti) == (placed.leaf.iss, placed.leaf.jti)][-1]
    body = _object(answer.body)
    told = {name: sd for name, sd, _ in placed.leaf.content}
    head = (placed.leaf.iss, placed.leaf.jti, told, body.get("act") if envelope is None else envelope.act)
    if (body.get("iss"), body.get("jti"), body.get("digest"), body.get("act")) != head:
        report.find("evidence.other_answer", placed.place, "答复是就另一消息作出的", "it answers another message")
    elif _stands(body) != _stood(placed.leaf, last):
        report.find("evidence.other_answer", placed.place, "答复所称的结果不是叶所记的", "it tells another result than the leaf")


def _stands(body: Mapping[str, Any]) -> tuple[Any, ...]:
    """What an answer says of the case: of a refusal its status, of a yes deadline, totals and items too."""
    stands = (body.get("transfer"), body.get("state"), body.get("ver"))
    if "problem" in body:
        return (*stands, body["problem"].get("status"))
    items = sorted(str(item.get("state")) for item in body.get("items", ()))
    totals = {name: body.get("totals", {}).get(name) for name in TOTALS}
    return (*stands, OPENED if body.get("act") == Act.REQUEST else DONE, body.get("deadline"), totals, items)


def _stood(first: Leaf, last: Leaf) -> tuple[Any, ...]:
    """The same by the act's leaves."""
    stood = (first.scope, last.state_after, last.ver, first.status)
    if first.type in UNDONE:
        return stood
    return (*stood, last.deadline, dict(last.totals or {}), sorted(state for _, _, state in last.items))


def _object(text: str) -> dict[str, Any]:
    try:
        value: Any = read_json(text.encode("utf-8", "surrogatepass"))
    except FormatError:
        return {}
    return value if isinstance(value, dict) else {}
