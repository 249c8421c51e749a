"""The reading of documents as the work role runs it: its queue, its flow, what hands it over and mends it."""

from __future__ import annotations

from dataclasses import replace

from inference.runs import RunMemo
from integration.engine.dispatcher import Dispatcher, plan
from integration.engine.sweep import Sweeper
from integration.flows.dictations import DictationAttachments
from integration.flows.dictations import Terms as RecordingTerms
from integration.flows.documents import DocumentStory, LabAttachments
from integration.flows.fhir_documents import FhirDocumentStory
from integration.flows.filing_drafts import Cabinet
from integration.flows.image_attachments import ImageAttachments
from integration.flows.media_recordings import RecordingMediaStory
from integration.flows.narratives import NarrativeStory, TextAttachments, Together
from integration.flows.ports import Engine, Queue
from integration.flows.presenting import Presenter
from integration.flows.reading import ACTOR, HL7_V2, ReadingFlow, Story
from integration.settings import Settings
from integration.store.extractions import Extractions
from integration.store.ids import utc_text
from integration.store.runs import Runs
from integration.wiring import imaging, stores
from integration.wiring.destinations import build_sending
from integration.wiring.fhir_feeds import build_copies
from integration.wiring.hearing import build_reader
from integration.wiring.models import READER, Disclosed, Models, build_models
from integration.wiring.readers import LabReader, NarrativeReader, build_fetcher
from integration.wiring.stores import Store
from integration.wiring.terms import build_terms, responsible
from mappers.domain.attribution import AuditEvent
from mappers.domain.times import Moment

#: Their own queue: what a model host bears, apart from messages, which never wait for it.
INFERENCE = "inference"
EXTRACT = "extract"


def queue(settings: Settings) -> Queue:
    """The queue of readings."""
    return Queue(INFERENCE, concurrency=settings.inference.concurrency)


def extracting(settings: Settings) -> frozenset[str]:
    """The channels whose documents are read."""
    return frozenset(name for name, channel in settings.channels.items() if channel.extract_documents)


def reading_texts(settings: Settings) -> frozenset[str]:
    """The channels whose reports of text are read; none without a model."""
    if READER not in settings.models_without_demo:
        return frozenset()
    return frozenset(name for name, channel in settings.channels.items() if channel.read_narratives)


def build_flow(settings: Settings, store: Store) -> ReadingFlow:
    """The workflow of what is to be read, with the story of each kind."""
    return ReadingFlow(
        inbox=store.inbox,
        cabinet=Cabinet(store.database, store.results, ai_profiles=settings.inference.ai_profiles),
        presenter=Presenter(store.database, store.results),
        readings=Extractions(store.database, clock=stores.now),
        stories=build_stories(settings, store),
        terms=build_terms(settings),
        clock=stores.now,
        max_attempts=settings.inference.max_attempts,
        sending=build_sending(settings, store),
    )


def build_stories(settings: Settings, store: Store) -> dict[str, Story]:
    """The stories by kind (`flows.reading.kind_of`)."""
    memo = Runs(store.database, store.keys)
    models = build_models(settings, disclosed=_recording(store))
    fetcher = build_fetcher(settings)
    laboratory = LabReader(settings, models=models, memo=memo, clock=stores.now)
    recordings = _recordings(settings, models, memo)
    narratives = NarrativeReader(models=models, memo=memo, clock=stores.now)
    pictures = imaging.build_reader(settings, models=models, memo=memo)
    desk = imaging.build_desk(settings)
    pages = ImageAttachments(pictures, desk)
    documents = DocumentStory(
        readers=(LabAttachments(laboratory), recordings, pages, TextAttachments(narratives)),
        fetcher=fetcher,
        terms=build_terms(settings),
        software=stores.software(),
        clock=stores.now,
        responsible=responsible(settings),
    )
    copies = build_copies(settings, store)
    sounds = RecordingMediaStory(replace(documents, readers=(recordings,)), copies, store.database)
    images = imaging.build_stories(
        settings,
        store,
        reader=pictures,
        desk=desk,
        copies=copies,
        fetcher=fetcher,
        sound=sounds,
    )
    from_fhir = FhirDocumentStory(documents, copies, store.database, extracting(settings))
    texts = NarrativeStory(
        reader=narratives,
        terms=build_terms(settings),
        software=stores.software(),
        clock=stores.now,
        responsible=responsible(settings),
    )
    both = Together(((extracting(settings), documents), (reading_texts(settings), texts)))
    messages: Story = both if narratives.has_model else documents
    return {HL7_V2: messages, "DocumentReference": from_fhir, **images}


def _recordings(settings: Settings, models: Models, memo: RunMemo) -> DictationAttachments:
    """Who hears the recordings of messages."""
    return DictationAttachments(
        build_reader(settings, models=models, memo=memo, clock=stores.now),
        {
            name: RecordingTerms(
                conversation=channel.recordings == "conversations",
                arrange_conversations=channel.arrange_conversations,
            )
            for name, channel in settings.channels.items()
        },
    )


def _recording(store: Store) -> Disclosed:
    """What puts it on record that evidence goes to a model outside the house, before it goes."""

    def record(*, model: str, region: str, digest: str, what: str) -> None:
        event = AuditEvent(
            kind="evidence.disclosed",
            at=Moment(utc_text(stores.now())),
            actor=ACTOR,
            details={"model": model, "region": region, "digest": digest, "what": what},
        )
        store.audit.append(event).result()

    return record


def build_dispatcher(store: Store, engine: Engine) -> Dispatcher:
    """What hands readings to the engine."""
    readings = Extractions(store.database, clock=stores.now)
    return Dispatcher(readings, engine, plan(INFERENCE, EXTRACT), queue=INFERENCE)


def build_sweeper(store: Store, engine: Engine) -> Sweeper:
    """What compares readings with the engine; to go beside the sweeper of messages."""
    readings = Extractions(store.database, clock=stores.now)
    return Sweeper(readings, engine, plan(INFERENCE, EXTRACT), workflow=EXTRACT, clock=stores.now)
