"""A MedASR of some ten thousand random weights: the real classes, geometry and files, and no sense at all."""

from __future__ import annotations

import json
from pathlib import Path

_WORDS = ["no", "lung", "effusion", "heart", "normal", "the", "is", "left", "right", "clear"]
_TOKENS = ["{period}", "{comma}", "{new", "paragraph}", "[FINDINGS]", "[IMPRESSION]"]


def pieces() -> list[str]:
    """Its vocabulary: whole words, letters, formatting tokens."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)] + list("0123456789.")
    return [
        "<epsilon>",
        "<s>",
        "</s>",
        "<unk>",
        "\u2581",
        *(f"\u2581{word}" for word in _WORDS + _TOKENS),
        *letters,
    ]


def build(folder: Path, *, seed: int = 0) -> Path:
    """Write the checkpoint, float32. The head is sharpened, so that it says more than blanks."""
    import torch
    from transformers import (
        LasrCTCConfig,
        LasrEncoderConfig,
        LasrFeatureExtractor,
        LasrForCTC,
        LasrProcessor,
        LasrTokenizer,
    )

    vocabulary = [(piece, -float(at)) for at, piece in enumerate(pieces())]
    tokenizer = LasrTokenizer(
        vocab=vocabulary, pad_token="<epsilon>", eos_token="</s>", unk_token="<unk>", bos_token="<s>",
        extra_ids=0, additional_special_tokens=[],
    )  # fmt: skip
    encoder = LasrEncoderConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        subsampling_conv_channels=16,
    )  # fmt: skip
    config = LasrCTCConfig(vocab_size=len(vocabulary), encoder_config=encoder, pad_token_id=0)
    torch.manual_seed(seed)
    model = LasrForCTC(config).eval()
    with torch.no_grad():
        model.ctc_head.weight *= 40
    model.save_pretrained(folder)
    LasrProcessor(LasrFeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder


def in_upper_case(folder: Path) -> Path:
    """Rename its classes as early checkpoints call them, by which nothing is found any more."""
    for file in folder.glob("*.json"):
        text = file.read_text(encoding="utf-8")
        if file.name != "tokenizer.json":
            for name in ("LasrFeatureExtractor", "LasrProcessor", "LasrTokenizer", "LasrForCTC"):
                text = text.replace(name, name.replace("Lasr", "LASR"))
        file.write_text(text, encoding="utf-8")
    return folder


def with_another_tokenizer(folder: Path) -> Path:
    """Say that the tokenizer is a plain one, which collapses nothing."""
    file = folder / "tokenizer_config.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    told["tokenizer_class"] = "PreTrainedTokenizerFast"
    file.write_text(json.dumps(told), encoding="utf-8")
    return folder


def arpa(path: Path, *, favourite: str, other: str) -> Path:
    """A small model over pieces, `#` for a word's beginning, that likes one piece far better than another."""
    weights = {"<s>": -1.0, "</s>": -1.0, "<unk>": -6.0}
    for piece in pieces()[4:]:
        weight = -0.1 if piece == favourite else -6.0 if piece == other else -2.5
        weights[piece.replace("\u2581", "#")] = weight
    lines = ["\\data\\", f"ngram 1={len(weights)}", "ngram 2=1", "", "\\1-grams:"]
    lines += [f"{weight}\t{word}\t0" for word, weight in weights.items()]
    lines += ["", "\\2-grams:", f"-1.0\t<s>\t{favourite.replace(chr(0x2581), '#')}", "", "\\end\\", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
