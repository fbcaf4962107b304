"""What every answer of the people's listener tells the browser it may not do."""

from typing import Final

from aiohttp import web

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Nothing inline, nothing from elsewhere.  `data:` images are those inside vendored style sheets."""
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""`same-origin` and not `no-referrer`: with the latter browsers send `Origin: null` with our own forms, and it would tell nothing."""
HSTS: Final = "max-age=31536000"
FOREVER: Final = "public, max-age=31536000, immutable"
VENDOR: Final = "/static/vendor/"
STATIC: Final = "/static/"


def harden(request: web.Request, response: web.StreamResponse, *, secure: bool) -> None:
    """Set them.  Pages are never kept by anybody; vendored files, whose version is in their path, for ever."""
    response.headers.update(HEADERS)
    if secure:
        response.headers["Strict-Transport-Security"] = HSTS
    if response.status == 200 and request.path.startswith(VENDOR):
        response.headers["Cache-Control"] = FOREVER
    elif request.path.startswith(STATIC):
        response.headers["Cache-Control"] = "no-cache"
    else:
        response.headers["Cache-Control"] = "no-store"
