"""MedASR in this process: `LasrForCTC`, windows, greedy decoding or a beam with a language model.

| trap of this family | here |
|---|---|
| checkpoints name their classes in upper case, or another tokenizer | classes are named here, not looked up |
| another tokenizer's class: no collapse, `<epsilon>` in the text | frames are collapsed by us |
| samples must lie in [-1, 1] | `Sound` gives nothing else |
| float16 overflows | refused |
| positions end after some 400 s | windows of seconds |
| `</s>` stands in the text | never written |
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from inference.backends.local.speech import LocalSpeech
from inference.backends.local.weights import digest
from inference.errors import BackendMisconfigured, BackendUnavailable
from inference.ports import ModelCard, Parameters, Sound, Transcript
from mappers.domain.issues import Issue, IssueCode, Severity

if TYPE_CHECKING:
    from inference.backends.local.ctc import Decoder
    from inference.backends.local.stitching import Frames

_DTYPES: Final = ("float32", "bfloat16")
_NEVER_WRITTEN: Final = ("<s>", "</s>", "<epsilon>", "<pad>")
_UNKNOWN: Final = "<unk>"


@dataclass(slots=True)
class _Loaded:
    model: Any
    extractor: Any
    pieces: tuple[str, ...]
    blank: int
    card: ModelCard
    machine: Any = field(default=None)


class LocalTranscriber:
    """A warm model of the LASR family.

    Raises:
        BackendMisconfigured: the settings name a number format that this family cannot run in.
    """

    def __init__(self, settings: LocalSpeech) -> None:
        if settings.dtype not in _DTYPES:
            raise BackendMisconfigured(
                f"dtype must be one of {', '.join(_DTYPES)}: float16 overflows in this family"
            )
        self._settings = settings
        self._loaded: _Loaded | None = None

    def start(self) -> None:
        """Load the weights and keep them.

        Raises:
            BackendMisconfigured: no checkpoint is there, or it is none of this family.
            BackendUnavailable: the libraries are not installed, or memory does not suffice.
        """
        try:
            import torch  # noqa: PLC0415
            from transformers import LasrFeatureExtractor, LasrForCTC, LasrTokenizer  # noqa: PLC0415
        except ImportError:
            raise BackendUnavailable(
                "torch and transformers are missing: pip install 'wardwire[audio,models]'"
            ) from None
        _hush()
        chosen = self._settings
        where = {"revision": chosen.revision, "local_files_only": True}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                extractor = LasrFeatureExtractor.from_pretrained(chosen.model, **where)
                tokenizer = LasrTokenizer.from_pretrained(chosen.model, **where)
                model = LasrForCTC.from_pretrained(chosen.model, dtype=getattr(torch, chosen.dtype), **where)
            model = model.to(chosen.device).eval()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BackendMisconfigured(f"no checkpoint of the LASR family at {chosen.model}") from error
        except torch.OutOfMemoryError:
            raise BackendUnavailable("the device has too little memory for the weights") from None
        blank = int(model.config.pad_token_id)
        self._loaded = _Loaded(model, extractor, _pieces(tokenizer, model), blank, self._carded(model))
        if chosen.language_model is not None:
            from inference.backends.local.language_model import build  # noqa: PLC0415

            self._loaded.machine = build(self._loaded.pieces, chosen.language_model)

    def close(self) -> None:
        """Let the weights go."""
        self._loaded = None

    @property
    def card(self) -> ModelCard:
        """The model as it was loaded.

        Raises:
            BackendUnavailable: before `start`.
        """
        return self._ready().card

    @property
    def decoding(self) -> Parameters:
        """Greedy or beam, and in which windows."""
        chosen = self._settings
        parameters: dict[str, str | int | float | bool] = {
            "decoding": "greedy" if chosen.language_model is None else "beam",
            "window_seconds": chosen.window,
            "overlap_seconds": chosen.overlap,
            "dtype": chosen.dtype,
        }
        if chosen.language_model is not None:
            parameters["language_model"] = chosen.language_model.path.name
            parameters["beam_width"] = chosen.language_model.beam_width
            parameters["alpha"] = chosen.language_model.alpha
            parameters["beta"] = chosen.language_model.beta
        return parameters

    def transcribe(self, sound: Sound) -> Transcript:
        """Write down what is said, in memory that does not grow with its length.

        Raises:
            BackendUnavailable: before `start`, after `close`, or out of memory.
            InputRefused: the recording cannot be decoded.
        """
        from inference.backends.local import ctc  # noqa: PLC0415
        from inference.backends.local.stitching import Stitcher  # noqa: PLC0415

        loaded = self._ready()
        stitcher, decoder = Stitcher(loaded.blank), self._decoder(loaded)
        for start, frames in self._windows(loaded, sound):
            decoder.add(stitcher.add(start, frames))
        left = stitcher.finish()
        if left is not None:
            decoder.add(left)
        spoken = ctc.within(ctc.words(decoder.finish()), sound.seconds)
        return Transcript(
            text=" ".join(word.text for word in spoken),
            words=spoken,
            segments=tuple(ctc.segments(spoken)),
            duration=sound.seconds,
            issues=tuple(_issues(stitcher.uncertain, loaded.pieces, [word.text for word in spoken])),
            parameters=self.decoding,
        )

    def _ready(self) -> _Loaded:
        if self._loaded is None:
            raise BackendUnavailable("the model has not been started")
        return self._loaded

    def _decoder(self, loaded: _Loaded) -> Decoder:
        from inference.backends.local.ctc import Greedy  # noqa: PLC0415

        chosen = self._settings.language_model
        if chosen is None:
            return Greedy(loaded.pieces, blank=loaded.blank)
        from inference.backends.local.language_model import Beam  # noqa: PLC0415

        return Beam(loaded.machine, loaded.pieces, beam_width=chosen.beam_width, blank=loaded.blank)

    def _windows(self, loaded: _Loaded, sound: Sound) -> Iterator[tuple[int, Frames]]:
        """(first frame, log posteriors) of every window, some at a time."""
        from inference.backends.local.windows import Windows  # noqa: PLC0415

        chosen = self._settings
        cut = Windows(chosen.window, chosen.overlap).cut(sound.blocks())
        while batch := list(itertools.islice(cut, chosen.batch)):
            for (start, _), frames in zip(
                batch, self._frames(loaded, [each for _, each in batch]), strict=True
            ):
                yield start, frames

    def _frames(self, loaded: _Loaded, samples: Sequence[Any]) -> Iterator[Frames]:
        import torch  # noqa: PLC0415

        from inference.backends.local.windows import frames_of  # noqa: PLC0415

        dtype = getattr(torch, self._settings.dtype)
        inputs = loaded.extractor(
            list(samples), sampling_rate=16_000, return_attention_mask=True, return_tensors="pt"
        ).to(self._settings.device)
        try:
            with torch.inference_mode():
                made = loaded.model(
                    input_features=inputs["input_features"].to(dtype), attention_mask=inputs["attention_mask"]
                ).logits
                scores = torch.log_softmax(made.float(), dim=-1).cpu().numpy()
        except torch.OutOfMemoryError:
            raise BackendUnavailable("the device has too little memory for these windows") from None
        for each, score in zip(samples, scores, strict=True):
            yield score[: frames_of(len(each))]

    def _carded(self, model: Any) -> ModelCard:
        chosen = self._settings
        return ModelCard(
            id=chosen.name or chosen.model,
            revision=getattr(model.config, "_commit_hash", None) or chosen.revision,
            weights_digest=digest(chosen.model, model),
            backend="transformers",
            demonstration=chosen.demonstration,
        )


def _pieces(tokenizer: Any, model: Any) -> tuple[str, ...]:
    """The text of every token that the model can emit; "" for those that are no text."""
    known = tokenizer.convert_ids_to_tokens(list(range(model.config.vocab_size)))
    return tuple("" if not piece or piece in _NEVER_WRITTEN else piece for piece in known)


def _issues(uncertain: int, pieces: Sequence[str], spoken: Sequence[str]) -> Iterator[Issue]:
    if uncertain:
        text = f"words may be lost or doubled at {uncertain} places where parts of the recording were joined"
        yield Issue(Severity.WARNING, IssueCode.INCOMPLETE, "recording", text)
    if _UNKNOWN in pieces and any(_UNKNOWN in word for word in spoken):
        text = f"what the model could not write stands as {_UNKNOWN}"
        yield Issue(Severity.WARNING, IssueCode.INCOMPLETE, "recording", text)


def _hush() -> None:
    """Keep progress bars and advice of the libraries off stderr: it belongs to the command that runs them."""
    from transformers.utils import logging as told  # noqa: PLC0415

    told.disable_progress_bar()
    told.set_verbosity_error()
    # LASR's convolutions have even kernels on purpose.
    warnings.filterwarnings("ignore", message="Using padding='same' with even kernel lengths")
