"""A MedSigLIP of a few thousand random weights: the real classes, geometry and files, and no sense at all."""

from __future__ import annotations

from pathlib import Path

from tests.support.tiny_gemma import _tokenizer


def build(folder: Path) -> Path:
    """Write the checkpoint; float32, 56 pixels a side, 64 tokens a text."""
    import torch
    from transformers import SiglipConfig, SiglipModel, SiglipProcessor
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    tokenizer = _tokenizer()
    size = len(tokenizer) + (-len(tokenizer)) % 64
    config = SiglipConfig(
        text_config={"vocab_size": size, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
                     "num_attention_heads": 2, "max_position_embeddings": 64, "pad_token_id": 0,
                     "bos_token_id": 2, "eos_token_id": 1},
        vision_config={"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
                       "num_attention_heads": 2, "image_size": 56, "patch_size": 14},
    )  # fmt: skip
    torch.manual_seed(0)
    SiglipModel(config).to(torch.float32).save_pretrained(folder)
    pictures = SiglipImageProcessorPil(
        size={"height": 56, "width": 56}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    SiglipProcessor(image_processor=pictures, tokenizer=tokenizer).save_pretrained(folder)
    return folder
