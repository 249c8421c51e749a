"""A vocabulary of whole words in the class and form of Gemma's tokenizer, and Gemma 3's chat template."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AddedToken, GemmaTokenizer

#: Gemma 3's template: no system turn, items trimmed and put together with nothing between them.
CHAT: Final = (
    "{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}"
    "{%- if messages[0]['content'] is string -%}"
    "{%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}"
    "{%- else -%}{%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}{%- endif -%}"
    "{%- set loop_messages = messages[1:] -%}"
    "{%- else -%}{%- set first_user_prefix = '' -%}{%- set loop_messages = messages -%}{%- endif -%}"
    "{%- for message in loop_messages -%}"
    "{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{%- endif -%}"
    "{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}"
    "{{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else '') }}"
    "{%- if message['content'] is string -%}{{ message['content'] | trim }}{%- else -%}"
    "{%- for item in message['content'] -%}{%- if item['type'] == 'image' -%}{{ '<start_of_image>' }}"
    "{%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}{%- endfor -%}{%- endif -%}"
    "{{ '<end_of_turn>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
)
_SPECIAL: Final = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
#: A word with the blank before it, a number, a line end, or any other character alone.
_WORD: Final = Regex("▁?[A-Za-z]+|[0-9]+|\n+|▁|[^▁A-Za-z0-9\n]")


def tokenizer_of(texts: Sequence[str]) -> GemmaTokenizer:
    """A tokenizer that writes every word of `texts` as one token, and others by letters or bytes."""
    learner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    learner.normalizer = normalizers.Replace(" ", "▁")
    learner.pre_tokenizer = pre_tokenizers.Split(_WORD, "isolated")
    alphabet = [*(chr(code) for code in range(33, 127)), "▁", "\n"]
    trainer = trainers.BpeTrainer(
        vocab_size=4000,
        min_frequency=2,
        special_tokens=_SPECIAL,
        show_progress=False,
        initial_alphabet=alphabet,
    )
    learner.train_from_iterator([*texts, *texts], trainer)
    learnt: dict[str, Any] = json.loads(learner.to_str())["model"]
    vocabulary: dict[str, int] = dict(learnt["vocab"])
    marks = ["<unused94>", "<unused95>", "<start_of_turn>", "<end_of_turn>", "\n\n"]
    marks += [f"<0x{byte:02X}>" for byte in range(256)]
    for piece in [*marks, "<start_of_image>", "<end_of_image>", "<image_soft_token>"]:
        vocabulary.setdefault(piece, len(vocabulary))
    tokenizer = GemmaTokenizer(
        vocab=vocabulary, merges=[tuple(merge) for merge in learnt["merges"]], padding_side="left",
        chat_template=CHAT, add_bos_token=True,
        extra_special_tokens={"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>",
                              "image_token": "<image_soft_token>"},
    )  # fmt: skip
    # The marks of thinking are ordinary tokens, as in the real vocabulary.
    thinking = [AddedToken(mark, special=False, normalized=False) for mark in ("<unused94>", "<unused95>")]
    turns = [
        AddedToken(mark, special=True, normalized=False) for mark in ("<start_of_turn>", "<end_of_turn>")
    ]
    tokenizer.add_tokens(thinking)
    tokenizer.add_tokens(turns, special_tokens=True)
    return tokenizer
