"""The whole URL table."""

from aiohttp import web

from gateway.web import log_api, member_api, operations, soap_api
from gateway.web.keys import PARTS, Parts
from gateway.web.middleware import errors_and_log
from gateway.web.token import ACCESS, Access, post_token


def member_app(parts: Parts, access: Access) -> web.Application:
    """For member systems."""
    app = web.Application(middlewares=[errors_and_log], client_max_size=parts.body_bytes_max)
    app[PARTS] = parts
    app[ACCESS] = access
    app.add_routes(
        [
            web.post("/v1/token", post_token),
            web.post("/v1/messages", member_api.post_message),
            web.post("/v1/soap", soap_api.post_soap),
            web.post("/v1/mailbox", member_api.post_collect),
            web.post("/v1/quote", member_api.post_quote),
            web.get("/v1/transfers", member_api.get_transfers),
            web.get("/v1/transfers/{id:[0-9a-f]{64}}", member_api.get_transfer),
            web.get("/v1/transfers/{id:[0-9a-f]{64}}/evidence", member_api.get_evidence),
            web.get("/v1/outcomes", member_api.get_outcomes),
            web.get("/v1/agreements", member_api.get_agreements),
            web.get("/v1/presiding", member_api.get_presiding),
            web.get("/v1/rules", member_api.get_rules),
            web.get("/v1/rules/{id:[^/]{1,128}}/{version:[^/]{1,128}}", member_api.get_rule),
            web.get("/v1/consents", member_api.get_consents),
            web.get("/v1/integrity", member_api.get_integrity),
            web.get("/v1/dlq", member_api.get_stuck),
            web.get("/v1/selections", member_api.get_selections),
            web.get("/v1/selections/{token:[A-Za-z0-9_-]{1,128}}", member_api.get_selection),
            web.get("/v1/log/proof", log_api.get_proof),
            web.get("/log/checkpoint", log_api.get_checkpoint),
            web.get("/log/checkpoints/{size:[0-9]{1,19}|final}", log_api.get_checkpoint_at),
            web.get("/log/proof", log_api.get_proof_of),
            web.get("/log/tile/{path:.{1,200}}", log_api.get_tile),
            web.get("/version", operations.version),
        ]
    )
    return app


def ops_app(parts: Parts) -> web.Application:
    """For those who run the node."""
    app = web.Application(middlewares=[errors_and_log])
    app[PARTS] = parts
    app.add_routes(
        [
            web.get("/livez", operations.livez),
            web.get("/readyz", operations.readyz),
            web.get("/version", operations.version),
            web.get("/metrics", operations.metrics),
        ]
    )
    return app
