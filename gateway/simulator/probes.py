"""Messages no honest connector sends: each must meet the refusal of its class and change nothing.

A prober speaks to the gateway directly, with whatever key, time and bytes it is told to use, and checks
the receipt of every answer that has one.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from gateway.client.office import MESSAGES_PATH
from gateway.client.outgoing import Writer, sd_of
from gateway.client.receipts import Judge, Sent, VerifiedAnswer, problem_code
from gateway.client.store import Outgoing
from gateway.crypto.keys import SigningKey
from gateway.errors import PeerError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.envelope import seal
from gateway.federation.message import Content, HttpTarget
from gateway.federation.protocol import GATEWAY_ID, LIFETIME_HTTP_MAX
from gateway.mapping.documents import write
from gateway.model.documents import Decision
from gateway.model.transfer import Act
from gateway.simulator.applications import Counter
from gateway.simulator.live import Sandbox
from gateway.simulator.people import ANHUI, JIANGSU, SHANGHAI, Learner

FLIPPED = 1
STALE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Told:
    """An answer to a probe; `answer` is there where it proves itself."""

    status: int
    body: bytes
    code: str
    repeated: bool
    answer: VerifiedAnswer | None


@dataclass(frozen=True, slots=True)
class Probe:
    """A bad message: what it is, in both languages, the code it must meet, and how to send it."""

    zh: str
    en: str
    code: str
    send: Callable[[], Awaitable[Told]]


@dataclass(slots=True)
class Prober:
    """Sends, and remembers what was proven: `leaves` by log index, `signed` counts answers without a leaf."""

    sandbox: Sandbox
    leaves: set[int] = field(default_factory=set)
    signed: int = 0

    async def send(
        self,
        iss: str,
        message: Outgoing,
        *,
        key: SigningKey | None = None,
        ago: timedelta = timedelta(0),
        path: str = MESSAGES_PATH,
        alter: Callable[[str, Sequence[Content]], tuple[str, Sequence[Content]]] | None = None,
    ) -> Told:
        """Seal, perhaps spoil, and post.  `ago`: how old the envelope is."""
        sandbox = self.sandbox
        url = sandbox.addresses["member_api"] + MESSAGES_PATH
        at = sandbox.gateway.clock.now() - ago
        claims: dict[str, Any] = dict(message.claims)
        token = seal(
            key=key or sandbox.files.bank_keys[iss], iss=iss, aud=GATEWAY_ID, jti=message.jti, iat=at, exp=at + LIFETIME_HTTP_MAX,
            act=message.act, contents=message.contents, http=HttpTarget("POST", sandbox.addresses["member_api"] + path),
            **claims,
        )  # fmt: skip
        contents: Sequence[Content] = message.contents
        if alter is not None:
            token, contents = alter(token, contents)
        got = await sandbox.channel.post(url, token, contents)
        return self._told(iss, message, got)

    def _told(self, iss: str, message: Outgoing, got: HttpAnswer) -> Told:
        sent = Sent(iss, message.jti, message.act, tuple((each.name, sd_of(each), len(each.data)) for each in message.contents))
        judge = Judge(self.sandbox.connectors[SHANGHAI].trust)
        try:
            answer = judge.answer(sent, got.status, got.body, self.sandbox.gateway.clock.now())
        except PeerError:
            return Told(got.status, got.body, problem_code(got.body)[0], got.repeated, None)
        if answer.index is not None:
            self.leaves.add(answer.index)
        elif not got.repeated:
            self.signed += 1
        return Told(got.status, got.body, answer.code, got.repeated, answer)


def flip_content(token: str, contents: Sequence[Content]) -> tuple[str, Sequence[Content]]:
    """One bit of the last content's first byte."""
    last = contents[-1]
    data = bytes([last.data[0] ^ FLIPPED]) + last.data[1:]
    return token, [*contents[:-1], replace(last, data=data)]


