"""Decoding under a JSON Schema by llguidance: a token that would leave the schema cannot be chosen.

It makes answers valid, not true: what they claim is checked against the evidence afterwards. Its libraries
load when a model does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inference.errors import BackendMisconfigured

_BITS = 32


def table(tokenizer: Any, *, size: int, stops: Sequence[int]) -> Any:
    """Llguidance's view of a tokenizer; seconds for a full vocabulary, so made once.

    Args:
        tokenizer: of transformers.
        size: of the model's vocabulary, which is larger than the tokenizer's.
        stops: tokens that end an answer.
    """
    import llguidance.hf  # noqa: PLC0415

    return llguidance.hf.from_tokenizer(tokenizer, n_vocab=size, eos_token=list(stops))


class Constraint:
    """Masks the scores of one answer.

    Raises:
        BackendMisconfigured: the schema has parts that the grammar does not know.
    """

    def __init__(self, tokens: Any, schema: str, *, stop: int) -> None:
        import llguidance  # noqa: PLC0415
        import llguidance.torch  # noqa: PLC0415

        grammar = llguidance.LLMatcher.grammar_from_json_schema(schema, {"whitespace_flexible": False})
        self._matcher = llguidance.LLMatcher(tokens, grammar)
        if self._matcher.get_error():
            raise BackendMisconfigured("the schema of the task cannot be decoded under")
        self._mask = llguidance.torch.allocate_token_bitmask(1, tokens.vocab_size)
        self._stop = stop
        self._begun = False

    def mask(self, last: int, size: int) -> Any:
        """Which tokens may come next, after the last one."""
        import llguidance.torch  # noqa: PLC0415
        import torch  # noqa: PLC0415

        if self._begun and not self._matcher.is_stopped():
            self._matcher.consume_token(last)
        self._begun = True
        if self._matcher.is_stopped():
            allowed = torch.zeros(size, dtype=torch.bool)
            allowed[self._stop] = True
            return allowed
        llguidance.torch.fill_next_token_bitmask(self._matcher, self._mask, 0)
        bits = (self._mask[0].unsqueeze(-1) >> torch.arange(_BITS, dtype=torch.int32)) & 1
        return bits.flatten()[:size].bool()


class Constraints:
    """The constraints of a batch, one a row, None for free text; a logits processor to transformers."""

    def __init__(self, rows: Sequence[Constraint | None]) -> None:
        self._rows = rows

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The scores with all tokens but the allowed ones at minus infinity."""
        scores = scores.clone()
        for number, constraint in enumerate(self._rows):
            if constraint is not None:
                allowed = constraint.mask(int(input_ids[number, -1]), scores.shape[-1])
                scores[number].masked_fill_(~allowed.to(scores.device), float("-inf"))
        return scores
