"""What the stories of images ask of the world, as protocols that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from inference.tasks.context import PatientContext
from inference.tasks.evidence import Still
from mappers.domain.findings import JudgedReport
from mappers.domain.imaging import InstanceRef, Series, Study


class ImageServer(Protocol):
    """A server that images come from."""

    def studies(self, filters: Sequence[tuple[str, str]]) -> Iterator[tuple[Study, tuple[str, str]]]:
        """Studies that match (QIDO-RS), each with PatientID and IssuerOfPatientID.

        Raises:
            RemoteError: see `integration.errors`.
        """

    def series(self, study: str) -> Iterator[Series]:
        """The series of a study, without their instances; raises as `studies`."""

    def filled(self, study: str, series: Series) -> Series:
        """A series with its instances; raises as `studies`."""

    def instances(self, study: str) -> tuple[InstanceRef, ...]:
        """All instances of a study; raises as `studies`."""

    def instance(self, study: str, series: str, sop: str) -> bytes:
        """An instance as it is stored.

        Raises:
            RemoteMissing: it is not there.
            RemoteError: see `integration.errors`.
        """


class ImageServers(Protocol):
    """The image servers of one channel."""

    @property
    def main(self) -> ImageServer | None:
        """The one that the settings name."""

    def at(self, address: str) -> ImageServer:
        """The one at the address of an Endpoint.

        Raises:
            AddressRefused: the settings do not allow its host.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How pictures are to be read.

    Attributes:
        prior: earlier pictures to compare with.
        laterality: DICOM ImageLaterality, "" when not said.
        words: what is asked, or looked for, where a task needs it.
        total: how many pictures there are, where not all of them are given.
        prompt: a site's prompt in the place of the task's own.
        model: a model's name in the place of the task's usual one.
    """

    context: PatientContext = field(default_factory=PatientContext)
    prior: tuple[Still, ...] = field(default=())
    laterality: str = ""
    words: str = ""
    total: int | None = None
    prompt: Path | None = None
    model: str | None = None


class ImageJudge(Protocol):
    """Reads pictures: the tasks of inference, with the models that are configured."""

    def read(self, task: str, stills: Sequence[Still], asking: Asking) -> JudgedReport:
        """What a task makes of some pictures; a report that says "not read" where no model is configured.

        Raises:
            BackendUnavailable: the model does not run now.
            InferenceError: see `inference.errors`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """How a channel's studies are taken.

    Attributes:
        seconds: that the number of instances has to stand.
        give_up_s: after which a study is not waited for.
        most_images: of one study that are read.
        prior: whether a prior is looked for.
    """

    seconds: float = 10.0
    give_up_s: float = 1800.0
    most_images: int = 4
    prior: bool = True


class Looks(Protocol):
    """Remembers how many instances a study had when it was last looked at."""

    def look(self, message_id: str, instances: int) -> Settling:
        """Note a look; the reading that looked counts as no attempt.

        Raises:
            StoreUnavailable: the database does not take writes now.
        """


@dataclass(frozen=True, slots=True)
class Settling:
    """How long a study has been looked at.

    Attributes:
        unchanged_s: seconds since its number of instances changed last, 0 at the first look.
        waiting_s: seconds since the first look.
    """

    unchanged_s: float
    waiting_s: float
