"""Where is it? Boxes of named things, from the model's coordinates back to pixels of the source."""

from inference.tasks.localization.task import MOST_FINDINGS, TASK, located, read

__all__ = ["MOST_FINDINGS", "TASK", "located", "read"]
