"""Documents are fetched from hosts that are listed, within limits, and from nowhere else."""

from __future__ import annotations

import hashlib

import httpx2
import pytest

from integration.clients.documents import DocumentClient, FetchLimits
from integration.errors import DocumentRefused, DocumentUnreachable
from mappers.domain.documents import DocumentLink

PDF = b"%PDF-1.7 invented"
OUTSIDE = "203.0.113.7"


def client(handler=None, *, hosts=("docs.example",), address=OUTSIDE, **limits):
    """A client before a scripted server; `asked` holds the requests that went out."""
    asked = []

    def answer(request):
        asked.append(request)
        return handler(request) if handler else httpx2.Response(200, content=PDF)

    made = DocumentClient(
        {"lab": hosts}, FetchLimits(**limits), lambda *_: [address] if isinstance(address, str) else address,
        httpx2.MockTransport(answer),
    )  # fmt: skip
    return made, asked


def fetch(made, url="https://docs.example/r/1", channel="lab"):
    return made.fetch(DocumentLink(url, "application/octet-stream", "Report", "OBX[6]"), channel=channel)


def test_a_listed_host_gives_its_document():
    """Bytes as they came, type by content; asked by the address that was checked, under the host's name."""
    made, asked = client()
    found = fetch(made)
    assert (PDF, "application/pdf", hashlib.sha256(PDF).hexdigest(), "Report", "OBX[6]") == (
        found.content, found.media_type, found.sha256, found.title, found.origin,
    )  # fmt: skip
    (request,) = asked
    assert (OUTSIDE, "docs.example", "docs.example") == (
        request.url.host, request.headers["host"], request.extensions["sni_hostname"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/r", "https://docs.example.evil.example/r", "https://docs.example:8443/r",
        "http://127.0.0.1/r", "http://169.254.169.254/latest/meta-data", "http://[::1]/r", "http://localhost/r",
        "file:///etc/passwd", "ftp://docs.example/r", "urn:oid:1.2.3", "https://user:secret@docs.example/r",
        "https:///r", "http://2130706433/r",
    ],
)  # fmt: skip
def test_everything_else_is_refused_unasked(url):
    """No request goes out, and no error repeats the pointer."""
    made, asked = client()
    with pytest.raises(DocumentRefused) as refusal:
        fetch(made, url)
    assert ([], False) == (asked, "example/r" in str(refusal.value) or "passwd" in str(refusal.value))


def test_a_channel_without_hosts_fetches_nothing():
    """The list is empty until somebody fills it."""
    made, asked = client(hosts=())
    with pytest.raises(DocumentRefused):
        fetch(made)
    made, asked = client()
    with pytest.raises(DocumentRefused):
        fetch(made, channel="other")
    assert [] == asked


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "169.254.169.254",
        "fe80::1%eth0",
        "0.0.0.0",
        "224.0.0.1",
        "::ffff:127.0.0.1",
        [OUTSIDE, "127.0.0.1"],
        [],
    ],
)
def test_a_listed_name_must_not_lead_home(address):
    """A name that resolves to this machine or to a cloud's metadata is refused, even among others."""
    made, asked = client(address=address)
    with pytest.raises(DocumentRefused):
        fetch(made)
    assert [] == asked


def test_an_address_that_is_listed_is_meant():
    """Loopback with its port may be listed, in writing."""
    made, asked = client(hosts=("127.0.0.1:8099",))
    assert PDF == fetch(made, "http://127.0.0.1:8099/r").content
    with pytest.raises(DocumentRefused):
        fetch(made, "http://127.0.0.1:8098/r")
    assert 1 == len(asked)


def moved(location, times=99):
    """A server that names another address."""

    def handler(request):
        nonlocal times
        times -= 1
        return (
            httpx2.Response(302, headers={"location": location})
            if times >= 0
            else httpx2.Response(200, content=PDF)
        )

    return handler


def test_a_redirect_is_judged_like_a_pointer():
    """Within the list it is followed, out of it, home, or to http it is not."""
    made, asked = client(moved("/r/2", times=2))
    assert PDF == fetch(made).content
    assert 3 == len(asked)
    for location in (
        "https://evil.example/",
        "http://169.254.169.254/",
        "http://docs.example/r",
        "file:///etc",
    ):
        made, asked = client(moved(location))
        with pytest.raises(DocumentRefused):
            fetch(made)
        assert 1 == len(asked)


def test_redirects_end():
    """A circle is left."""
    made, asked = client(moved("/again"))
    with pytest.raises(DocumentRefused):
        fetch(made)
    assert 4 == len(asked)


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, DocumentRefused), (401, DocumentRefused), (204, DocumentRefused), (500, DocumentUnreachable),
     (503, DocumentUnreachable), (429, DocumentUnreachable)],
)  # fmt: skip
def test_what_may_work_later_is_told_from_what_will_not(status, error):
    """Only a server's own trouble is worth another attempt."""
    made, _ = client(lambda _: httpx2.Response(status))
    with pytest.raises(error):
        fetch(made)


def test_too_much_nothing_and_too_long_are_refused():
    """Limits hold while the answer comes, whatever its header says."""
    made, _ = client(lambda _: httpx2.Response(200, content=b"x" * 101), max_bytes=100)
    with pytest.raises(DocumentRefused):
        fetch(made)
    made, _ = client(lambda _: httpx2.Response(200, content=b""))
    with pytest.raises(DocumentRefused):
        fetch(made)
    made, _ = client(seconds=-1.0)
    with pytest.raises(DocumentUnreachable):
        fetch(made)


def test_a_server_that_is_not_there_is_unreachable():
    """Neither a name without address nor a refused connection is final."""

    def nobody(_):
        raise httpx2.ConnectError("refused")

    made, _ = client(nobody)
    with pytest.raises(DocumentUnreachable):
        fetch(made)

    def no_name(*_):
        raise OSError

    made = DocumentClient({"lab": ("docs.example",)}, FetchLimits(), no_name)
    with pytest.raises(DocumentUnreachable):
        fetch(made)
