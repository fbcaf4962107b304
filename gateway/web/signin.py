"""Who is asking on a reading route: the member a bearer token was issued to."""

from aiohttp import web

from gateway.errors import TrustError


def member_of(request: web.Request) -> str:
    """Raises TrustError("trust.no_token")."""
    del request
    raise TrustError("trust.no_token", "缺少访问令牌", "an access token is needed here")
