"""What keeps a model honest.

Answers are answers, numbers come from the source, a no stays a no, sides agree, boxes can be, and an image is
what it is said to be. Guards say what they found as a `GuardVerdict`; a task decides what
follows. They know no task.
"""

from inference.guards.answers import Defect, defect, numbers, repeats, ungrounded
from inference.guards.polarity import negated

__all__ = ["Defect", "defect", "negated", "numbers", "repeats", "ungrounded"]
