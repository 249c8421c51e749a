"""What the stories of reading ask of inference and of other systems, as protocols that belong to them.

`wiring` hands in the real ones; nothing here knows how a task, a model or a server works.
"""

from __future__ import annotations

from typing import Protocol

from mappers.domain.documents import Document, DocumentLink
from mappers.domain.extraction import ExtractedReport
from mappers.domain.findings import JudgedReport


class DocumentReader(Protocol):
    """Reads laboratory results off documents: the task of inference, and a model where one is configured."""

    @property
    def task(self) -> str:
        """Id and version of the task, "lab_report@1"."""

    @property
    def has_model(self) -> bool:
        """Whether a model is configured that may be asked for what rules cannot read."""

    def reads(self, document: Document, *, section: str) -> bool:
        """Whether a document of this media type is for this task.

        Args:
            document: with its media type by content.
            section: table 0074 code of the report that it came with, else LOINC of its type; "" when unknown.
        """

    def read(self, document: Document, *, channel: str, with_model: bool) -> ExtractedReport:
        """All results of a document.

        Args:
            document: what to read.
            channel: whose units and codes count.
            with_model: False leaves to nobody what only a model could read.

        Raises:
            InferenceError: it cannot be read, or not now.
        """


class TextReader(Protocol):
    """Lists the findings that a written report states: the task of inference, and its model."""

    @property
    def task(self) -> str:
        """Id and version of the task, "report_text@1"."""

    @property
    def has_model(self) -> bool:
        """Whether a model is configured for it."""

    def read(self, text: str, *, reference: str, sha256: str) -> JudgedReport:
        """The findings of a text, each with its words.

        Args:
            text: as it was sent.
            reference: of the resource that holds it.
            sha256: hex digest of the bytes that hold it.

        Raises:
            InferenceError: it cannot be read, or not now.
        """

    def unread(self, text: str, reason: str, *, reference: str, sha256: str) -> JudgedReport:
        """A report that says why the text was not read."""


class DocumentFetcher(Protocol):
    """Fetches documents that messages point to (RP)."""

    def fetch(self, link: DocumentLink, *, channel: str) -> Document:
        """The document, from a host that the channel allows.

        Raises:
            DocumentRefused: the channel allows no such host, or what came may not be taken.
            DocumentUnreachable: its server does not answer now.
        """
