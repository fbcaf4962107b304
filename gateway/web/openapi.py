"""The member API as OpenAPI 3.1, made from one table: `OPERATIONS`.  A test holds it against the routes that are served.

The document is for reading: what is signed and how is in the protocol's pages, and nothing is validated by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway import __version__

ENVELOPE: Final = "envelope"
BEARER: Final = "bearer"
NONE: Final = ""
JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter."""

    name: str
    text: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """A route of the member API.  `answers` maps a status to what it means; `body` is the request's media type, "" for none."""

    method: str
    path: str
    group: str
    summary: str
    by: str
    answers: Mapping[int, str]
    body: str = ""
    gives: str = JSON
    schema: str = ""
    query: tuple[Query, ...] = ()


_LIMIT: Final = Query("limit", "每页项数,至多 200 / items a page, at most 200")
_CURSOR: Final = Query("cursor", "上一页的 next / `next` of the page before")
_NOT_YOURS: Final = "没有,或不是本行的 / unknown, or not the asker's"
_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_OK: Final = {200: "答复 / the answer"}
_DONE: Final = {200: "已办 / done", 202: "已立案 / a transfer was opened", 409: "不成立,签名的拒绝 / refused, signed"}
OPERATIONS: Final = (
    Operation("post", "/v1/messages", "消息 Messages", "银行的任何动作 / any act of a bank", ENVELOPE, _DONE, MULTIPART, schema="Answer"),
    Operation("post", "/v1/soap", "消息 Messages", "同上,SOAP 1.1 / the same in SOAP 1.1", ENVELOPE,
              {200: "签名的答复 / a signed answer", 500: "SOAP fault"}, "text/xml", "text/xml"),
    Operation("post", "/v1/mailbox", "消息 Messages", "信箱成员取件 / a mailbox member polls", ENVELOPE, _OK, MULTIPART, schema="Mailbox"),
    Operation("post", "/v1/token", "令牌 Token", "换取访问令牌 / an access token", NONE,
              {200: "令牌,十分钟 / a token for ten minutes", 400: "断言不成立 / the assertion does not hold"},
              "application/x-www-form-urlencoded", schema="Token"),
    Operation("post", "/v1/quote", "读取 Reading", "申请之前的测算 / an estimate before anyone applies", BEARER, _OK,
              "application/octet-stream", query=(
                  Query("accepting", "接收行 / accepting bank", required=True), Query("programme", "目标专业 / programme", required=True))),
    Operation("get", "/v1/transfers", "读取 Reading", "本行的转移,新的在前 / own transfers, newest first", BEARER, _OK, schema="Transfers",
              query=(Query("state", "只列此状态 / only this state"), _LIMIT, _CURSOR)),
    Operation("get", "/v1/transfers/{id}", "读取 Reading", "一个转移的全部 / one transfer whole", BEARER,
              {200: "转移 / the transfer", 304: "未变 / not changed", 404: _NOT_YOURS}, schema="Transfer"),
    Operation("get", "/v1/transfers/{id}/evidence", "读取 Reading", "自证的本案证据;每次取证写一叶 / the case as a file that proves itself",
              BEARER, {200: "证据 / the evidence", 404: _NOT_YOURS},
              query=(Query("form", "full、learner 或 bare / full, learner or bare"), Query("item", "只含此项 / only this item"),
                     Query("field", "只含此字段 / only this field"), Query("identity", "1 为含身份信息 / 1: with the identity block"))),
    Operation("get", "/v1/outcomes", "读取 Reading", "须由本行裁定的有争议成果 / contested outcomes to rule on", BEARER, _OK),
    Operation("get", "/v1/agreements", "读取 Reading", "本行的协议 / own agreements", BEARER, _OK),
    Operation("get", "/v1/presiding", "读取 Reading", "轮值表、未了事项与交接 / rota, open duties, handovers", BEARER, _OK),
    Operation("get", "/v1/rules", "读取 Reading", "全部规则版本 / every version of every rule set", BEARER, _OK,
              query=(Query("accepting", "只列一家 / of one bank"), Query("id", "只列一集 / of one set"))),
    Operation("get", "/v1/rules/{id}/{version}", "读取 Reading", "规则文件的原样字节 / a rule file, byte for byte", BEARER,
              {200: "文件 / the file", 304: "未变 / not changed", 404: "没有 / unknown"}, gives="application/toml",
              query=(Query("accepting", "两家同名时 / where two banks use one name"),)),
    Operation("get", "/v1/consents", "读取 Reading", "本行持有的授权 / consents held as facing bank", BEARER, _OK, query=(_CURSOR,)),
    Operation("get", "/v1/integrity", "读取 Reading", "学习信誉标记;每次查看写一叶 / integrity flags; each read is a leaf", BEARER,
              {200: "标记 / the flags", 403: "授权已结束 / the consent is over", 404: _NOT_YOURS},
              query=(Query("transfer", "案件 / a case"), Query("consent", "授权 / a consent"), _CURSOR)),
    Operation("get", "/v1/dlq", "读取 Reading", "挂起的与死信 / held transfers and dead letters", BEARER, _OK),
    Operation("get", "/v1/selections", "读取 Reading", "为本行放行的批量选择 / bulk selections released for the asker", BEARER, _OK),
    Operation("get", "/v1/selections/{token}", "读取 Reading", "已放行的批量选择 / a released bulk selection", BEARER,
              {200: "各项与摘要 / its entries and digest", 404: _NOT_YOURS, 409: "未放行或已过时 / not released, or stale"}),
    Operation("get", "/v1/log/proof", "存证日志 Log", "一叶的证明 / a leaf's proof", BEARER, {200: "证明 / the proof", 404: "没有 / none"},
              gives="text/plain", query=(Query("index", "叶的序号 / the leaf's index", required=True),)),
    Operation("get", "/log/checkpoint", "存证日志 Log", "签名的检查点 / the signed checkpoint", NONE, _OK, gives="text/plain"),
    Operation("get", "/log/checkpoints/{size}", "存证日志 Log", "某一大小的检查点 / the checkpoint of that size; `final`: the newest final",
              NONE, {200: "检查点 / the checkpoint", 404: "没有 / none"}, gives="text/plain"),
    Operation("get", "/log/proof", "存证日志 Log", "一叶的证明,能见证的即已见证 / a leaf's proof, final where it can be", NONE,
              {200: "证明 / the proof", 404: "没有 / none"}, gives="text/plain",
              query=(Query("scope", "范围 / scope", required=True), Query("seq", "序号 / number in it", required=True))),
    Operation("get", "/log/tile/{path}", "存证日志 Log", "哈希块;条目只给成员 / hash tiles; entries for members only", NONE,
              {200: "块 / the tile", 404: "没有 / none"}, gives="application/octet-stream"),
    Operation("get", "/version", "存证日志 Log", "版本 / version", NONE, _OK),
)  # fmt: skip
_TEXT: Final = {"type": "string"}
_TIME: Final = {"type": "string", "format": "date-time"}
SCHEMAS: Final[Mapping[str, Any]] = {
    "Problem": {
        "type": "object", "description": "RFC 9457", "required": ["type", "code", "status", "title", "zh", "en"],
        "properties": {
            "type": {"type": "string", "format": "uri"}, "code": _TEXT, "status": {"type": "integer"},
            "title": _TEXT, "zh": _TEXT, "en": _TEXT,
            "retryable": {"type": "boolean"}, "errors": {"type": "array", "items": {"type": "object"}},
        },
    },
    "Answer": {
        "type": "object", "required": ["v", "act", "iss", "jti"],
        "properties": {
            "v": {"const": 1}, "act": _TEXT, "iss": _TEXT, "jti": _TEXT, "transfer": _TEXT, "state": _TEXT, "ver": {"type": "integer"},
            "waiting_on": {"type": "array", "items": _TEXT}, "deadline": {"type": ["string", "null"], "format": "date-time"},
            "items": {"type": "array", "items": {"type": "object"}}, "totals": {"$ref": "#/components/schemas/Totals"},
            "receipt": {"type": "object", "description": "叶、证明与答复密值 / leaf, proof and the answer's secret"},
        },
    },
    "Totals": {
        "type": "object", "description": "学分,十进制文本 / credits as decimal texts",
        "properties": dict.fromkeys(("submitted", "recognised", "refused", "closed", "pending", "awarded", "uncounted"), _TEXT),
    },
    "Transfer": {
        "type": "object", "required": ["transfer", "source", "accepting", "facing", "state", "ver"],
        "properties": {
            "transfer": {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "source": _TEXT, "accepting": _TEXT, "facing": _TEXT,
            "state": _TEXT, "ver": {"type": "integer"}, "opened_at": _TIME, "since": _TIME,
            "deadline": {"type": ["string", "null"], "format": "date-time"}, "waiting_on": {"type": "array", "items": _TEXT},
            "totals": {"$ref": "#/components/schemas/Totals"},
        },
    },
    "Transfers": {
        "type": "object", "required": ["transfers", "next"],
        "properties": {
            "transfers": {"type": "array", "items": {"$ref": "#/components/schemas/Transfer"}}, "next": {"type": ["string", "null"]},
        },
    },
    "Mailbox": {
        "type": "object", "required": ["v", "irt", "messages"],
        "properties": {"v": {"const": 1}, "irt": _TEXT, "messages": {"type": "array", "maxItems": 16, "items": {"type": "object"}}},
    },
    "Token": {
        "type": "object", "required": ["access_token", "token_type", "expires_in"],
        "properties": {"access_token": _TEXT, "token_type": {"const": "Bearer"}, "expires_in": {"type": "integer"}, "scope": _TEXT},
    },
}  # fmt: skip


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "长三角学分互认网关 · 成员接口 / Credit Exchange Gateway, member API",
            "version": __version__,
            "description": "消息以签名信封认证,读取以访问令牌认证。"
            "Messages are authenticated by their signed envelope, reading by an access token.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {
                ENVELOPE: {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Credit-Envelope",
                    "description": "签名信封(JWS) / a signed envelope (JWS)",
                },
                BEARER: {"type": "http", "scheme": "bearer", "description": "POST /v1/token"},
            },
        },
    }


def _operation(each: Operation) -> dict[str, Any]:
    good = (
        {"$ref": f"#/components/schemas/{each.schema}"} if each.schema else {"type": "object"} if each.gives == JSON else {"type": "string"}
    )
    names = [part[1:-1] for part in each.path.split("/") if part.startswith("{")]
    made: dict[str, Any] = {
        "tags": [each.group],
        "summary": each.summary,
        "operationId": each.method + "_" + each.path.strip("/").replace("/", "_").replace("{", "").replace("}", ""),
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names),
            *({"name": q.name, "in": "query", "required": q.required, "description": q.text, "schema": _TEXT} for q in each.query),
        ],
        "responses": {
            **{str(status): {"description": text, **({"content": {each.gives: {"schema": good}}} if status < 300 else {})}
               for status, text in each.answers.items()},
            "default": {"description": "问题 / a problem", "content": {"application/problem+json": {"schema": _PROBLEM}}},
        },
    }  # fmt: skip
    if each.by:
        made["security"] = [{each.by: []}]
    if each.body:
        made["requestBody"] = {
            "required": True,
            "content": {each.body: {"schema": {"type": "object"} if each.body == MULTIPART else {"type": "string"}}},
        }
    return made
