"""Radiographs: a draft report of one study, in sections, with its findings as a list.

The model says names, presence and side; codes come from Wardwire's own closed table.
"""

from inference.tasks.radiograph.task import MOST_IMAGES, TASK, read

__all__ = ["MOST_IMAGES", "TASK", "read"]
