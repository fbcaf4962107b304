"""The two JSON provinces as configured in the tree, and the shapes from which tests build pushes and chains."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.adapters.shanghai.adapter import ShanghaiAdapter
from gateway.adapters.shanghai.adapter import read_settings as shanghai_settings
from gateway.adapters.zhejiang.adapter import ZhejiangAdapter
from gateway.adapters.zhejiang.adapter import read_settings as zhejiang_settings
from gateway.adapters.zhejiang.chain import ZERO_HASH, extend
from gateway.model.local import LocalPart, PartManifest

ROOT = Path(__file__).parents[2]
NO_MANIFEST = PartManifest()
# Synthetic accounts.
CB_ID, OTHER_CB_ID = "100238845511", "100238845512"
CODE, OTHER_CODE = "ZX7K-3M9Q-P4T0-001R", "ZX7K-3M9Q-P4T0-002P"


def adapter_table(region: str) -> dict[str, Any]:
    table = tomllib.loads((ROOT / f"config/regions/{region}.toml").read_text(encoding="utf-8"))["adapter"]
    assert isinstance(table, dict)
    return table


def shanghai(**changes: object) -> ShanghaiAdapter:
    return ShanghaiAdapter(shanghai_settings(adapter_table("shanghai") | changes))


def zhejiang(**changes: object) -> ZhejiangAdapter:
    return ZhejiangAdapter(*zhejiang_settings(adapter_table("zhejiang") | changes))


def samples(region: str, folder: str) -> list[Path]:
    return sorted((ROOT / "gateway/adapters" / region / "samples" / folder).iterdir())


def encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def credit(number: int = 1, **changes: object) -> dict[str, Any]:
    row = {
        "credit_outer_id": f"SHC{number:04d}",
        "course_name": "管理学基础",
        "course_property": 30,
        "course_result_code": 40,
        "course_score": 86,
        "credit": 4,
        "credit_hour": 64,
        "experience_time": "2023-07-05 00:00:00",
    }
    return row | changes


def push(*credits: dict[str, Any], cb_id: object = CB_ID, **changes: object) -> dict[str, Any]:
    return {"channel": "shcreditbank", "cb_id": cb_id, "credit": list(credits), "credit_num": len(credits)} | changes


def achievement(number: int = 1, **changes: object) -> dict[str, Any]:
    return {"achId": f"ZJA-{number:04d}", "achType": "MOOC_COURSE", "title": "基础会计"} | changes


def deposit(number: int = 1, code: str = CODE, **changes: object) -> dict[str, Any]:
    return {"achievement": achievement(number, **changes), "learner": {"zheXueMa": code}, "op": "DEPOSIT"}


def revoke(number: int = 1, code: str = CODE) -> dict[str, Any]:
    return {"achievement": {"achId": f"ZJA-{number:04d}"}, "learner": {"zheXueMa": code}, "op": "REVOKE", "reason": "撤销"}


def chained(*payloads: dict[str, Any], height: int = 1, prev_hash: str = ZERO_HASH) -> list[dict[str, Any]]:
    triples = extend(height, prev_hash, payloads)
    return [
        {"payload": payload, "chain": dict(zip(("height", "prevHash", "hash"), triple, strict=True))}
        for payload, triple in zip(payloads, triples, strict=True)
    ]


def batch(entries: Sequence[object], **changes: object) -> dict[str, Any]:
    return {"version": "2.3", "batchId": "zj-test", "count": len(entries), "records": list(entries)} | changes


def codes_of(part: LocalPart) -> list[str]:
    return [problem.code for damaged in part.quarantined for problem in damaged.problems]
