"""Watched folders: what is taken when, where it ends up, and what a crash at any point leaves behind."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from integration.errors import SettingsInvalid, StoreUnavailable
from integration.transports import folder as module
from integration.transports.folder import Folder, Watch
from tests.support.door import codes, door_in, fields, message


class Killed(BaseException):
    """The process ends here."""


class Stage:
    """A watched folder in front of a door, and a clock that the test moves."""

    def __init__(self, path, door, **more):
        self.path, self.door = path, door
        self.now, self.marks = 0.0, 0
        self.watch = Watch(name="lab-share", path=path, channel="lab", **more)
        self.folder = self.another()
        self.folder.prepare()

    def another(self) -> Folder:
        """A process that watches the same folder."""
        return Folder(self.watch, self.door.intake, clock=lambda: self.now, mark=self._mark)

    def _mark(self):
        self.marks += 1
        return f"{self.marks:04d}"

    def put(self, name="a.hl7", content=None):
        (self.path / name).write_bytes(message() if content is None else content)

    def look(self, folder=None, *, seconds=10.0):
        """Two looks with so much time between them."""
        folder = folder or self.folder
        folder.tick()
        self.now += seconds
        return folder.tick()

    def files(self):
        """Every file by its path below the folder."""
        return {
            path.relative_to(self.path).as_posix(): path.read_bytes()
            for path in sorted(self.path.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def stage(tmp_path):
    (tmp_path / "door").mkdir()
    (tmp_path / "share").mkdir()
    with door_in(tmp_path / "door") as door:
        yield lambda **more: Stage(tmp_path / "share", door, **more)


def test_a_file_is_taken_and_put_away(stage):
    """Kept as it came, by the folder's name, and moved to done/."""
    on = stage()
    on.put("a.hl7")
    on.look()

    assert {"done/a.hl7": message()} == on.files()
    (kept,) = on.door.stored()
    assert ("folder:lab-share", "lab", message()) == (
        kept.peer,
        kept.channel,
        on.door.inbox.load(kept.id).raw,
    )


def test_a_refused_file_has_its_answer_beside_it(stage):
    """In refused/, with the acknowledgement that a connection would have got."""
    on = stage()
    on.put("bad.hl7", message(version="3"))
    on.look()

    assert ["refused/bad.hl7", "refused/bad.hl7.ack"] == list(on.files())
    assert ["AR"] == codes(on.files()["refused/bad.hl7.ack"])


@pytest.mark.parametrize("silent", [{"msh15": "NE"}, {"msh15": "SU", "msh16": "SU"}])
def test_a_refusal_is_told_to_people(stage, silent):
    """Also where the sender asked for silence."""
    on = stage()
    on.put("bad.hl7", message(version="3", **silent))
    on.look()

    assert ["AR"] == codes(on.files()["refused/bad.hl7.ack"])


@pytest.mark.parametrize(
    "content",
    [
        message(kind="ACK", body="MSA|AA|1"),
        message(msh15="NE"),
        message("1") + message("2"),
        b"\x0b" + message() + b"\x1c\r",
        b"BHS|^~\\&\r" + message("1") + b"BTS|1\r",
        message().replace(b"\r", b"\r\n"),
    ],
)
def test_what_is_taken(stage, content):
    """One message, several, a batch, framed, with the line ends of a file, or wanting no answer."""
    on = stage()
    on.put("a.hl7", content)
    on.look()

    assert {"done/a.hl7": content} == on.files()


def test_a_batch_with_one_refusal(stage):
    """The file goes to refused/, its answer says which; what was accepted is accepted."""
    on = stage()
    on.put("b.hl7", b"BHS|^~\\&\r" + message("1") + message("2", version="3") + b"BTS|2\r")
    on.look()

    assert ["AA", "AR"] == codes(on.files()["refused/b.hl7.ack"])
    assert ["received", "refused"] == [each.state.value for each in on.door.stored()]


def test_a_batch_whose_count_is_wrong(stage):
    """Refused as a whole: nothing of it is processed."""
    on = stage()
    on.put("b.hl7", b"BHS|^~\\&||||||||||B-9\r" + message("1") + b"BTS|2\r")
    on.look()

    answer = on.files()["refused/b.hl7.ack"]
    assert (["AE"], ["BTS^1^1"]) == (codes(answer), fields(answer, "ERR", 2))
    assert ["refused"] == [each.state.value for each in on.door.stored()]


def test_a_file_settles_first(stage):
    """One that changes is waited for; an empty one holds nothing to take."""
    on = stage(settle_seconds=2.0)
    on.put("a.hl7", b"MSH|^~\\&|half")
    on.put("empty.hl7", b"")
    on.look(seconds=1.9)
    on.put("a.hl7", message())
    on.look(seconds=1.9)
    assert ["a.hl7", "empty.hl7"] == list(on.files())

    on.look(seconds=2.0)
    assert ["done/a.hl7", "empty.hl7"] == list(on.files())


