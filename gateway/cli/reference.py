"""docs/cli.md, made from the commands themselves: `python -m gateway.cli.reference > docs/cli.md`; a test compares."""

import sys

import typer
from typer.main import get_command

from gateway.cli.exits import BY_CODE, MEANINGS
from gateway.cli.helps import reference
from gateway.cli.main import app

HEAD = """# 命令行 Command line

由命令自身生成(`python -m gateway.cli.reference > docs/cli.md`),有测试比对。
Made from the commands themselves; a test compares.

- 数据写到标准输出,其余(进度、说明、错误)写到标准错误。
  Data goes to stdout; progress, notes and errors go to stderr.
- 每个命令都有 `--json`:标准输出恰为一个 JSON 文档,空结果为 `[]`;出错时标准错误为一个 RFC 9457 文档。
  Every command has `--json`: exactly one JSON document on stdout, `[]` for an empty result; a fault is one RFC 9457 document on stderr.
- 颜色与动画只在终端上;`--no-color`、`NO_COLOR`、`TERM=dumb` 关闭。
  Colour and motion on terminals only; `--no-color`, `NO_COLOR` and `TERM=dumb` turn them off.
- 私钥只以文件给出,从不作为参数值。只在终端上询问,`--yes` 不再询问。
  Private keys come as files, never as values. Questions on a terminal only; `--yes` answers them.
- 补全 Completion: `ceg --install-completion`。`CEG_DEBUG=1` 显示意外错误的细节 shows the details of an unexpected error.
"""


def page() -> str:
    """The whole page."""
    command = get_command(app)
    context = typer.Context(command, info_name="ceg")
    meanings = "\n".join(f"| {code.value} | {zh} | {en} |" for code, (zh, en) in MEANINGS.items())
    codes = "\n".join(f"| `{prefix}` | {code.value} |" for prefix, code in sorted(BY_CODE.items()))
    exits = f"## 退出码 Exit codes\n\n| 码 Code | 含义 | Meaning |\n| --- | --- | --- |\n{meanings}\n"
    decides = "错误码以最长前缀对应退出码。 An error code's longest prefix decides."
    by_code = f"{decides}\n\n| 错误码 Error code | 退出码 Exit |\n| --- | --- |\n{codes}\n"
    return "\n".join([HEAD, exits, by_code, *reference(command, context)])


if __name__ == "__main__":
    sys.stdout.write(page())
