"""From what a page shows to HTML, or to the CSV of one of its tables.

One Jinja environment a language, each with its texts installed: autoescape on, an undefined name is an error.
"""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import aiohttp_jinja2
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway import __version__
from gateway.model.people import Denial
from gateway.web.languages import EN, LANGUAGES, ZH, Tongue
from gateway.web.pages.sheet import csv_bytes
from gateway.web.pages.visit import DeniedError, Shown, Visit

TEMPLATES: Final = Path(__file__).parents[1] / "templates"
ENVIRONMENT: Final = {language: web.AppKey(f"jinja_{language}", Environment) for language in LANGUAGES}
BEIJING: Final = timezone(timedelta(hours=8))


def install(app: web.Application, tongues: dict[str, Tongue]) -> None:
    """Set up both environments."""
    for language, tongue in tongues.items():
        environment = aiohttp_jinja2.setup(
            app, app_key=ENVIRONMENT[language], default_helpers=False, loader=FileSystemLoader(TEMPLATES), autoescape=True,
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False, extensions=["jinja2.ext.i18n"],
            filters={"when": when, "day": day},
        )  # fmt: skip
        with_texts: Any = environment  # the extension adds to it
        with_texts.install_gettext_translations(tongue.texts, newstyle=True)
        environment.globals |= {"version": __version__, "ZH": ZH, "EN": EN}


def render(visit: Visit, shown: Shown) -> web.Response:
    """The page, or its file; or, where the URL asks `?csv=name`, that table of it.  Raises DeniedError for a table it has not."""
    if shown.download is not None:
        file = shown.download
        headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
        return web.Response(body=file.data, content_type=file.media_type, headers=headers)
    wanted = visit.request.query.get("csv", "")
    if wanted and shown.status == 200:
        found = next((sheet for sheet in shown.sheets if sheet.name == wanted), None)
        if found is None:
            raise DeniedError(Denial.NOT_FOUND)
        return web.Response(
            body=csv_bytes(found), content_type="text/csv", charset="utf-8",
            headers={"Content-Disposition": f'attachment; filename="{found.name}.csv"'},
        )  # fmt: skip
    return aiohttp_jinja2.render_template(
        shown.template, visit.request, _context(visit, shown), app_key=ENVIRONMENT[visit.tongue.code], status=shown.status
    )


def fragment(visit: Visit, template: str, **context: Any) -> str:
    """A piece of a page, for the live line."""
    made: str = aiohttp_jinja2.render_string(template, visit.request, {"visit": visit, **context}, app_key=ENVIRONMENT[visit.tongue.code])
    return made


def when(text: str) -> str:
    """An RFC 3339 UTC text as people read it: Chinese time, to the second."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S") if text else "–"


def day(text: str) -> str:
    """The same, to the day."""
    return when(text)[:10]


def _context(visit: Visit, shown: Shown) -> dict[str, Any]:
    return {"visit": visit, "sheets": {sheet.name: sheet for sheet in shown.sheets}, **shown.context}