def test_a_file_that_changes_while_it_is_read(stage, monkeypatch):
    """Claimed and then written to: taken when it has settled, whole, once."""
    on = stage()
    on.put("a.hl7", message()[:40])
    read = module._read

    def grows(descriptor):
        raw = read(descriptor)
        (claimed,) = (on.path / "working").iterdir()
        claimed.write_bytes(message())
        return raw

    monkeypatch.setattr(module, "_read", grows)
    on.look()
    assert [] == on.door.stored()
    monkeypatch.setattr(module, "_read", read)
    on.look()
    assert {"done/a.hl7": message()} == on.files()


@pytest.mark.parametrize("name", ["a.txt", ".a.hl7", "a.hl7.tmp", "A.HL7"])
def test_other_names_are_left_alone(stage, name):
    """Only what the pattern names."""
    on = stage()
    on.put(name)
    on.look()

    assert [name] == list(on.files())


def test_only_files_are_taken(stage, tmp_path):
    """No link, which could lead anywhere; no folder; no pipe that would never end."""
    on = stage()
    (tmp_path / "secret.hl7").write_bytes(message())
    (on.path / "link.hl7").symlink_to(tmp_path / "secret.hl7")
    (on.path / "folder.hl7").mkdir()
    os.mkfifo(on.path / "pipe.hl7")
    on.look()

    assert [] == on.door.stored()


def test_a_link_put_in_place_of_a_file(stage, tmp_path):
    """Between the look and the taking: it is not followed."""
    on = stage()
    on.put("a.hl7")
    (found,) = list(on.another()._whole()) or list(module._files(on.path, "*.hl7", claimed=False))
    (on.path / "a.hl7").unlink()
    (tmp_path / "secret.hl7").write_bytes(message())
    (on.path / "a.hl7").symlink_to(tmp_path / "secret.hl7")
    on.folder._take(found)

    assert [] == on.door.stored()


def test_the_oldest_comes_first(stage):
    """By time of change, then by name: senders count."""
    on = stage()
    for age, name in [(30, "c.hl7"), (10, "b.hl7"), (20, "a.hl7"), (20, "d.hl7")]:
        on.put(name, message(name))
        os.utime(on.path / name, (1_000_000 - age, 1_000_000 - age))
    on.look()

    assert ["c.hl7", "a.hl7", "d.hl7", "b.hl7"] == [each.control_id for each in on.door.stored()]


def test_a_name_that_is_taken(stage):
    """A number behind it; nothing that was put away is overwritten, nor its answer."""
    on = stage()
    for number in range(3):
        on.put("a.hl7", message(f"{number}"))
        on.look()
        on.put("bad.hl7", message(f"bad {number}", version="3"))
        on.look()

    files = on.files()
    assert [message("0"), message("1"), message("2")] == [
        files[f"done/a.hl7{suffix}"] for suffix in ("", ".2", ".3")
    ]
    answers = [files[f"refused/bad.hl7{suffix}.ack"] for suffix in ("", ".2", ".3")]
    assert [["bad 0"], ["bad 1"], ["bad 2"]] == [fields(answer, "MSA", 2) for answer in answers]


def test_too_long(stage):
    """Refused from its head; never read."""
    on = stage(max_bytes=200)
    on.put("long.hl7", message(body="OBX|1|TX|||" + "x" * 200))
    on.look()

    answer = on.files()["refused/long.hl7.ack"]
    assert (["AE"], ["M-1"], []) == (codes(answer), fields(answer, "MSA", 2), on.door.stored())


def test_done_files_need_not_be_kept(stage):
    """Their messages are; refused ones stay for people."""
    on = stage(keep_done=False)
    on.put("a.hl7")
    on.put("bad.hl7", message("2", version="3"))
    on.look()

    assert ["refused/bad.hl7", "refused/bad.hl7.ack"] == list(on.files())
    assert 2 == len(on.door.stored())


def test_a_store_that_takes_nothing(stage):
    """The file waits in working/ and is taken when the store is back."""
    on = stage()
    on.put("a.hl7")
    receive, on.folder._intake = on.folder._intake, None
    on.folder._intake = type(
        "Away", (), {"receive": lambda *_, **__: (_ for _ in ()).throw(StoreUnavailable)}
    )()
    with pytest.raises(StoreUnavailable):
        on.look()
    assert ["working/0001~a.hl7"] == list(on.files())

    on.folder._intake = receive
    on.look()
    assert {"done/a.hl7": message()} == on.files()


#: Where a process can die: function of the module or the folder, before or after it did its work.
POINTS = {
    "before the claim": (module, "_lock", False),
    "after the claim": (module, "_read", False),
    "before the commit": (module, "_read", True),
    "after the commit": (Folder, "_finish", False),
    "before it has a place": (module, "_reserve", False),
    "after it has a place": (module, "_reserve", True),
    "after its answer is written": (Path, "samefile", False),
    "before it leaves working": (Path, "unlink", False),
}


