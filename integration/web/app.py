"""The Flask application: routes, who may call, limits, request ids, error answers. Built from `Services`."""

from __future__ import annotations

import time
from http import HTTPStatus
from types import TracebackType

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from integration import telemetry
from integration.errors import NotFound, StoreUnavailable, WardwireError
from integration.web import fhir_answers, fhir_api, health, key_set, metrics, pages, security_headers
from integration.web.auth import Refusal, authorize
from integration.web.review import routes
from integration.web.services import Services

#: Answered to anybody who can connect: they show no result and no message.
_OPEN_ENDPOINTS = frozenset({"health.healthz", "health.readyz", "fhir.metadata", "key_set.jwks", "static"})
#: Whose callers are judged by the route itself, channel by channel.
_GUARDED_ENDPOINTS = frozenset({"hooks.receive"})
_QUIET_ENDPOINTS = frozenset({"health.healthz", "health.readyz", "metrics.metrics", "static"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})

_log = telemetry.logger(__name__)


class _Application(Flask):
    """Flask without its own words about a failed request: path and query may name a patient."""

    def log_exception(
        self, exc_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None]
    ) -> None:
        _log.error("request failed", exc_info=exc_info)


def create_app(services: Services) -> Flask:
    """The application for one process. Holds no state but what is in `services`."""
    app = _Application(__name__)
    app.config.update(
        MAX_CONTENT_LENGTH=services.max_body_bytes,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    app.url_map.strict_slashes = False
    if services.behind_proxy:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    app.register_blueprint(fhir_api.blueprint(services))
    app.register_blueprint(health.blueprint(services))
    app.register_blueprint(key_set.blueprint(services))
    app.register_blueprint(metrics.blueprint(services))
    app.register_blueprint(pages.blueprint(services))
    app.register_blueprint(routes.blueprint(services.review))
    for door in services.doors:
        app.register_blueprint(door)
    _bracket_requests(app, services)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(WardwireError, _on_named_error)
    return app


def _bracket_requests(app: Flask, services: Services) -> None:
    """What happens before and after every request."""

    @app.before_request
    def begin() -> ResponseReturnValue | None:
        g.began = time.perf_counter()
        g.request_id = security_headers.accepted_request_id(request.headers.get("X-Request-Id"))
        g.request_id = g.request_id or services.new_id()
        telemetry.bind(request_id=g.request_id)
        if request.endpoint in _OPEN_ENDPOINTS:
            g.actor = "anybody"
            return None
        if request.endpoint in _GUARDED_ENDPOINTS:
            g.actor = "hook"
            return None
        caller = authorize(
            request.headers.get("Authorization", ""),
            # Behind a proxy every caller seems to be near, so an address proves nothing.
            address="" if services.behind_proxy else request.remote_addr or "",
            host=request.host,
            tokens=services.tokens,
            public_base=services.public_base,
        )
        if isinstance(caller, Refusal):
            return _refuse(caller)
        g.actor = caller.actor
        return None

    @app.after_request
    def end(answer: Response) -> Response:
        security_headers.add(answer, over_tls=request.is_secure, acts=request.blueprint == "review")
        answer.headers["X-Request-Id"] = g.request_id
        _account(services, answer)
        return answer

    @app.teardown_request
    def forget(_error: BaseException | None) -> None:
        telemetry.unbind()


def _account(services: Services, answer: Response) -> None:
    """Count and log a request by its route, which never holds an id or a parameter."""
    seconds = time.perf_counter() - g.began
    route = request.url_rule.rule if request.url_rule else "(none)"
    method = request.method if request.method in _METHODS else "OTHER"
    services.metrics.requests.labels(method=method, route=route, status=str(answer.status_code)).inc()
    services.metrics.request_seconds.labels(route=route).observe(seconds)
    if request.endpoint not in _QUIET_ENDPOINTS:
        _log.info(
            "request",
            method=method,
            route=route,
            status=answer.status_code,
            duration_ms=round(seconds * 1000, 1),
        )


def _refuse(refusal: Refusal) -> Response:
    answer = _error(refusal.status, refusal.text)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = (
            'Bearer realm="wardwire", Basic realm="wardwire", charset="UTF-8"'
        )
    return answer


def _on_http_error(error: HTTPException) -> ResponseReturnValue:
    # Werkzeug's own answer to a redirect is the redirect.
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error.get_response()
    answer = _error(error.code)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            answer.headers[name] = value
    return answer


def _on_named_error(error: WardwireError) -> Response:
    if isinstance(error, NotFound):
        return _error(HTTPStatus.NOT_FOUND)
    _log.error("request failed", exc_info=error)
    if isinstance(error, StoreUnavailable):
        answer = _error(HTTPStatus.SERVICE_UNAVAILABLE)
        answer.headers["Retry-After"] = "5"
        return answer
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR)


def _error(status: int, text: str | None = None) -> Response:
    """An error in the form of its place: OperationOutcome under /fhir, a line under /hl7, else a page."""
    if request.path.startswith("/hl7/"):
        words = text or HTTPStatus(status).phrase
        return Response(f"{words}\n", status=status, content_type="text/plain; charset=utf-8")
    if request.path == "/fhir" or request.path.startswith("/fhir/"):
        return fhir_answers.outcome(status, text)
    return pages.error(status, text)
