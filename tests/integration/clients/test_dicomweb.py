"""The DICOMweb client against a scripted server: what each transaction asks, and what its answers become."""

from __future__ import annotations

import pytest

from integration.clients import multipart
from integration.clients.dicomweb import DicomWeb, service_root
from integration.clients.exchange import Limits
from integration.errors import (
    AddressRefused,
    RemoteForbidden,
    RemoteMissing,
    RemoteRefused,
    RemoteUnavailable,
    RemoteUnreadable,
)
from integration.settings import DicomWebSettings
from integration.wiring.dicomweb import ImageSources
from tests.support.fhir_peer import Peer, cannot_be_reached, says

BASE = "https://pacs.example/dicom-web"
STUDY, SERIES, SOP = "1.2.3", "1.2.3.4", "1.2.3.4.5"


def server(*replies, limits=None):
    peer = Peer(*replies)
    return DicomWeb(peer.endpoint(base=BASE, limits=limits)), peer


def lists(*objects):
    return says(list(objects), headers={"Content-Type": "application/dicom+json"})


def attributes(**values):
    return {tag.removeprefix("t"): {"vr": "LO", "Value": list(each)} for tag, each in values.items()}


def parts(*contents, kind="application/dicom"):
    body = multipart.encode(contents, boundary="b-1", media_type=kind)
    return says(body, headers={"Content-Type": f'multipart/related; type="{kind}"; boundary="b-1"'})


def test_a_search_asks_for_what_it_reads_and_reads_it():
    """QIDO-RS by accession number; the answer is a study with its counts and its patient."""
    found = attributes(
        t0020000D=[STUDY], t00080050=["A1"], t00080061=["CR", "SR"], t00080020=["20261122"],
        t00201208=["3"], t00100020=["MRN-1"], t00100021=["HOSP"],
    )  # fmt: skip
    pacs, peer = server(lists(found), lists())
    ((study, patient),) = pacs.studies([("AccessionNumber", "A1")])

    assert (STUDY, "A1", 3) == (study.uid, study.accession.value, study.instance_count)
    assert ["CR", "SR"] == [each.code for each in study.modalities]
    assert ("2026-11-22", ("MRN-1", "HOSP")) == (study.started.text, patient)
    assert "A1" == peer.asked[0].url.params["AccessionNumber"]
    assert "application/dicom+json" == peer.asked[0].headers["Accept"]


def test_pages_are_read_until_nothing_new_comes():
    """A server that knows no offset gives the same page again and again: each answer counts once."""
    page = [attributes(t00080018=[f"1.2.{number}"]) for number in range(3)]
    pacs, peer = server(lists(*page))

    assert ["1.2.0", "1.2.1", "1.2.2"] == [each.uid for each in pacs.instances(STUDY)]
    assert 2 == len(peer.asked)
    assert ["0", "500"] == [request.url.params.get("offset", "0") for request in peer.asked]


def test_nothing_found_may_be_said_without_a_body():
    """204, an empty body and an empty list are one."""
    for reply in (says(None, 204), says(b""), lists()):
        assert () == server(reply)[0].instances(STUDY)


def test_a_series_says_whether_its_images_are_original():
    """ImageType of the instances decides; without it nothing is said."""
    pacs, _ = server(
        lists(attributes(t0020000E=[SERIES], t00080060=["CR"], t00200011=[2])),
        lists(),
        lists(attributes(t00080018=[SOP], t00080016=["1.2"], t00080008=["DERIVED", "PRIMARY"])),
        lists(),
    )
    (series,) = pacs.series(STUDY)
    filled = pacs.filled(STUDY, series)

    assert (None, False) == (series.original, filled.original)
    assert ("CR", 2, 1) == (filled.modality, filled.number, filled.count)


def test_strange_attributes_are_nothing_said():
    """Answers hold what they like: wrong kinds, bare values, dates that are none."""
    odd = {
        "0020000D": {"vr": "UI", "Value": [STUDY]},
        "00080050": "A1",
        "00080061": {"Value": {"a": 1}},
        "00080020": {"Value": ["20261399"]},
        "00201208": {"Value": ["many"]},
    }
    pacs, _ = server(lists(odd), lists())
    ((study, _),) = pacs.studies([])

    assert (None, (), None, None) == (study.accession, study.modalities, study.started, study.instance_count)


@pytest.mark.parametrize("body", [b"{", b'{"a":1}', b"[1]", b"<html>", b"[" * 100_000])
def test_a_list_that_is_none_is_unreadable(body):
    """Pages of login forms among them."""
    with pytest.raises(RemoteUnreadable):
        server(says(body))[0].instances(STUDY)


def test_an_instance_is_asked_for_as_it_is_stored():
    """No transcoding at the server: what was hashed is what it has."""
    raw = b"\r\n--b\r\n\r\n" + bytes(range(256)) * 9
    pacs, peer = server(parts(raw))

    assert raw == pacs.instance(STUDY, SERIES, SOP)
    assert f"{BASE}/studies/{STUDY}/series/{SERIES}/instances/{SOP}" == str(peer.asked[0].url)
    assert 'multipart/related; type="application/dicom"; transfer-syntax=*' == peer.asked[0].headers["Accept"]


