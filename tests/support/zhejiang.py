"""Zhejiang batches made in a test."""

from typing import Any

from gateway.model.local import LocalRecord, Operation
from tests.support.json_provinces import (
    ROOT,
)

SAMPLE = (ROOT / "gateway/adapters/zhejiang/samples/good/zj.json").read_bytes()
DIGEST = "sm3:863a74ea6c9f692beaf1df1abe9607944a507df910ad3993f043a9031e1e8be6"
SAMPLE_PERSON = "330106199512244027"


def record(number: int = 1, operation: Operation = Operation.DEPOSIT, form: str = "MOOC_COURSE", **values: Any) -> LocalRecord:
    return LocalRecord(f"X{number}", operation, number, form, {"title": "会计学基础"} | values)
