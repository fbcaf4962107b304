"""What each bank's own system writes: its format, its words, its encodings.

The formats are our invention, not the banks' real interfaces.  Written here by hand and not by the
adapters, so that the sandbox feeds the adapters bytes that somebody else made.  A ledger knows
achievements only as its bank would say them: Shanghai credit hours of 16, Jiangsu theory and practice,
Zhejiang minutes and points in a hash chain, Anhui a sheet.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from xml.sax.saxutils import escape, quoteattr

from gateway.crypto.sm3 import sm3_hex
from gateway.model.canonical import Json, jcs
from gateway.simulator.people import ANHUI, JIANGSU, SHANGHAI, ZHEJIANG, Learner

CHINA = timezone(timedelta(hours=8))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PERIOD = "2024-06"


@dataclass(frozen=True, slots=True)
class Entry:
    """An achievement before a bank puts it in its words.  `kind`: `course`, `certificate` or `broken` (a damaged line, Anhui only).

    `code` is unique in the ledger; `number` a certificate's number; `score` of 100.
    """

    kind: str
    code: str
    title: str
    score: int
    number: str = ""


def write_feed(member: str, learner: Learner, entries: Sequence[Entry]) -> bytes:
    """One learner's achievements as that bank's own system writes them."""
    return _WRITERS[member](learner, entries)


def _shanghai(learner: Learner, entries: Sequence[Entry]) -> bytes:
    """A JSON push: integer credits and class hours, a season, no grade scale, no identity."""
    courses = [
        {
            "credit_outer_id": f"SHC{entry.code}", "course_name": entry.title, "course_property": 30, "course_result_code": 40,
            "course_score": entry.score, "course_season": 50, "course_subject": "行政管理", "course_year": "2023", "credit": 4,
            "credit_hour": 64, "experience_time": "2023-07-05 00:00:00", "inst_name": "上海开放大学黄浦分校", "learning_stage": 21,
        }
        for entry in entries
        if entry.kind == "course"
    ]  # fmt: skip
    certificates = [
        {
            "cert_exp_outer_id": f"SHZ{entry.code}", "certificate_level": "四级", "certificate_name": entry.title,
            "experience_time": "2022-11-18 00:00:00", "inst_name": "上海××职业技能评价中心",
        }
        for entry in entries
        if entry.kind == "certificate"
    ]  # fmt: skip
    push = {
        "channel": "shcreditbank",
        "cb_id": learner.accounts[SHANGHAI],
        "trace_no": f"20240703102233{learner.number:06d}",
        "pushed_at": "2024-07-03 10:22:33",
        "credit": courses,
        "credit_num": len(courses),
        "certificate_experience": certificates,
        "certificate_num": len(certificates),
        "training": [],
        "training_num": 0,
    }
    return json.dumps(push, ensure_ascii=False, indent=1).encode("utf-8")


def _jiangsu(learner: Learner, entries: Sequence[Entry]) -> bytes:
    """A SOAP envelope around base64 of GB18030 XML with tags of pinyin initials."""
    rows = "".join(_jiangsu_row(place, entry) for place, entry in enumerate(entries, 1))
    inner = (
        '<?xml version="1.0" encoding="GB18030"?>\n'
        f'<CGPC PCH="JS20240703{learner.number:03d}" CJSJ="20240703102233" TS="{len(entries)}" BB="1.4">\n'
        f' <XXZ ZH="{learner.accounts[JIANGSU]}" LX="G">\n'
        f'  <XM>{escape(learner.name)}</XM><SFZJ LXM="1">{learner.citizen_id}</SFZJ>'
        f'<XBM>{"2" if learner.female else "1"}</XBM><MZM>01</MZM><XLM BB="1984">31</XLM>\n </XXZ>\n{rows}</CGPC>\n'
    ).encode("gb18030")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><js:pushCg xmlns:js="urn:jsxfyh:1.4"><js:data>'
        f"{base64.b64encode(inner).decode('ascii')}</js:data></js:pushCg></soap:Body></soap:Envelope>\n"
    ).encode()


def _jiangsu_row(place: int, entry: Entry) -> str:
    if entry.kind == "certificate":
        return (
            f' <CG XH="{place}" LB="03" CZ="X">\n  <ZS MC={quoteattr(entry.title)} BH={quoteattr(entry.number)} JB="4"/><XF>2</XF>'
            '<CJ LX="HG">1</CJ><DJ KJ="JSLOF">3</DJ><FZDW DM="513200005098812349">江苏省××协会</FZDW>'
            "<HDRQ>20231100</HDRQ><YXQZ/>\n </CG>\n"
        )
    grade = "优" if entry.score >= 90 else "良" if entry.score >= 80 else "中" if entry.score >= 70 else "及"
    return (
        f' <CG XH="{place}" LB="01" CZ="X">\n  <KC DM="JSKD-{entry.code}" MC={quoteattr(entry.title)} XZ="B"/>'
        f'<XS LL="45" SJ="18">63</XS><XF>3.5</XF><CJ LX="DJ">{grade}</CJ><DJ KJ="JSLOF">5</DJ>'
        '<FZDW DM="4232051256">江苏开放大学</FZDW><HDRQ>20230630</HDRQ><YXQZ>20330630</YXQZ>\n </CG>\n'
    )


def _zhejiang(learner: Learner, entries: Sequence[Entry]) -> bytes:
    """A batch in the learner's own SM3 hash chain; the identity only as a digest."""
    who = {
        "idDigest": "sm3:" + sm3_hex(f"zj-salt-2021:{learner.citizen_id}".encode("ascii")),
        "nameMasked": learner.name[:1] + "*",
        "zheXueMa": learner.accounts[ZHEJIANG],
    }
    records, previous = [], "0" * 64
    for height, entry in enumerate(entries, 1):
        payload: dict[str, Json] = {"achievement": _zhejiang_achievement(entry), "learner": who, "op": "DEPOSIT"}
        link = sm3_hex(previous.encode("ascii") + b"\n" + jcs(payload))
        records.append({"payload": payload, "chain": {"height": height, "prevHash": previous, "hash": link}})
        previous = link
    batch = {"version": "2.3", "batchId": f"zj-20240703-{learner.number:04d}", "count": len(records), "records": records}
    return json.dumps(batch, ensure_ascii=False, indent=1).encode("utf-8")


