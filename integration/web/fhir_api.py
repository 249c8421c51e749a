"""The FHIR read face: read, vread, history, search, capabilities (R4 http §3.1.0)."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, g, request

from integration.store import search_reader
from integration.store.result_records import Page, StoredResource
from integration.store.search_parameters import PARAMETERS
from integration.store.search_query import LARGEST_COUNT, Search
from integration.web import capability, fhir_answers
from integration.web.fhir_audit import AUDIT_EVENT, Disclosures
from integration.web.fhir_trail import Trail
from integration.web.negotiation import FHIR_JSON, wants_fhir_json
from integration.web.services import Services
from mappers.fhir import erasure, r4

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_FORM = "application/x-www-form-urlencoded"
_HISTORY_COUNT = 50
#: Bytes of a search form; a thousand ids need 40,000.
_LONGEST_FORM = 2**18


def blueprint(services: Services) -> Blueprint:
    """All routes under /fhir."""
    routes = Blueprint("fhir", __name__, url_prefix="/fhir")
    face = _Face(services)
    routes.before_request(_negotiate)
    routes.add_url_rule("/metadata", "metadata", face.metadata)
    routes.add_url_rule("/<kind>", "search", face.search)
    routes.add_url_rule("/<kind>/_search", "search_by_post", face.search_by_post, methods=["POST"])
    routes.add_url_rule("/<kind>/<resource_id>", "read", face.read)
    routes.add_url_rule("/<kind>/<resource_id>/_history", "history", face.history)
    routes.add_url_rule("/<kind>/<resource_id>/_history/<version>", "vread", face.vread)
    return routes


def _negotiate() -> None:
    if request.view_args and request.view_args.get("kind") == "Binary":
        return  # may be asked for as what it is (R4 2.40)
    if not wants_fhir_json(request.accept_mimetypes, request.args.get("_format")):
        abort(HTTPStatus.NOT_ACCEPTABLE)


class _Face:
    """The handlers, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._base = services.fhir_base
        self._disclosures = Disclosures(services.database, services.clock)
        self._trail = Trail(services, self._disclosures)
        self._capabilities = fhir_answers.encode(
            capability.write(software=services.software, base=self._base, started=services.clock())
        )

    def metadata(self) -> Response:
        """GET /fhir/metadata."""
        return Response(self._capabilities, mimetype=None, content_type=FHIR_JSON)

    def read(self, kind: str, resource_id: str) -> Response:
        """GET /fhir/{type}/{id}."""
        return self._one(kind, resource_id, None)

    def vread(self, kind: str, resource_id: str, version: str) -> Response:
        """GET /fhir/{type}/{id}/_history/{version}."""
        if not version.isdecimal() or len(version) > 9:  # noqa: PLR2004
            abort(HTTPStatus.NOT_FOUND)
        return self._one(kind, resource_id, int(version))

    def _one(self, kind: str, resource_id: str, version: int | None) -> Response:
        _check_address(kind, resource_id)
        stored = self._stored(kind, resource_id, version)
        interaction = "read" if version is None else "vread"
        self._disclosures.read([stored], actor=g.actor, request_id=g.request_id, interaction=interaction)
        if stored.deleted:
            return fhir_answers.deleted(stored)
        if _has_it(stored):
            return fhir_answers.unchanged(stored)
        if kind == "Binary" and not wants_fhir_json(request.accept_mimetypes, request.args.get("_format")):
            return _as_itself(stored)
        return fhir_answers.resource(stored)

    def _stored(self, kind: str, resource_id: str, version: int | None) -> StoredResource:
        if kind == AUDIT_EVENT:
            if version not in {None, 1}:
                abort(HTTPStatus.NOT_FOUND)
            return self._trail.read(resource_id)
        with self._services.database.read() as connection:
            return self._services.results.read(connection, kind, resource_id, version)

    def history(self, kind: str, resource_id: str) -> Response:
        """GET /fhir/{type}/{id}/_history, newest first, by `_count`."""
        _check_address(kind, resource_id)
        count = _number("_count", _HISTORY_COUNT, LARGEST_COUNT)
        before = _number("_cursor", 0, 10**9) or None
        if kind == AUDIT_EVENT:
            found: tuple[StoredResource, ...] = (self._trail.read(resource_id),)
        else:
            with self._services.database.read() as connection:
                found = self._services.results.history(
                    connection, kind, resource_id, count=count + 1, before=before
                )
        versions = found[:count]
        if versions:
            self._disclosures.read(versions, actor=g.actor, request_id=g.request_id, interaction="history")
        url = f"{self._base}/{kind}/{resource_id}/_history"
        links = [("self", _with(url, _count=count, _cursor=before))]
        if len(found) > count and versions:
            links.append(("next", _with(url, _count=count, _cursor=versions[-1].version)))
        return fhir_answers.history(versions, base=self._base, links=links)

    def search(self, kind: str) -> Response:
        """GET /fhir/{type}, with parameters."""
        return self._search(kind, list(request.args.items(multi=True)))

    def search_by_post(self, kind: str) -> Response:
        """POST /fhir/{type}/_search, parameters in the form, the query string or both."""
        if request.mimetype != _FORM:
            abort(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        request.max_content_length = _LONGEST_FORM
        return self._search(kind, [*request.args.items(multi=True), *request.form.items(multi=True)])

    def _search(self, kind: str, pairs: list[tuple[str, str]]) -> Response:
        _check_address(kind)
        if kind == AUDIT_EVENT:
            return self._trail.search(pairs, strict=_wants_strict())
        mapped = search_reader.read(kind, pairs, base=self._base, strict=_wants_strict())
        if mapped.refused:
            return fhir_answers.refused(mapped.issues)
        with self._services.database.read() as connection:
            page = self._services.results.search(connection, mapped.value)
        self._disclosures.searched(
            mapped.value, (*page.matches, *page.included), actor=g.actor, request_id=g.request_id
        )
        links = self._links(mapped.value, page)
        return fhir_answers.searchset(page, base=self._base, links=links, issues=mapped.issues)

    def _links(self, search: Search, page: Page) -> Sequence[tuple[str, str]]:
        url = f"{self._base}/{search.kind}"
        here = [("_cursor", search.cursor.encode())] if search.cursor else []
        links = [("self", _query(url, [*search.applied, *here]))]
        if page.next is not None:
            links.append(("next", _query(url, [*search.applied, ("_cursor", page.next.encode())])))
        return links


def _check_address(kind: str, resource_id: str = "x") -> None:
    if (kind not in PARAMETERS and kind != AUDIT_EVENT) or not _ID.fullmatch(resource_id):
        abort(HTTPStatus.NOT_FOUND)


def _has_it(stored: StoredResource) -> bool:
    """Whether the caller's condition says that it has this version (RFC 9110 §13.1.2, §13.1.3)."""
    if request.if_none_match:
        return request.if_none_match.contains_weak(str(stored.version))
    since = request.if_modified_since
    return since is not None and fhir_answers.moment(stored) < since + timedelta(seconds=1)


def _as_itself(stored: StoredResource) -> Response:
    """A Binary as its bytes, where the caller asks for its media type; no browser shows it in our name."""
    binary = r4.decode(stored.content)
    kind = binary["contentType"].partition(";")[0].strip()
    if kind not in request.accept_mimetypes:
        abort(HTTPStatus.NOT_ACCEPTABLE)
    if erasure.is_erased(binary):
        return fhir_answers.erased(stored)
    return fhir_answers.itself(stored, base64.b64decode(binary.get("data") or ""), kind)


def _wants_strict() -> bool:
    wishes = ",".join(request.headers.getlist("Prefer")).replace(" ", "").lower()
    return "handling=strict" in re.split("[,;]", wishes)


def _number(name: str, default: int, most: int) -> int:
    text = request.args.get(name)
    if not text:
        return default
    if not text.isdecimal() or int(text[:10]) < 1:
        abort(HTTPStatus.BAD_REQUEST)
    return min(int(text[:10]), most)


def _with(url: str, **values: int | None) -> str:
    return _query(url, [(name, str(value)) for name, value in values.items() if value is not None])


def _query(url: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(pairs)}" if pairs else url