def test_a_server_that_does_not_accept_is_asked_in_other_words():
    """406 to transfer-syntax=*, 400 to multipart, then a bare object."""
    bare = says(b"DICM", headers={"Content-Type": "application/dicom"})
    pacs, peer = server(says(None, 406), says(None, 400), bare)

    assert b"DICM" == pacs.instance(STUDY, SERIES, SOP)
    assert 3 == len({request.headers["Accept"] for request in peer.asked})


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (says(None, 404), RemoteMissing),
        (says(None, 403), RemoteForbidden),
        (says(None, 503), RemoteUnavailable),
        (says(None, 501), RemoteRefused),
        (cannot_be_reached, RemoteUnavailable),
        (parts(b"a", b"b"), RemoteUnreadable),
        (says(b"--b\r\nno end", headers={"Content-Type": "multipart/related; boundary=b"}), RemoteUnreadable),
        (says(b"x", headers={"Content-Type": "multipart/related"}), RemoteUnreadable),
        (says(b"x" * 2000), RemoteUnreadable),
    ],
    ids=["404", "403", "503", "501", "unreachable", "two", "torn", "no boundary", "too long"],
)
def test_what_fails_has_a_type(reply, error):
    """The type decides what follows."""
    pacs, _ = server(reply, limits=Limits(max_answer_bytes=1000))
    with pytest.raises(error) as raised:
        pacs.instance(STUDY, SERIES, SOP)

    assert STUDY not in str(raised.value)
    assert "pacs.example" not in str(raised.value)


def test_frames_are_asked_for_with_any_syntax():
    """Orthanc answers 400 to frames of no named syntax."""
    pacs, peer = server(parts(b"one", b"two", kind="application/octet-stream"))

    assert (b"one", b"two") == pacs.frames(STUDY, SERIES, SOP, [1, 2])
    assert str(peer.asked[0].url).endswith("/frames/1,2")
    assert 'type="application/octet-stream"; transfer-syntax=*' in peer.asked[0].headers["Accept"]


def test_a_rendered_picture_is_png_or_else_jpeg():
    """PNG loses nothing; some servers have JPEG alone."""
    pacs, peer = server(says(None, 406), says(b"\xff\xd8", headers={"Content-Type": "image/jpeg"}))

    assert b"\xff\xd8" == pacs.rendered(STUDY, SERIES, SOP, 3)
    assert str(peer.asked[0].url).endswith("/frames/3/rendered")
    assert ["image/png", "image/jpeg"] == [request.headers["Accept"] for request in peer.asked]


def test_storing_says_what_was_taken_and_what_failed():
    """STOW-RS answers 202 when some failed, 409 when all did."""
    told = {
        "00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.1"]}}]},
        "00081198": {
            "vr": "SQ",
            "Value": [{"00081155": {"Value": ["1.2"]}, "00081197": {"Value": [272]}}],
        },
    }
    for status in (202, 409):
        pacs, peer = server(says(told, status))
        stored = pacs.store([b"first", b"second"])

        assert (("1.1",), (("1.2", "272"),)) == (stored.stored, stored.failed)
    body, kind = peer.asked[0].content, peer.asked[0].headers["Content-Type"]
    assert [b"first", b"second"] == [part.content for part in multipart.decode(kind, body)]


@pytest.mark.parametrize("uid", ["", "../x", "1/2", "1.2?x", "1..2", "a.b", "1." * 40, "1.2 "])
def test_what_is_no_uid_is_never_part_of_an_address(uid):
    """A study resource may say anything."""
    pacs, peer = server(lists())
    with pytest.raises(AddressRefused):
        pacs.instance(STUDY, uid, SOP)
    assert [] == peer.asked


@pytest.mark.parametrize(
    "address",
    [BASE, f"{BASE}/", f"{BASE}/studies", f"{BASE}/studies/1.2.3", f"{BASE}/studies/1.2/series/1.3?a=b"],
)
def test_an_address_may_name_a_study_already(address):
    """Some servers give the address of the study as that of the service."""
    assert BASE == service_root(address)


def test_only_listed_hosts_are_called():
    """An Endpoint resource is somebody else's text; its host gets our credential only if it is listed."""
    sources = ImageSources(
        "channels.a.dicomweb", DicomWebSettings(base=BASE, hosts=("vna.example", "own.example:8443"))
    )

    assert sources.main is sources.at(f"{BASE}/studies/1.2")
    assert "https://vna.example/rs" == sources.at("https://vna.example/rs/studies/1.2").base
    assert "https://own.example:8443/rs" == sources.at("https://own.example:8443/rs").base
    for address in (
        "https://evil.example/rs",
        "http://vna.example/rs",
        "https://vna.example:8443/rs",
        "https://own.example/rs",
        "https://user:word@vna.example/rs",
        "https://vna.example.evil.example/rs",
        "ftp://vna.example/rs",
        "https://[bad/rs",
        "",
    ):
        with pytest.raises(AddressRefused):
            sources.at(address)


def test_parts_are_bytes_whatever_they_hold():
    """Line ends, blanks after a delimiter, a preamble, an epilogue."""
    content = b"\r\n\n\r--\r\n\x00"
    body = (
        b"preamble\r\n--x  \r\nContent-Type: a/b\r\nX: y\r\n\r\n"
        + content
        + b"\r\n--x\r\n\r\n\r\n--x--\r\nend"
    )
    first, second = multipart.decode("multipart/related; boundary=x", body)

    assert (content, "a/b", b"") == (first.content, first.media_type, second.content)


def test_a_redirect_is_not_followed():
    """Nor is its target told."""
    pacs, peer = server(says(None, 302, headers={"Location": "https://evil.example/"}))
    with pytest.raises(RemoteRefused):
        pacs.metadata(STUDY)
    assert 1 == len(peer.asked)


def test_metadata_is_all_attributes():
    """WADO-RS metadata of a study or of a series."""
    pacs, peer = server(lists(attributes(t00080018=[SOP])))

    assert 1 == len(pacs.metadata(STUDY, SERIES))
    assert str(peer.asked[0].url).endswith(f"/studies/{STUDY}/series/{SERIES}/metadata")
