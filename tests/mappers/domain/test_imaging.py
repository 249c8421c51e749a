"""Whose an image is, and which series of a study are looked at."""

from __future__ import annotations

import pytest
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts

from mappers.domain.identifiers import Identifier
from mappers.domain.imaging import ImageHeader, Series
from mappers.domain.imaging_checks import OnFile, check
from mappers.domain.imaging_choice import ACQUISITION, choose, is_image_class


def header(*, ids=(("MRN-1", "HOSP"),), study="1.2", **said):
    return ImageHeader(
        study=study, series="1.2.3", sop="1.2.3.4", sop_class="", transfer_syntax="", modality="CR",
        patient_ids=ids, **said,
    )  # fmt: skip


def on_file(**known):
    usual = {"study": "1.2", "patient": (Identifier("MRN-1", "urn:oid:1.9"),)}
    return OnFile(**{**usual, **known})


def places(checked):
    return [issue.location for issue in checked.mismatches]


ISSUERS = {"HOSP": "urn:oid:1.9", "LAB": "urn:oid:1.8"}

#: What the header says, what is on file, where they contradict.
CASES = [
    (header(), on_file(), []),
    (header(), on_file(issuers=ISSUERS), []),
    (header(ids=(("MRN-1", ""),)), on_file(), []),
    (header(ids=(("MRN-1", "1.9"),)), on_file(), []),
    (header(ids=(("X", "LAB"), ("MRN-1", "HOSP"))), on_file(issuers=ISSUERS), []),
    (header(ids=(("MRN-1", "LAB"),)), on_file(issuers=ISSUERS), ["IssuerOfPatientID"]),
    (header(ids=(("MRN-1", "1.8"),)), on_file(), ["IssuerOfPatientID"]),
    (
        header(ids=(("MRN-1", "B"),)),
        on_file(patient=(Identifier("MRN-1", None, "A"),)),
        ["IssuerOfPatientID"],
    ),
    (header(ids=(("MRN-2", "HOSP"),)), on_file(), ["PatientID"]),
    (header(ids=()), on_file(), ["PatientID"]),
    (header(), on_file(patient=()), ["PatientID"]),
    (header(study="1.3"), on_file(), ["StudyInstanceUID"]),
    (header(study="1.3"), on_file(study=""), []),
    (header(birth_date="1970-01-01"), on_file(birth_date="1970-01-02"), ["PatientBirthDate"]),
    (header(birth_date="1970-01-01"), on_file(birth_date="1970"), []),
    (header(birth_date="1970-01-01"), on_file(), []),
    (header(accession="A1"), on_file(accession="A2"), ["AccessionNumber"]),
    (header(accession="A1"), on_file(accession="A1"), []),
    (header(), on_file(accession="A1"), []),
]


@pytest.mark.parametrize(("said", "known", "where"), CASES)
def test_an_image_is_compared_with_what_is_on_file(said, known, where):
    """The table of `imaging_checks`."""
    assert where == places(check(said, known))


def test_no_value_is_repeated():
    """Issues go where patients must not."""
    checked = check(
        header(ids=(("MRN-2", "HOSP"),), birth_date="1970-01-01"), on_file(birth_date="1980-01-01")
    )

    assert not any(value in issue.text for issue in checked.mismatches for value in ("MRN", "1970", "1980"))


def test_another_sex_is_a_doubt():
    """Registration errors are common: a person looks."""
    checked = check(header(sex="M"), on_file(gender="female"))

    assert ([], ["PatientSex"]) == (places(checked), [issue.location for issue in checked.doubts])


def series(uid="1.2.3", modality="CR", *, number=1, original=True, count=1):
    return Series(uid=uid, modality=modality, number=number, original=original, count=count)


@pytest.mark.parametrize("modality", ["SR", "SEG", "KO", "PR", "DOC", "REG", "OT", "ECG", "AU", ""])
def test_what_is_no_acquired_image_is_left_out(modality):
    """With the reason."""
    chosen = choose([series(modality=modality), series("1.2.4")])

    assert (["1.2.4"], 1) == ([each.uid for each in chosen.series], len(chosen.left_out))


def test_derived_series_give_way_to_original_ones_of_their_modality():
    """For-presentation radiographs say DERIVED and are all there is: alone they are taken."""
    both = choose([series("1", original=False), series("2"), series("3", "CT", original=False)])
    alone = choose([series("1", original=False)])

    assert ({"2", "3"}, ("1 derived series beside original ones",)) == (
        {s.uid for s in both.series},
        both.left_out,
    )
    assert ["1"] == [each.uid for each in alone.series]


def test_series_come_in_their_order():
    """By number; those without at the end."""
    chosen = choose(
        [series("a", number=None), series("b", number=9), series("c", number=2), series("d", count=0)]
    )

    assert ["c", "b", "a"] == [each.uid for each in chosen.series]


def test_the_acquisition_modalities_are_those_of_the_standard():
    """PS3.16 CID 29, as pydicom has it."""
    listed = {
        code
        for scheme, names in cid_concepts[29].items()
        for name in names
        for code, (_, groups) in concepts[scheme][name].items()
        if 29 in groups
    }
    assert listed == ACQUISITION


def test_a_storage_class_says_what_is_no_image():
    """A structured report or a presentation state may stand in a series of any modality."""
    assert is_image_class("1.2.840.10008.5.1.4.1.1.1.1")
    assert not is_image_class("1.2.840.10008.5.1.4.1.1.88.33")
    assert not is_image_class("1.2.840.10008.5.1.4.1.1.66.4")
