"""Recordings that libsndfile does not know (m4a, aac, webm, amr), decoded by ffmpeg where it is installed.

ffmpeg runs under the limits of the parsing process, reads its standard input alone, and may use one named
demuxer: left to itself it follows playlists to other files and servers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any, Final

from inference.errors import InputRefused, ReaderMissing, Refusal
from inference.media import streams
from inference.media.audio_kinds import Kind
from inference.media.sandbox import Limits
from inference.media.streams import Source

_PROGRAM: Final = "ffmpeg"
_PROBE: Final = "ffprobe"
_REMEDY: Final = "this kind of recording needs ffmpeg: install ffmpeg, or send wav, flac, mp3 or ogg"
# It is a file that is read from any position: m4a may have its index at the end.
_INPUT: Final = ("-protocol_whitelist", "file,pipe", "-i", "file:/dev/stdin")


def facts(source: Source, kind: Kind, *, limits: Limits) -> dict[str, Any]:
    """Rate, channels and coding of the only sound track.

    Raises:
        InputRefused: damaged, a film, or without sound.
        ReaderMissing: ffmpeg is not installed.
    """
    if shutil.which(_PROBE) is None or shutil.which(_PROGRAM) is None:
        raise ReaderMissing(_REMEDY)
    shown = "stream=codec_type,codec_name,sample_rate,channels:stream_disposition=attached_pic"
    command = [_PROBE, "-v", "error", "-of", "json", "-show_entries", shown, "-f", kind.demuxer, *_INPUT]
    streams_ = _probed(b"".join(streams.program(command, source, limits=limits)))
    sounds = [each for each in streams_ if each.get("codec_type") == "audio"]
    pictures = [
        each
        for each in streams_
        if each.get("codec_type") == "video" and not each.get("disposition", {}).get("attached_pic")
    ]
    if pictures:
        raise InputRefused(Refusal.UNSUPPORTED, "this is a film: only its sound may be sent")
    if not sounds:
        raise InputRefused(Refusal.UNSUPPORTED, "there is no sound in this file")
    return {
        "rate": int(sounds[0].get("sample_rate", 0)),
        "channels": int(sounds[0].get("channels", 0)),
        "frames": None,
        "coding": str(sounds[0].get("codec_name", "")),
        "truncated": False,
    }


def _probed(printed: bytes) -> list[dict[str, Any]]:
    try:
        return list(json.loads(printed).get("streams", []))
    except ValueError:
        raise InputRefused(Refusal.CORRUPT, "the recording is damaged") from None


def samples(source: Source, kind: Kind, *, limits: Limits) -> Iterator[bytes]:
    """The first sound track as 32-bit floats, channels interleaved.

    Raises:
        InputRefused: damaged; what stood before the damage was handed out.
    """
    command = [_PROGRAM, "-v", "error", "-xerror", "-threads", "1", "-f", kind.demuxer, *_INPUT]
    command += ["-map", "0:a:0", "-vn", "-sn", "-dn", "-f", "f32le", "-c:a", "pcm_f32le", "pipe:1"]
    return streams.program(command, source, limits=limits)