def _zhejiang_achievement(entry: Entry) -> dict[str, Json]:
    common: dict[str, Json] = {
        "achId": f"ZJA-{entry.code}",
        "title": entry.title,
        "period": {"endAt": _millis(2023, 6, 30), "startAt": _millis(2023, 3, 1)},
    }
    if entry.kind == "certificate":
        cert = {"issuer": "浙江省人力资源和社会保障厅", "name": entry.title, "no": entry.number, "skillLevel": "四级/中级工"}
        return common | {
            "achType": "VOC_CERT",
            "cert": cert,
            "level": {"code": "L3a", "framework": "ZJ-LX"},
            "result": {"percent": None, "scale": "PASS", "value": "P"},
            "workload": {"creditValue": None, "minutes": None, "points": "0"},
        }
    value = f"{entry.score / 10 - 5:.1f}"
    return common | {
        "achType": "MOOC_COURSE",
        "subType": "required",
        "level": {"code": "L4b", "framework": "ZJ-LX"},
        "provider": {"platform": "zjooc", "uscc": "123300004700050170"},
        "result": {"percent": str(entry.score), "scale": "GPA5", "value": value},
        "workload": {"creditValue": None, "minutes": 2880, "points": "48.0"},
    }


def _millis(year: int, month: int, day: int) -> int:
    return (datetime(year, month, day, tzinfo=CHINA) - EPOCH) // timedelta(milliseconds=1)


def _anhui(learner: Learner, entries: Sequence[Entry]) -> bytes:
    """A GB18030 sheet as somebody exports it: the person in the first line only, hours as `64(48+16)`, dates as typed."""
    lines = ["序号,姓名,身份证号,所在单位,成果名称,成果类型,课时(理论+实践),学分,成绩,发证单位,证书编号,取得时间,备注"]
    for place, entry in enumerate(entries, 1):
        person = f"{place},{learner.name},'{learner.citizen_id},合肥××职业学院继教院" if place == 1 else ",,,"
        lines.append(f"{person},{entry.title},{_ANHUI_ROWS[entry.kind].format(entry=entry)}")
    return ("\r\n".join(lines) + "\r\n").encode("gb18030")


_ANHUI_ROWS: Mapping[str, str] = {
    "course": "学历课程,64(48+16),3.5学分,{entry.score}/100,安徽继续教育网络园区,,2023年6月,",
    "certificate": "职业技能等级,80,,合格,阜阳市××评价站,{entry.number},2023-11,四级/中级工",
    "broken": "学历课程,64(48+16),3.5学分,{entry.score}/100,安徽继续教育网络园区,,2023年13月,",
}
_WRITERS: Mapping[str, Callable[[Learner, Sequence[Entry]], bytes]] = {
    SHANGHAI: _shanghai,
    JIANGSU: _jiangsu,
    ZHEJIANG: _zhejiang,
    ANHUI: _anhui,
}
