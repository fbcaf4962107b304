"""What people do at the centre, in words; the code stands beside them, since the page filters by it."""

from collections.abc import Mapping
from typing import Final

from gateway.web.languages import msg
from gateway.web.pages.visit import Visit

ACTS: Final[Mapping[str, str]] = {
    "sign_in": msg("登录"),
    "sign_out": msg("退出"),
    "alert.acknowledge": msg("确认告警"),
    "alert.silence": msg("静默告警"),
    "letter.note": msg("写备注"),
    "selection.freeze": msg("冻结选择"),
    "selection.approve": msg("批准选择"),
    "selection.use": msg("放行选择"),
    "selection.pause": msg("暂停选择"),
    "selection.go_on": msg("继续选择"),
    "selection.stop": msg("停止选择"),
    "view.save": msg("保存视图"),
    "view.forget": msg("删除视图"),
    "sandbox.switch": msg("拨动沙箱开关"),
    "sandbox.reset": msg("沙箱恢复正常"),
    "sandbox.scenario": msg("运行沙箱情景"),
    "sandbox.case": msg("沙箱送出一案"),
}


def act_words(visit: Visit, act: str) -> str:
    """A refused request is told by its route, which is no word."""
    return f"{visit._(ACTS[act])} {act}" if act in ACTS else act
