"""SMART Backend Services: assertion, token, scopes, keys, against a scripted authorization server."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey, import_key

from integration.clients import scopes
from integration.clients.signing_keys import jwks, read_key
from integration.clients.smart import BackendServices, Client
from integration.errors import RemoteForbidden, RemoteUnavailable, RemoteUnreadable, SettingsInvalid
from tests.support.fhir_peer import BASE, Peer, resource, says

TOKEN_URL = "https://auth.example/token"
NOW = 1_800_000_000
SCOPE = "system/Media.rs system/ImagingStudy.rs"


def key_file(folder, kind="EC", size="P-384", name="key.pem"):
    key = ECKey.generate_key(size) if kind == "EC" else RSAKey.generate_key(size)
    path = folder / name
    path.write_bytes(key.as_pem(private=True))
    path.chmod(0o600)
    return path


@pytest.fixture(params=[("EC", "P-384", "ES384"), ("RSA", 2048, "RS384")], ids=["ES384", "RS384"])
def signing(request, tmp_path):
    kind, size, algorithm = request.param
    key = read_key(key_file(tmp_path, kind, size))
    assert algorithm == key.algorithm
    return key


class AuthorizationServer(Peer):
    """Discovery, token endpoint and a FHIR server behind one transport."""

    def __init__(self, granted=SCOPE, seconds=300, token_status=200, **configuration):
        super().__init__(says(resource("Media", "1")))
        self.granted, self.seconds, self.token_status = granted, seconds, token_status
        self.configuration = {"token_endpoint": TOKEN_URL, **configuration}
        self.forms = []

    def __call__(self, request):
        if request.url.path.endswith("smart-configuration"):
            self.asked.append(request)
            return says(self.configuration)(request)
        if str(request.url) == TOKEN_URL:
            self.asked.append(request)
            self.forms.append(
                {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
            )
            said = {
                "access_token": f"token-{len(self.forms)}",
                "token_type": "bearer",
                "expires_in": self.seconds,
                "scope": self.granted,
            }
            answer = said if self.token_status == 200 else {"error": "invalid_client"}
            return says(answer, self.token_status)(request)
        return super().__call__(request)

    def authorization(self, key, **options):
        ids = iter(range(1000))
        client = Client(client_id="wardwire", key=key, scope=SCOPE)
        return BackendServices(
            name="channels.ehr.fhir", base=BASE, client=client, http=self.http(),
            clock=lambda: NOW, new_id=lambda: f"jti-{next(ids)}", **options,
        )  # fmt: skip


def test_an_assertion_is_what_smart_wants(signing):
    """Issuer and subject, audience, a life of at most five minutes, our key's name; it verifies by our JWK set."""
    peer = AuthorizationServer()
    assert "Bearer token-1" == peer.authorization(signing).header()

    form = peer.forms[0]
    assert ("client_credentials", SCOPE) == (form["grant_type"], form["scope"])
    assert "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" == form["client_assertion_type"]
    published = KeySet.import_key_set(jwks([signing]))
    token = jwt.decode(form["client_assertion"], published, algorithms=["ES384", "RS384"])
    assert {"alg": signing.algorithm, "kid": signing.kid, "typ": "JWT"} == token.header
    assert {
        "iss": "wardwire",
        "sub": "wardwire",
        "aud": TOKEN_URL,
        "jti": "jti-0",
    }.items() <= token.claims.items()
    assert 0 < token.claims["exp"] - NOW <= 300


def test_a_token_is_kept_until_shortly_before_its_end(signing):
    """One token serves many requests; a fresh one comes before the old one fails, with a fresh assertion."""
    now = [0.0]
    peer = AuthorizationServer(seconds=300)
    authorization = peer.authorization(signing, monotonic=lambda: now[0])

    assert {"Bearer token-1"} == {authorization.header() for _ in range(5)}
    now[0] = 269.0
    assert "Bearer token-1" == authorization.header()
    now[0] = 270.0
    assert "Bearer token-2" == authorization.header()
    assert 2 == len({form["client_assertion"] for form in peer.forms})


def test_a_401_fetches_one_fresh_token(signing):
    """A token that the server forgot is replaced once; a second 401 is final."""
    peer = AuthorizationServer()
    peer.replies = [says(status=401), says(resource("Media", "1")), says(status=401)]
    server = peer.server(authorization=peer.authorization(signing))

    assert "1" == server.read("Media", "1").id
    assert 2 == len(peer.forms)
    with pytest.raises(RemoteForbidden):
        server.read("Media", "1")
    assert 3 == len(peer.forms)


def test_the_token_goes_to_the_base_alone(signing):
    """Neither discovery nor the token endpoint sees it."""
    peer = AuthorizationServer()
    peer.server(authorization=peer.authorization(signing)).read("Media", "1")

    assert [BASE + "/Media/1"] == [str(each.url) for each in peer.asked if "Authorization" in each.headers]


