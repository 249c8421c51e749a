"""/.well-known/jwks.json: the public keys by which other servers know Wardwire (RFC 7517 §5)."""

from __future__ import annotations

import json

from flask import Blueprint, Response

from integration.web.services import Services

#: How long others may keep it: a new key is published for so long before it signs.
MAX_AGE_SECONDS = 300


def blueprint(services: Services) -> Blueprint:
    """The one route. Open to all: there is nothing in it but public keys."""
    routes = Blueprint("key_set", __name__)
    body = json.dumps(services.key_set)

    @routes.get("/.well-known/jwks.json")
    def jwks() -> Response:
        answer = Response(body, content_type="application/jwk-set+json")
        answer.headers["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
        return answer

    return routes