def flip_signature(token: str, contents: Sequence[Content]) -> tuple[str, Sequence[Content]]:
    """One character of the signature."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}", contents


def bad_messages(prober: Prober, counter: Counter, learner: Learner, other: Learner, settled: str) -> tuple[Probe, ...]:
    """Every class of refusal.  `learner` has records at Shanghai; `settled` is a settled transfer from Shanghai to Jiangsu."""
    sandbox = prober.sandbox
    ids = sandbox.gateway.ids
    writer = Writer(ids)
    bank = sandbox.banks[SHANGHAI]
    records = bank.record_ids(learner)

    def good() -> Outgoing:
        return writer.request(SHANGHAI, counter.pushed(bank, JIANGSU, learner))

    def with_content(name: str, data: bytes) -> Outgoing:
        message = good()
        return replace(message, contents=tuple(replace(each, data=data) if each.name == name else each for each in message.contents))

    application = counter.pushed(bank, JIANGSU, learner)
    ended = replace(application.consent, expires_at=application.consent.given_at + timedelta(seconds=1))
    late = writer.request(SHANGHAI, replace(application, consent=ended))

    def no_consent() -> Outgoing:
        application = counter.pushed(bank, JIANGSU, learner)
        return writer.request(SHANGHAI, replace(application, consent=replace(application.consent, recipient=ANHUI)))

    def another_person() -> Outgoing:
        jiangsu = sandbox.banks[JIANGSU]
        application = counter.pushed(jiangsu, SHANGHAI, other)
        return writer.request(JIANGSU, replace(application, identity=learner.identity))

    def unasked() -> Outgoing:
        return writer.request(SHANGHAI, counter.pushed(bank, JIANGSU, learner, records=records[:1], supply=bank.part(learner, records)))

    def word(act: Act, contents: tuple[Content, ...] = ()) -> Outgoing:
        return Outgoing(ids.jti(), act.value, settled, contents, {"scp": settled})

    def decision() -> tuple[Content, ...]:
        verdict = next(iter(sandbox.banks[JIANGSU].decided.values()))
        assert isinstance(verdict, Decision)
        return (Content("decision", write(verdict), "application/xml", ids.secret()),)

    rogue = SigningKey.generate()
    doctype = b'<?xml version="1.0"?><!DOCTYPE request [<!ENTITY a "b">]><request xmlns="urn:yrd:credit-exchange:1.0" version="1.0"/>'
    return (
        Probe("传输中被改动一个字节", "one byte changed on the way", "trust.digest_mismatch",
              lambda: prober.send(SHANGHAI, good(), alter=flip_content)),
        Probe("签名被改动", "an altered signature", "trust.bad_signature", lambda: prober.send(SHANGHAI, good(), alter=flip_signature)),
        Probe("不是成员", "an unknown member", "trust.unknown_member", lambda: prober.send("CN-99", good(), key=rogue)),
        Probe("别行的密钥", "another bank's key", "trust.unknown_key",
              lambda: prober.send(SHANGHAI, good(), key=sandbox.files.bank_keys[JIANGSU])),
        Probe("信封已过期", "a stale envelope", "trust.stale", lambda: prober.send(SHANGHAI, good(), ago=STALE)),
        Probe("绑定到别的地址", "bound to another address", "trust.wrong_target",
              lambda: prober.send(SHANGHAI, good(), path="/v1/elsewhere")),
        Probe("授权已到期", "a consent that has run out", "consent.expired", lambda: prober.send(SHANGHAI, late)),
        Probe("消息编号用于另一内容", "a used message id with other contents", "trust.replay_conflict",
              lambda: prober.send(SHANGHAI, replace(good(), jti=late.jti))),
        Probe("授权不是给接收行的", "no consent for this recipient", "consent.other_recipient",
              lambda: prober.send(SHANGHAI, no_consent())),
        Probe("分件是另一个人的", "another person's part", "record.other_person", lambda: prober.send(JIANGSU, another_person())),
        Probe("分件含未申请的记录", "records nobody asked for", "record.not_requested", lambda: prober.send(SHANGHAI, unasked())),
        Probe("申请带有实体声明", "a request with an entity declaration", "format.doctype",
              lambda: prober.send(SHANGHAI, with_content("request", doctype))),
        Probe("分件不是 JSON", "a part that is not JSON", "format.json",
              lambda: prober.send(SHANGHAI, with_content("part", b"{'cb_id':"))),
        Probe("局外人来认定", "a decision by a stranger", "transfer.unknown",
              lambda: prober.send(ANHUI, word(Act.DECIDE, decision()))),
        Probe("转出行自己认定", "a decision by the source bank", "transfer.not_your_role",
              lambda: prober.send(SHANGHAI, word(Act.DECIDE, decision()))),
        Probe("代替网关作出动作", "an act that is the gateway's own", "transfer.not_your_role",
              lambda: prober.send(SHANGHAI, word(Act.EXPIRE))),
    )  # fmt: skip
