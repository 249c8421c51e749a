"""From settings to hooks: guards with their secrets, refusals in the audit trail, a provider's keys."""

from __future__ import annotations

import hmac

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from integration.clients import key_sets
from integration.errors import RemoteError, SettingsInvalid
from integration.settings import ChannelSettings, HookSettings, Settings, load
from integration.store.audit import Audit
from integration.web.app import create_app
from integration.wiring import stores
from integration.wiring.hooks import Refusals, build_hooks
from tests.support.fhir_peer import Peer, says
from tests.support.web import web_over


@pytest.fixture
def store(tmp_path):
    from integration.store.migrations.upgrade import upgrade

    opened = stores.open_store(Settings(store={"url": f"sqlite:///{tmp_path / 'store.sqlite'}"}))
    upgrade(opened.database)
    yield opened
    opened.database.close()


def client_of(tmp_path, store, **hook):
    settings = Settings(channels={"ehr": ChannelSettings(hook=HookSettings(**hook))})
    (tmp_path / "web").mkdir()
    return web_over(tmp_path / "web", doors=(build_hooks(settings, store),))


STUDY = b'{"resourceType":"ImagingStudy","id":"s1"}'


def answer(web, headers):
    return (
        create_app(web.services)
        .test_client()
        .post("/hooks/ehr", data=STUDY, headers=headers, environ_base={"REMOTE_ADDR": "203.0.113.9"})
        .status_code
    )


def test_secrets_of_a_file_are_each_accepted(tmp_path, store):
    """One a line: a new one beside the old while they change."""
    file = tmp_path / "secrets"
    file.write_text("new\nold\n")
    with client_of(tmp_path, store, kind="hmac", secrets_file=file, prefix="sha256=") as web:
        for secret in (b"new", b"old"):
            signature = f"sha256={hmac.digest(secret, STUDY, 'sha256').hex()}"
            assert 202 == answer(web, {"X-Signature": signature})
        assert 401 == answer(web, {"X-Signature": hmac.digest(b"new", STUDY, "sha256").hex()})


def test_by_default_only_this_machine_may_call(tmp_path, store):
    """A channel without settings is open to nobody far away."""
    with client_of(tmp_path, store) as web:
        assert 403 == answer(web, {})


@pytest.mark.parametrize("content", [None, "", "\n \n"])
def test_a_secret_that_cannot_be_read_is_named_at_start(tmp_path, store, content):
    """An absent or empty file is no hook that lets everybody in."""
    file = tmp_path / "secrets"
    if content is not None:
        file.write_text(content)
    with (
        pytest.raises(SettingsInvalid, match="secrets_file"),
        client_of(tmp_path, store, kind="header", secrets_file=file),
    ):
        pass


@pytest.mark.parametrize(
    "text",
    [
        'hook = {kind = "header"}',
        'hook = {kind = "hmac"}',
        'hook = {kind = "oidc", issuer = "https://x"}',
        'hook = {kind = "mtls"}',
        'hook = {kind = "mtls", subjects = ["CN=x"]}',
        'hook = {kind = "mtls", subjects = ["CN=x"], subject_header = "X-Subject"}',
    ],
)
def test_a_hook_that_would_let_anybody_in_is_refused(tmp_path, monkeypatch, text):
    """Half a guard, a certificate that nobody asks for, a header that anybody can write."""
    monkeypatch.delenv("WARDWIRE_CONFIG", raising=False)
    file = tmp_path / "wardwire.toml"
    file.write_text(f"[channels.ehr]\n{text}\n")
    with pytest.raises(SettingsInvalid, match="hook"):
        load(file)


def test_refusals_are_audited_and_a_flood_is_counted(store):
    """The first at once; those of the same second as a number beside the next."""
    now = [100.0]
    refused = Refusals(store, monotonic=lambda: now[0])
    for _ in range(50):
        refused("ehr", "203.0.113.9", "wrong-credential")
    now[0] += 1.0
    refused("ehr", "203.0.113.9", "wrong-credential")
    refused("ehr", "203.0.113.9", "no-credential")

    found = [each.event for each in Audit(store.database, store.keys, stores.now).records()]
    assert [("wrong-credential", 0), ("wrong-credential", 49), ("no-credential", 0)] == [
        (event.details["code"], event.details["more"]) for event in found
    ]
    assert {("hook.refused", "203.0.113.9")} == {(event.kind, event.actor) for event in found}


KEYS = {"keys": [RSAKey.generate_key(2048, parameters={"kid": "k1"}).as_dict(private=False)]}


def test_a_provider_s_keys_are_found_by_discovery():
    """By the document that the issuer publishes, or by an address of the settings."""
    peer = Peer(says({"jwks_uri": "https://provider.example/keys"}), says(KEYS))
    assert KEYS == key_sets.fetch(peer.http(), issuer="https://provider.example", jwks_url=None)
    assert "https://provider.example/.well-known/openid-configuration" == str(peer.asked[0].url)

    assert KEYS == key_sets.fetch(
        Peer(says(KEYS)).http(), issuer="x", jwks_url="https://provider.example/keys"
    )


@pytest.mark.parametrize(
    "replies",
    [
        (says({"jwks_uri": "http://provider.example/keys"}),),
        (says({"jwks_uri": "file:///etc/passwd"}),),
        (says({}),),
        (says({"jwks_uri": "https://provider.example/keys"}), says({"keys": "x"})),
        (says(status=500),),
        (says(status=404),),
        (says(b"<html>"),),
        (says(status=302, headers={"Location": "http://127.0.0.1/"}),),
    ],
)
def test_keys_come_from_nowhere_odd(replies):
    """No plain text, no file, no redirect, no page of HTML."""
    with pytest.raises(RemoteError):
        key_sets.fetch(Peer(*replies).http(), issuer="https://provider.example", jwks_url=None)


def test_the_guard_of_a_provider_is_built_from_settings(tmp_path, store, monkeypatch):
    """A token of its issuer for our audience opens the hook."""
    key = RSAKey.generate_key(2048, parameters={"kid": "k1"})
    monkeypatch.setattr(key_sets, "fetch", lambda *_, **__: {"keys": [key.as_dict(private=False)]})
    claims = {"iss": "https://p.example", "aud": "ww", "sub": "s", "exp": int(stores.now().timestamp()) + 60}
    token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, key)
    with client_of(
        tmp_path, store, kind="oidc", issuer="https://p.example", audience="ww", subjects=("s",)
    ) as web:
        assert 202 == answer(web, {"Authorization": f"Bearer {token}"})
        assert 401 == answer(web, {"Authorization": "Bearer x.y.z"})
