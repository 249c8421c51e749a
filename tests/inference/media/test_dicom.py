"""DICOM to what the model sees: values as published, every syntax, and files that nobody should trust.

Expected values are worked out here from the published handling (Google's container: `apply_modality_lut`, then
the minimum and maximum of the image to the whole range of 16 bits, MONOCHROME1 as maximum minus value; no window).
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import data_store
import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from inference.errors import InputRefused, Refusal
from inference.media import dicom
from inference.media.dicom import DicomLimits, Rendering
from inference.media.sandbox import Limits
from tests.support import dicom_files as files

PACKAGE = Path(data_store.__file__).parent / "data"


def pixels(png: bytes):
    return np.asarray(Image.open(io.BytesIO(png)))


def read(content: bytes, **limits):
    return dicom.read(content, limits=DicomLimits(**limits))


def shown(content: bytes):
    return pixels(read(content).frames[0].png)


def as_published(stored, *, inverted=False):
    """Full dynamic range on 16 bits, then 8."""
    wide = np.interp(stored, (stored.min(), stored.max()), (0, 65535)).astype(np.uint16)
    wide = 65535 - wide if inverted else wide
    return np.rint(wide / 65535 * 255).astype(np.uint8)


def test_twelve_bits_become_eight_over_their_whole_range():
    """The darkest value is 0 and the brightest 255, whatever the bits allow."""
    stored = files.ramp(top=3000) + np.uint16(50)

    assert np.array_equal(as_published(stored), shown(files.image(stored, BitsStored=12, HighBit=11)))


def test_monochrome1_is_inverted():
    """What a reader would see white is white."""
    stored = files.ramp()

    got = shown(files.image(stored, PhotometricInterpretation="MONOCHROME1"))

    assert np.array_equal(as_published(stored, inverted=True), got)
    assert (255, 0) == (got[0, 0], got[-1, -1])


def test_no_window_is_applied():
    """A window in the header changes nothing: the model was trained without."""
    stored = files.ramp()
    windowed = files.image(stored, WindowCenter="100", WindowWidth="20")

    assert np.array_equal(shown(files.image(stored)), shown(windowed))


def test_signed_values_are_shifted_not_wrapped():
    """The most negative value is black."""
    stored = files.ramp(top=4000, kind=np.int16) - np.int16(2000)
    got = shown(files.image(stored))

    assert np.array_equal(as_published(stored.astype(int)), got)


def test_a_rescale_beyond_sixteen_bits_does_not_wrap():
    """A slope of 100 makes values that no 16 bits hold; their order stays."""
    got = shown(files.image(files.ramp(), RescaleSlope="100", RescaleIntercept="-5", RescaleType="US"))

    assert np.all(np.diff(got.ravel().astype(int)) >= 0)
    assert (0, 255) == (got.min(), got.max())


def test_a_negative_slope_turns_light_and_dark():
    """The rescale is part of what a value means."""
    stored = files.ramp()
    got = shown(files.image(stored, RescaleSlope="-1", RescaleIntercept="4095", RescaleType="US"))

    assert np.array_equal(as_published(4095 - stored.astype(int)), got)


def test_a_modality_lut_is_applied():
    """Values stand for others by a table."""
    item = Dataset()
    item.LUTDescriptor = [4096, 0, 16]
    item.ModalityLUTType = "US"
    table = (np.arange(4096, dtype=np.uint16)[::-1] * 16).astype(np.uint16)
    item.LUTData = table.tobytes()
    item["LUTData"].VR = "OW"
    stored = files.ramp()
    got = shown(files.image(stored, BitsStored=12, HighBit=11, ModalityLUTSequence=Sequence([item])))

    assert np.array_equal(as_published(table[stored]), got)


def test_eight_bits_stay_as_they_are():
    """The published handling leaves 8 bits alone, but for MONOCHROME1."""
    stored = files.ramp(top=200, kind=np.uint8)

    assert np.array_equal(stored, shown(files.image(stored)))
    assert np.array_equal(255 - stored, shown(files.image(stored, PhotometricInterpretation="MONOCHROME1")))


def test_an_overlay_is_not_drawn():
    """Burnt lines of a reader are no anatomy."""
    plain = files.dataset(files.ramp())
    drawn = files.dataset(files.ramp())
    group = 0x6000
    for element, vr, value in (
        (0x0010, "US", 40),
        (0x0011, "US", 64),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 1),
        (0x0102, "US", 0),
        (0x3000, "OW", b"\xff" * (40 * 64 // 8)),
    ):
        drawn.add_new((group, element), vr, value)

    assert np.array_equal(shown(files.encode(plain)), shown(files.encode(drawn)))


def test_colour_by_plane_is_colour_by_pixel():
    """Both planar configurations are one picture."""
    values = np.stack([files.ramp(kind=np.uint8, top=250), *[files.ramp(kind=np.uint8, top=99)] * 2], -1)
    planes = files.image(
        values, PlanarConfiguration=1, PixelData=np.ascontiguousarray(values.transpose(2, 0, 1)).tobytes()
    )

    assert np.array_equal(values, shown(files.image(values)))
    assert np.array_equal(values, shown(planes))


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_lossless_syntaxes_give_the_same_picture(syntax):
    """What is packed without loss comes out as it went in."""
    made = files.dataset(files.ramp(), BitsStored=12, HighBit=11)
    plain = shown(files.encode(made))
    made.compress(syntax)

    assert np.array_equal(plain, shown(files.encode(made)))


def test_a_deflated_file_is_read():
    """Deflated Explicit VR Little Endian."""
    made = files.dataset(files.ramp(), syntax=DeflatedExplicitVRLittleEndian)

    assert np.array_equal(as_published(files.ramp()), shown(files.encode(made)))


#: Of pydicom's own test files: the syntax, the file, the file with the same picture.
SAME = [
    ("JPEG lossless", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_rle.dcm"),
    ("RLE of two frames", "SC_rgb_rle_2frame.dcm", "SC_rgb_rle_16bit_2frame.dcm"),
    ("JPEG 2000", "MR_small_jp2klossless.dcm", "MR_small.dcm"),
    ("JPEG-LS", "MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
    ("RLE", "MR_small_RLE.dcm", "MR_small.dcm"),
    ("big endian", "MR_small_bigendian.dcm", "MR_small.dcm"),
    ("implicit VR", "MR_small_implicit.dcm", "MR_small.dcm"),
]


@pytest.mark.parametrize(("packed", "plain"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_files_of_others_decode_alike(packed, plain):
    """Encoders that we did not write."""
    both = [Path(get_testdata_file(name)).read_bytes() for name in (packed, plain)]
    first, second = dicom.read_all(both)

    assert np.array_equal(pixels(first.frames[0].png), pixels(second.frames[0].png))


@pytest.mark.parametrize(
    "name", ["SC_rgb_dcmtk_+eb+cy+np.dcm", "SC_rgb_dcmtk_+eb+cy+n1.dcm", "SC_ybr_full_422_uncompressed.dcm"]
)
def test_ybr_is_shown_in_its_colours(name):
    """The first bar of this test picture is red."""
    red, green, blue = shown(Path(get_testdata_file(name)).read_bytes())[5, 50].astype(int)

    assert red > 200
    assert max(green, blue) < 80


def test_a_palette_is_the_same_picture_in_either_byte_order():
    """The tables of a big endian file are turned."""
    both = [(PACKAGE / name).read_bytes() for name in ("OBXXXX1A.dcm", "OBXXXX1A_expb.dcm")]
    first, second = dicom.read_all(both)

    assert np.array_equal(pixels(first.frames[0].png), pixels(second.frames[0].png))


def test_a_real_chest_radiograph_is_read_upright_and_inverted():
    """1955 rows, 1841 columns, MONOCHROME1 of 15 bits: NEMA's own sample, from pydicom-data."""
    found = read((PACKAGE / "RG1_UNCR.dcm").read_bytes())
    got = pixels(found.frames[0].png)

    assert ("CR", "CHEST", "PA") == (found.header.modality, found.header.body_part, found.header.view)
    assert (1955, 1841) == got.shape == (found.header.rows, found.header.columns)
    assert (0, 255) == (got.min(), got.max())
    # Lung is darker than the spine between: the picture is as a radiologist sees it.
    assert got[900:1000, 450:550].mean() < got[900:1000, 880:960].mean()
    assert "inverted" in found.frames[0].rendering


