"""Local record → validated regional XML, against a bare hand-written pipeline of the same steps.

Floor, step by step: `json.loads` the push; build each record's regional fields by hand (lookups,
Decimal arithmetic of the credit policy, grade band, dates); join the XML text; parse it with lxml;
validate it with the same compiled XSD.  The floor checks nothing, bounds nothing, reports no loss.
Value: the adapter's `parse`, the mapper's `to_regional`, `write_part`, `Standard.validate_own`, as intake calls them.
"""

import json
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree
from measure import alternate, rate, report

from gateway.app import load_tools
from gateway.mapping.regional_xml import write_part
from gateway.model.local import PartManifest

ROOT = Path(__file__).parents[1]
RECORDS = 10
SECONDS = 1.0
ROUNDS = 7
CATEGORIES = {30: "ADULT", 31: "REGULAR"}
STAGES = {20: "BACHELOR", 21: "ASSOCIATE"}
OUTCOMES = {40: "GRADUATED", 41: "COMPLETED_OR_LEFT"}
SEASONS = {50: "SPRING", 51: "AUTUMN"}
TAIL = '<extras><extra path="trace_no">1</extra><extra path="pushed_at">2024-07-03 10:22:33</extra></extras></regionalPart>\n'
ISSUERS = {"上海开放大学黄浦分校": "12310000425060017N"}


def push() -> bytes:
    """A push of ten courses of one synthetic learner."""
    course = json.loads((ROOT / "gateway/adapters/shanghai/samples/good/sh.json").read_text("utf-8"))["credit"][0]
    credit = [course | {"credit_outer_id": f"SHC2023{n:07d}", "course_score": 60 + n} for n in range(RECORDS)]
    body = {"channel": "shcreditbank", "cb_id": "100238845511", "trace_no": "1", "pushed_at": "2024-07-03 10:22:33"}
    body |= {"credit": credit, "credit_num": RECORDS, "certificate_experience": [], "certificate_num": 0, "training": [], "training_num": 0}
    return json.dumps(body, ensure_ascii=False).encode()


def band_of(score: int) -> str:
    return "A" if score >= 90 else "B" if score >= 80 else "C" if score >= 70 else "D" if score >= 60 else "F"


def credits_of(declared: int, hours: int) -> Decimal:
    """YRD-2024.1 by hand: 16 units a credit, the smaller of declared and computed, down to a half."""
    smaller = min(Decimal(declared), Decimal(hours) / 16)
    return (smaller * 2).to_integral_value(ROUND_FLOOR) / 2


def by_hand(content: bytes) -> bytes:
    """What a bank's programmer would write for this one format."""
    body = json.loads(content)
    records = []
    for row in body["credit"]:
        score = row["course_score"]
        when = datetime.strptime(row["experience_time"], "%Y-%m-%d %H:%M:%S").date()  # noqa: DTZ007 (the source has no zone)
        name = row["inst_name"]
        records.append(
            f"<record><source><bank>CN-31</bank><record>{escape(row['credit_outer_id'])}</record><form>credit</form></source>"
            f"<kind>COURSE</kind><status>VALID</status><title>{escape(row['course_name'])}</title>"
            f"<programme><subject>{escape(row['course_subject'])}</subject><category>{CATEGORIES[row['course_property']]}</category>"
            f"<stage>{STAGES[row['learning_stage']]}</stage><outcome>{OUTCOMES[row['course_result_code']]}</outcome>"
            f"<cohort>{escape(row['course_year'])}</cohort><season>{SEASONS[row['course_season']]}</season></programme>"
            f"<issuer><name>{escape(name)}</name><uscc>{ISSUERS[name]}</uscc></issuer>"
            f"<size><declared>{row['credit']}</declared><units>{row['credit_hour']}</units>"
            f"<credits>{credits_of(row['credit'], row['credit_hour']):.1f}</credits><policy>YRD-2024.1</policy></size>"
            f"<result><raw>{score}</raw><scale>PERCENT</scale><percent>{score}</percent>"
            f"<passed>{'true' if score >= 60 else 'false'}</passed><band>{band_of(score)}</band></result>"
            f"<date><awarded>{when}</awarded></date><convertible>true</convertible>"
            "<issues><issue>assumed_45_minutes</issue><issue>assumed_all_theory</issue><issue>scale_unstated</issue></issues></record>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<regionalPart xmlns="urn:yrd:credit-exchange:1.0" version="1.0"><source>CN-31</source>'
        "<mappingId>shanghai</mappingId><mappingVersion>1.0.0</mappingVersion>"
        f"<learner><account>{escape(body['cb_id'])}</account></learner><records>{''.join(records)}</records>" + TAIL
    ).encode()


def main() -> None:
    tools = load_tools()
    adapter, manifest, content = tools.regions["shanghai"], PartManifest(), push()

    def gateway() -> int:
        part = adapter.parse(content, manifest)
        mapped = tools.mapper.to_regional(part, "CN-31")
        tools.standard.validate_own("records", write_part(mapped.part))
        return len(part.records)

    sample = write_part(tools.mapper.to_regional(adapter.parse(content, manifest), "CN-31").part)
    schema = etree.XMLSchema(etree.parse(str(ROOT / "standards/xsd/1.0/records.xsd")))
    assert schema.validate(etree.fromstring(by_hand(content))), schema.error_log
    assert by_hand(content) == sample, "the floor must write the same bytes"

    def bare() -> int:
        assert schema.validate(etree.fromstring(by_hand(content)))
        return RECORDS

    floors, values = alternate(lambda: rate(bare, SECONDS), lambda: rate(gateway, SECONDS), ROUNDS)
    report("mapping", floors, values, "records/s", "nothing is stored")


if __name__ == "__main__":
    main()
