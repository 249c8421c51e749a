"""The stories of images as the work role runs them: servers, tasks with their models, looks at the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from inference.runs import Help, RunMemo
from inference.tasks import imaging, prompting
from inference.tasks.evidence import Still
from inference.tasks.imaging import More
from inference.tasks.reading import Aids
from integration.flows.imaging_ports import Asking, Settle, Settling
from integration.flows.imaging_reports import Desk
from integration.flows.imaging_study import ImagingStudyStory
from integration.flows.imaging_tasks import Reader
from integration.flows.local_copies import LocalCopies
from integration.flows.media import MediaStory
from integration.flows.readers import DocumentFetcher
from integration.flows.reading import Story
from integration.flows.routing import ReadingRule
from integration.settings import ChannelSettings, Settings
from integration.store.extractions import Extractions
from integration.store.ids import utc_text
from integration.wiring import stores
from integration.wiring.dicomweb import build_sources
from integration.wiring.fhir_servers import build_fhir_server
from integration.wiring.models import READER, Models
from integration.wiring.stores import Store
from integration.wiring.terms import build_terms, responsible
from mappers.domain.findings import JudgedReport
from mappers.domain.times import Moment

if TYPE_CHECKING:
    from inference.guards.image_claim import Watch


class ImageTasks:
    """The tasks of inference (`flows.imaging_ports.ImageJudge`).

    Args:
        help_: the model of a name, None for the usual one; None where there is no such model.
        watch: who checks that an image is what it is said to be.
    """

    def __init__(self, help_: Callable[[str | None], Help | None], *, watch: Watch | None = None) -> None:
        self._help = help_
        self._watch = watch

    def read(self, task: str, stills: Sequence[Still], asking: Asking) -> JudgedReport:
        """What a task makes of some pictures (`ImageJudge.read`)."""
        aids = Aids(
            help_=self._help(asking.model),
            watch=self._watch,
            context=asking.context,
            prompt=prompting.from_file(asking.prompt) if asking.prompt else None,
            total=asking.total,
        )
        more = More(prior=asking.prior, laterality=asking.laterality, words=asking.words)
        return imaging.read(task, stills, aids, more)


def build_tasks(models: Models, *, memo: RunMemo) -> ImageTasks:
    """The tasks with the models of the settings; none is loaded before it is asked."""

    def now() -> Moment:
        return Moment(utc_text(stores.now()))

    def help_(name: str | None) -> Help | None:
        generator = models.generator(name or READER)
        return Help(generator, memo, now) if generator else None

    return ImageTasks(help_, watch=models.watch(now))


class StudyLooks:
    """How many instances studies had when they were last looked at (`flows.imaging_ports.Looks`)."""

    def __init__(self, readings: Extractions, *, clock: Callable[[], datetime]) -> None:
        self._readings = readings
        self._clock = clock

    def look(self, message_id: str, instances: int) -> Settling:
        """Note a look."""
        since, first = self._readings.look(message_id, instances)
        now = self._clock()
        return Settling((now - since).total_seconds(), (now - first).total_seconds())


def build_rules(settings: Settings) -> tuple[ReadingRule, ...]:
    """Who reads what, as the settings say."""
    return tuple(
        ReadingRule(
            channel=each.channel,
            message_type=each.message_type,
            modality=each.modality,
            body_part=each.body_part,
            procedure_code=each.procedure_code,
            content_type=each.content_type,
            task=each.task,
            prompt=each.prompt,
            model=each.model,
        )
        for each in settings.routes
        if each.about_evidence
    )


def build_stories(  # noqa: PLR0913  (what they are made of is handed in)
    settings: Settings,
    store: Store,
    *,
    reader: Reader,
    desk: Desk,
    copies: LocalCopies,
    fetcher: DocumentFetcher,
    sound: Story | None = None,
) -> dict[str, Story]:
    """The stories of ImagingStudy and Media.

    Args:
        settings: all.
        store: that they write to.
        reader: who reads pictures.
        desk: who writes drafts.
        copies: finds local copies.
        fetcher: of pictures that lie elsewhere.
        sound: the story of a Media that holds no picture.
    """
    terms = build_terms(settings)
    sources = {
        name: server
        for name, channel in settings.channels.items()
        if (server := build_fhir_server(f"channels.{name}.fhir", channel.fhir)) is not None
    }
    studies = ImagingStudyStory(
        copies=copies,
        database=store.database,
        servers=build_sources(settings),
        sources=sources,
        settling={name: _settle(channel) for name, channel in settings.channels.items()},
        looks=StudyLooks(Extractions(store.database, clock=stores.now), clock=stores.now),
        reader=reader,
        desk=desk,
        terms=terms,
    )
    media = MediaStory(
        copies=copies,
        database=store.database,
        reader=reader,
        desk=desk,
        fetcher=fetcher,
        terms=terms,
        otherwise=sound,
    )
    return {"ImagingStudy": studies, "Media": media}


def build_reader(settings: Settings, *, models: Models, memo: RunMemo) -> Reader:
    """Who reads pictures: the tasks, and the routes of the settings."""
    return Reader(build_tasks(models, memo=memo), build_rules(settings))


def build_desk(settings: Settings) -> Desk:
    """Who writes drafts about pictures."""
    return Desk(software=stores.software(), clock=stores.now, responsible=responsible(settings))


def _settle(channel: ChannelSettings) -> Settle:
    web = channel.dicomweb
    return Settle(
        seconds=web.settle_seconds,
        give_up_s=60 * web.give_up_settling_minutes,
        most_images=web.max_images,
        prior=web.prior,
    )