def test_frames_are_spread_over_the_whole():
    """Of many frames the middles of as many equal parts are taken, and how many is said."""
    stored = np.stack([files.ramp(top=1000 + 10 * index) for index in range(10)])
    made = files.image(stored, NumberOfFrames=10)

    assert [2, 4, 7, 9] == [frame.number for frame in read(made, taken=4).frames]
    assert "4 of 10 frames" == read(made, taken=4).coverage
    assert "" == read(made, taken=10).coverage


def test_the_windows_of_ct_are_the_published_ones():
    """Red -1024..1024, green -135..215, blue 0..80 Hounsfield units."""
    stored = np.array([[0, 889, 1024, 1064, 1104, 1239, 2048, 3000]], np.uint16).repeat(2, axis=0)
    made = files.image(stored, Modality="CT", RescaleSlope="1", RescaleIntercept="-1024")
    row = pixels(dicom.read(made, rendering=Rendering.CT).frames[0].png)[0]
    units = stored[0].astype(int) - 1024

    for channel, (low, high) in enumerate([(-1024, 1024), (-135, 215), (0, 80)]):
        expected = np.rint((np.clip(units, low, high) - low) / (high - low) * 255)
        assert expected.tolist() == row[:, channel].tolist()


def test_the_header_says_whose_it_is_and_how_it_was_taken():
    """Identifiers with their issuers, dates as FHIR writes them."""
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID = "X9", "OTHER"
    made = files.image(IssuerOfPatientID="HOSP", OtherPatientIDsSequence=[other], ImageLaterality="L")
    (header,) = dicom.headers([made])

    assert (("MRN-1", "HOSP"), ("X9", "OTHER")) == header.patient_ids
    assert ("1970-01-01", "2026-11-22", "L") == (header.birth_date, header.study_date, header.laterality)
    assert "MRN-1" not in repr(header)


