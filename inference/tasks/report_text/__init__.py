"""Written reports: their findings as a list, each with its verbatim quote and polarity."""

from inference.tasks.report_text.task import LONGEST, TASK, read

__all__ = ["LONGEST", "TASK", "read"]
