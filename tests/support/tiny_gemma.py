"""A MedGemma of a few hundred thousand random weights: the real classes, geometry and files, and no sense at all."""

from __future__ import annotations

import json
from pathlib import Path

#: Gemma 3's own template: no system turn, items trimmed and put together with nothing between them.
CHAT = (
    "{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}"
    "{%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}{%- set loop_messages = messages[1:] -%}"
    "{%- else -%}{%- set first_user_prefix = '' -%}{%- set loop_messages = messages -%}{%- endif -%}"
    "{%- for message in loop_messages -%}{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}"
    "{{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else '') }}"
    "{%- for item in message['content'] -%}{%- if item['type'] == 'image' -%}{{ '<start_of_image>' }}"
    "{%- else -%}{{ item['text'] | trim }}{%- endif -%}{%- endfor -%}{{ '<end_of_turn>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
)
_CORPUS = [
    "Copy every laboratory result page name value unit reference_range flag null",
    '{"results": [{"page": 1, "name": "Hemoglobin", "value": "13.5", "unit": "g/dL"}]}',
] * 30


def build(folder: Path, *, wide: bool = False) -> Path:
    """Write the checkpoint; float32, 112 pixels a side, 16 tokens a picture; `wide` for measurements."""
    import torch
    from transformers import (
        Gemma3Config,
        Gemma3ForConditionalGeneration,
        Gemma3Processor,
        Gemma3TextConfig,
        GenerationConfig,
        SiglipVisionConfig,
    )
    from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

    tokenizer = _tokenizer()
    size = 512 if wide else 64
    token = tokenizer.convert_tokens_to_ids
    pictures = Gemma3ImageProcessorPil(
        size={"height": 112, "width": 112}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    processor = Gemma3Processor(
        image_processor=pictures, tokenizer=tokenizer, chat_template=CHAT, image_seq_length=16
    )
    text = Gemma3TextConfig(
        vocab_size=len(tokenizer) + (-len(tokenizer)) % 64, hidden_size=size, intermediate_size=2 * size,
        num_hidden_layers=8 if wide else 2, num_attention_heads=4, num_key_value_heads=2, head_dim=size // 4,
        query_pre_attn_scalar=size // 4, sliding_window=1024,
        sliding_window_pattern=2, max_position_embeddings=131072,
    )  # fmt: skip
    vision = SiglipVisionConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
                                image_size=112, patch_size=14, vision_use_head=False)  # fmt: skip
    config = Gemma3Config(
        text_config=text, vision_config=vision, mm_tokens_per_image=16, boi_token_index=token("<start_of_image>"),
        eoi_token_index=token("<end_of_image>"), image_token_index=token("<image_soft_token>"),
    )  # fmt: skip
    torch.manual_seed(0)
    model = Gemma3ForConditionalGeneration(config).to(torch.float32)
    # The real one samples unless it is told not to: so does this one.
    model.generation_config = GenerationConfig(
        bos_token_id=2,
        eos_token_id=[1, token("<end_of_turn>")],
        pad_token_id=0,
        do_sample=True,
        top_k=64,
        top_p=0.95,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _tokenizer():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import AddedToken, GemmaTokenizer

    trained = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"], show_progress=False,
        max_token_length=12, initial_alphabet=[chr(code) for code in range(32, 127)] + ["▁", "\n"],
    )  # fmt: skip
    trained.train_from_iterator(_CORPUS, trainer)
    told = json.loads(trained.to_str())["model"]
    vocabulary = dict(told["vocab"])
    merges = [
        tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in told["merges"]
    ]
    extra = ["<unused94>", "<unused95>", "<start_of_turn>", "<end_of_turn>", "\n", "\n\n"]
    extra += [f"<0x{byte:02X}>" for byte in range(256)] + [
        "<start_of_image>",
        "<end_of_image>",
        "<image_soft_token>",
    ]
    for piece in extra:
        vocabulary.setdefault(piece, len(vocabulary))
    tokenizer = GemmaTokenizer(
        vocab=vocabulary, merges=merges, padding_side="left", chat_template=CHAT, add_bos_token=True,
        extra_special_tokens={"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>",
                              "image_token": "<image_soft_token>"},
    )  # fmt: skip
    # Thinking marks are ordinary tokens, as in the real vocabulary.
    tokenizer.add_tokens(
        [AddedToken(mark, special=False, normalized=False) for mark in ("<unused94>", "<unused95>")]
    )
    turns = [
        AddedToken(mark, special=True, normalized=False) for mark in ("<start_of_turn>", "<end_of_turn>")
    ]
    tokenizer.add_tokens(turns, special_tokens=True)
    return tokenizer