def test_a_grant_that_lacks_a_scope_is_told_by_name(signing):
    """What is missing is said at once, not met as a 403 in the night."""
    peer = AuthorizationServer(granted="system/Media.r system/ImagingStudy.rs")
    with pytest.raises(RemoteForbidden, match=r"does not grant system/Media\.rs;"):
        peer.authorization(signing).header()


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, RemoteForbidden), (401, RemoteForbidden), (503, RemoteUnavailable), (429, RemoteUnavailable)],
)
def test_a_refused_client_is_told_with_the_server_s_code(signing, status, expected):
    """OAuth's error code is shown; a server that is only busy is asked again later."""
    with pytest.raises(expected) as caught:
        AuthorizationServer(token_status=status).authorization(signing).header()
    assert ("invalid_client",) == caught.value.codes


@pytest.mark.parametrize(
    "endpoint", [None, 7, "http://auth.example/token", "file:///etc/passwd", "ftp://auth.example/", "/token"]
)
def test_an_assertion_goes_to_no_odd_endpoint(signing, endpoint):
    """Only https, or what the server itself speaks."""
    peer = AuthorizationServer(token_endpoint=endpoint)
    with pytest.raises(RemoteUnreadable):
        peer.authorization(signing).header()
    assert [] == peer.forms


def test_a_server_that_takes_other_algorithms_is_told_apart(signing):
    """Before an assertion is sent that it cannot verify."""
    peer = AuthorizationServer(token_endpoint_auth_signing_alg_values_supported=["RS256"])
    with pytest.raises(RemoteForbidden, match="takes no assertions"):
        peer.authorization(signing).header()


def test_a_token_that_would_break_a_header_is_refused(signing, monkeypatch):
    """Line ends in a token never reach a header."""
    peer = AuthorizationServer()
    original = AuthorizationServer.__call__

    def evil(self, request):
        if str(request.url) == TOKEN_URL:
            return says({"access_token": "a\r\nX-Evil: 1", "token_type": "Bearer"})(request)
        return original(self, request)

    monkeypatch.setattr(AuthorizationServer, "__call__", evil)
    with pytest.raises(RemoteUnreadable):
        peer.authorization(signing).header()


@pytest.mark.parametrize(
    ("wanted", "granted", "expected"),
    [
        ("system/Media.rs", "system/Media.rs", ()),
        ("system/Media.rs", "system/Media.cruds", ()),
        ("system/Media.rs", "system/*.rs", ()),
        ("system/Media.rs", "system/*.*", ()),
        ("system/Media.rs", "system/Media.read", ()),
        ("system/Media.cud", "system/Media.write", ()),
        ("system/Media.read", "system/Media.rs", ()),
        ("system/Media.rs", "system/Media.r system/Media.s", ()),
        ("system/Media.rs", "system/Media.r", ("system/Media.rs",)),
        ("system/Media.rs", "system/Patient.rs", ("system/Media.rs",)),
        ("system/*.r", "system/Media.r", ("system/*.r",)),
        ("system/Media.rs", "system/Media.rs?category=x", ("system/Media.rs",)),
        ("system/Media.rs", "user/Media.rs", ("system/Media.rs",)),
        ("launch system/Media.r", "system/Media.r", ("launch",)),
    ],
)
def test_what_a_grant_covers(wanted, granted, expected):
    """Letters, wildcards and version 1 words."""
    assert expected == scopes.missing(wanted, granted)


def test_all_keys_are_published_and_no_private_half(tmp_path):
    """A new key and the old one stand side by side, each under its thumbprint."""
    keys = [read_key(key_file(tmp_path, name="a.pem")), read_key(key_file(tmp_path, "RSA", 2048, "b.pem"))]
    published = jwks([*keys, keys[0]])["keys"]

    assert [key.kid for key in keys] == [each["kid"] for each in published]
    assert [import_key(each).thumbprint() for each in published] == [key.kid for key in keys]
    assert not {"d", "p", "q", "dp", "dq", "qi"} & {name for each in published for name in each}
    assert json.dumps(published)


@pytest.mark.parametrize(("kind", "size"), [("EC", "P-256"), ("RSA", 1024)], ids=["P-256", "RSA 1024"])
def test_a_key_that_smart_does_not_take_is_refused(tmp_path, kind, size):
    """Another curve, or too short."""
    with pytest.raises(SettingsInvalid, match="P-384"):
        read_key(key_file(tmp_path, kind, size))


def test_a_key_file_that_others_can_read_is_refused(tmp_path):
    """As ssh does."""
    path = key_file(tmp_path)
    path.chmod(0o644)
    with pytest.raises(SettingsInvalid, match="chmod 600"):
        read_key(path)


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", b"\x00"]
)
def test_a_file_without_a_private_key_is_refused(tmp_path, content):
    """And nothing of it is repeated."""
    path = tmp_path / "k.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsInvalid):
        read_key(path)


def test_a_public_key_is_no_signing_key(tmp_path):
    """The public half alone cannot sign."""
    path = tmp_path / "k.pem"
    path.write_bytes(ECKey.generate_key("P-384").as_pem(private=False))
    path.chmod(0o600)
    with pytest.raises(SettingsInvalid):
        read_key(path)