@pytest.mark.parametrize("bad", [False, True], ids=["done", "refused"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere(stage, monkeypatch, point, bad):
    """The next process ends it: one message, one file, one answer; nothing stays in working/."""
    on = stage()
    content = message(version="3") if bad else message()
    on.put("a.hl7", content)
    where, name, after = POINTS[point]
    original = getattr(where, name)

    def dies(*arguments, **more):
        if after:
            original(*arguments, **more)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, name, dies)
        with pytest.raises(Killed):
            on.look()
    on.look(on.another())

    expected = ["refused/a.hl7", "refused/a.hl7.ack"] if bad else ["done/a.hl7"]
    assert expected == list(on.files())
    assert 1 == len(on.door.stored())
    assert content == on.files()[expected[0]]


def test_two_processes_share_a_folder(stage):
    """Who has a file holds a lock on it; the other one leaves it alone until that is gone."""
    on = stage()
    on.put("a.hl7")
    (on.path / "a.hl7").rename(on.path / "working" / "0001~a.hl7")
    with (on.path / "working" / "0001~a.hl7").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        on.look()
        assert ["working/0001~a.hl7"] == list(on.files())
    on.look()

    assert ["done/a.hl7"] == list(on.files())


def test_a_file_that_another_process_has_put_away(stage):
    """Seen, and gone when it is its turn."""
    on = stage()
    on.put("a.hl7")
    (found,) = list(module._files(on.path, "*.hl7", claimed=False))
    on.look(on.another())
    on.folder._take(found)

    assert (["done/a.hl7"], 1) == (list(on.files()), len(on.door.stored()))


def test_a_file_system_without_links_or_locks(stage, monkeypatch):
    """Nothing is lost and nothing is doubled; only the work may be."""
    on = stage()

    def refuses(*_, **__):
        raise PermissionError(1, "not here")

    monkeypatch.setattr(Path, "hardlink_to", refuses)
    monkeypatch.setattr(module.fcntl, "flock", refuses)
    for number in range(2):
        on.put("a.hl7", message(f"{number}"))
        on.put("bad.hl7", message(f"bad {number}", version="3"))
        on.look()

    assert [
        "done/a.hl7", "done/a.hl7.2",
        "refused/bad.hl7", "refused/bad.hl7.2", "refused/bad.hl7.2.ack", "refused/bad.hl7.ack",
    ] == list(on.files())  # fmt: skip
    assert [message("0"), message("1")] == [on.files()[f"done/a.hl7{suffix}"] for suffix in ("", ".2")]


def test_a_file_that_may_not_be_read(stage, monkeypatch, capsys):
    """Left where it is, told once; the others go on."""
    on = stage()
    on.put("a.hl7")
    on.put("b.hl7", message("2"))
    opened = os.open

    def guarded(path, *more):
        if str(path).endswith("a.hl7"):
            raise PermissionError(13, "denied")
        return opened(path, *more)

    monkeypatch.setattr(module.os, "open", guarded)
    on.look()
    on.look()

    assert ["a.hl7", "done/b.hl7"] == list(on.files())
    assert 1 == capsys.readouterr().out.count("file unreadable")


def test_a_full_folder_lets_go_between(stage, monkeypatch):
    """So many at a time, then at once again: a stop need not wait."""
    monkeypatch.setattr(module, "_FILES_PER_LOOK", 2)
    on = stage(poll_seconds=7.0)
    for number in range(3):
        on.put(f"{number}.hl7", message(f"{number}"))

    assert 0.0 == on.look()
    assert (7.0, 3) == (on.folder.tick(), len(on.door.stored()))


def test_a_share_that_is_away(stage, tmp_path):
    """Looked for again, and nothing dies."""
    on = stage(poll_seconds=7.0)
    on.path.rename(tmp_path / "gone")
    assert 7.0 == on.folder.tick()
    (tmp_path / "gone").rename(on.path)
    on.put("a.hl7")
    on.look()

    assert ["done/a.hl7"] == list(on.files())


def test_a_folder_that_is_not_there(tmp_path, stage):
    """Said before anything runs."""
    on = stage()
    missing = Folder(Watch(name="x", path=tmp_path / "missing", channel="lab"), on.door.intake)

    with pytest.raises(SettingsInvalid, match=r"folders\.x\.path"):
        missing.prepare()


def test_names_of_files_are_not_told(stage, capsys):
    """They may hold the name of a patient."""
    on = stage()
    on.put("MUSTERMANN_ERIKA.hl7", message(version="3"))
    on.look()

    told = capsys.readouterr()
    assert "file taken" in told.out + told.err
    assert "MUSTERMANN" not in told.out + told.err
