"""What was dictated, as a draft whose every sentence can be heard again."""

from inference.tasks.dictation.spoken_question import ask
from inference.tasks.dictation.task import ID, TASK, VERSION, Staff, Told, hear, read

__all__ = ["ID", "TASK", "VERSION", "Staff", "Told", "ask", "hear", "read"]