def bomb():
    """A small JPEG 2000 stream in an object that says that it is small; the stream says 30,000 x 30,000."""
    made = files.dataset(files.ramp(), BitsStored=12, HighBit=11)
    made.compress(JPEG2000Lossless)
    size = (64).to_bytes(4, "big") + (40).to_bytes(4, "big")
    huge = (30_000).to_bytes(4, "big") * 2
    assert size in made.PixelData
    made.PixelData = made.PixelData.replace(size, huge, 1)
    return files.encode(made)


def huge():
    made = files.dataset(files.ramp())
    made.Rows = made.Columns = 30_000
    return files.encode(made)


def encrypted():
    made = files.dataset(files.ramp(), PixelData=None)
    item = Dataset()
    item.EncryptedContentTransferSyntaxUID = "1.2.840.10008.1.2"
    item.EncryptedContent = b"secret secret 16"
    made.EncryptedAttributesSequence = [item]
    return files.encode(made)


def inflating():
    """A kilobyte that inflates to hundreds of megabytes."""
    head = files.image(files.ramp(2, 2), syntax=DeflatedExplicitVRLittleEndian)
    meta = head[: head.find(b"1.2.840.10008.1.2.1.99") + 22]
    packer = zlib.compressobj(9, wbits=-15)
    body = b"".join(packer.compress(bytes(2**20)) for _ in range(2000)) + packer.flush()
    return meta + body


WHOLE = files.image(files.ramp())
HOSTILE = {
    "a text file": (b"Dear colleague, here is the X-ray.\n" * 20, Refusal.UNSUPPORTED),
    "nothing": (b"", Refusal.UNSUPPORTED),
    "cut off in its pixels": (WHOLE[:-500], Refusal.CORRUPT),
    "cut off in its header": (WHOLE[:300], Refusal.UNSUPPORTED),
    "unknown syntax": (
        WHOLE.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0"),
        Refusal.UNSUPPORTED,
    ),
    "encrypted": (encrypted(), Refusal.ENCRYPTED),
    "30,000 x 30,000": (huge(), Refusal.TOO_LARGE),
    "a bomb in JPEG 2000": (bomb(), Refusal.CORRUPT),
    "a structured report": (Path(get_testdata_file("test-SR.dcm")).read_bytes(), Refusal.UNSUPPORTED),
    "a segmentation": (Path(get_testdata_file("liver_1frame.dcm")).read_bytes(), Refusal.UNSUPPORTED),
    "one rescale of two": (files.image(RescaleSlope="2"), Refusal.CORRUPT),
    "a slope of nothing": (files.image(RescaleSlope="0", RescaleIntercept="1"), Refusal.CORRUPT),
    "blank": (files.image(np.full((8, 8), 7, np.uint16)), Refusal.UNSUPPORTED),
    "frames without number": (files.image(NumberOfFrames=0), Refusal.CORRUPT),
    "too many frames": (files.image(NumberOfFrames=5000), Refusal.TOO_LARGE),
    "no size": (files.image(Rows=None), Refusal.CORRUPT),
    "samples contradict": (files.image(PhotometricInterpretation="RGB"), Refusal.CORRUPT),
    "12 bits of lossy JPEG": (Path(get_testdata_file("JPGExtended.dcm")).read_bytes(), Refusal.UNSUPPORTED),
}


def test_what_cannot_be_read_is_refused_and_costs_no_other():
    """Each with its reason, in words that quote nothing of it; the good one between them is read."""
    names = list(HOSTILE)
    contents = [HOSTILE[name][0] for name in names]
    *refused, good = dicom.read_all([*contents, WHOLE])

    got = {
        name: each.reason if isinstance(each, InputRefused) else each
        for name, each in zip(names, refused, strict=True)
    }
    assert {name: reason for name, (_, reason) in HOSTILE.items()} == got
    assert 1 == len(good.frames)
    assert not any("Phantom" in str(each) or "MRN" in str(each) for each in refused)


def test_a_file_that_inflates_without_end_costs_its_process_and_no_more():
    """The process has a limit of memory; ours goes on."""
    with pytest.raises(InputRefused) as refused:
        read(inflating(), process=Limits(seconds=30, memory_bytes=700 * 2**20))

    assert refused.value.reason in {Refusal.TOO_COSTLY, Refusal.CORRUPT}


def test_more_bytes_than_allowed_are_not_parsed():
    """The limit of bytes comes first."""
    with pytest.raises(InputRefused) as refused:
        read(WHOLE, content_bytes=100)

    assert Refusal.TOO_LARGE is refused.value.reason
