"""PDF of a document that is data: where the fonts are, and the process that draws it (`formats.paper_typst`).

An extra, `[pdf]`: without it everything else works, and who asks for a PDF is told what to install.  Fonts: the folder that was set,
else the system's Noto Sans CJK, else the one the extra brings.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from gateway.errors import FormatError

DRAWER: Final = "gateway.formats.paper_typst"
NEEDS: Final = ("typst", "fontTools")
FONT_PACKAGE: Final = "pylopdf_fonts_zh_cn"
FONT_FILE: Final = "NotoSansSC-Regular.otf"
SYSTEM_FONTS: Final = tuple(
    Path("/usr/share/fonts") / each
    for each in (
        "opentype/noto/NotoSansCJK-Regular.ttc",
        "opentype/noto/NotoSansCJKsc-Regular.otf",
        "noto-cjk/NotoSansCJK-Regular.ttc",
        "google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    )
)
SECONDS_MAX: Final = 60


def fonts(folder: Path | None) -> list[Path]:
    """Where to look, in order; a folder that was set is the only place."""
    if folder is not None:
        return [folder] if folder.is_dir() else []
    spec = find_spec(FONT_PACKAGE)
    brought = [Path(each) / FONT_FILE for each in (spec.submodule_search_locations or ())] if spec is not None else []
    return [each for each in (*SYSTEM_FONTS, *brought) if each.is_file()]


async def write_pdf(document: Mapping[str, Any], folder: Path | None = None) -> bytes:
    """The same document and font give the same bytes.  Takes about half a second of another process.

    Raises FormatError `format.pdf_not_installed`, `.pdf_no_font`, `.pdf_characters`, `.pdf_failed`.
    """
    if any(find_spec(each) is None for each in NEEDS):
        raise FormatError(
            "format.pdf_not_installed",
            '未安装 PDF 组件:pip install "credit-exchange-gateway[pdf]"。CSV 与 XLSX 不受影响',
            'PDF needs an extra: pip install "credit-exchange-gateway[pdf]"; CSV and XLSX do without',
        )
    job = json.dumps({"fonts": [str(each) for each in fonts(folder)], "document": document}, ensure_ascii=False)
    drawer = await asyncio.create_subprocess_exec(sys.executable, "-m", DRAWER, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            made, said = await drawer.communicate(job.encode())
    except TimeoutError:
        raise _failed() from None
    finally:
        if drawer.returncode is None:
            drawer.kill()
            await drawer.wait()
    match drawer.returncode:
        case 0:
            return made
        case 3:
            raise FormatError(
                "format.pdf_no_font",
                "没有可用的中文字体:安装 fonts-noto-cjk,或在 report.fonts_folder 指定字体目录",
                "no Chinese font was found: install fonts-noto-cjk, or name a folder in report.fonts_folder",
            )
        case 4:
            raise FormatError(
                "format.pdf_characters",
                "字体缺少这些字符,已拒绝出具;请在 report.fonts_folder 指定收字更全的字体",
                "the font lacks these characters, so no PDF is made; name a fuller font in report.fonts_folder",
                characters=said.decode("ascii", "replace"),
            )
        case _:
            raise _failed()


def _failed() -> FormatError:
    return FormatError(
        "format.pdf_failed", "PDF 未能生成;请改用 CSV 或 XLSX,并告知系统管理员", "the PDF could not be made; use CSV or XLSX"
    )
