"""MedGemma thinks aloud between `<unused94>` and `<unused95>`; what it thinks is not its answer.

The two tokens are ordinary ones: decoding without special tokens leaves them in the text.
"""

from __future__ import annotations

import re
from typing import Final

from inference.ports import Completion, Ending, Parameters

OPEN: Final = "<unused94>"
CLOSE: Final = "<unused95>"
_THOUGHT: Final = re.compile(f"{OPEN}.*?{CLOSE}", re.DOTALL)


def without_thinking(text: str, ending: Ending, parameters: Parameters) -> Completion:
    """A completion of what follows the thinking.

    A thought that is never closed is all there is: the answer is empty, and was cut off whatever the model
    says. A close without an open ends a thought that began in the prompt.
    """
    answer = _THOUGHT.sub("", text)
    if OPEN in answer:
        answer = answer.partition(OPEN)[0]
        ending = Ending.LENGTH
    answer = answer.rpartition(CLOSE)[2].strip()
    return Completion(text=answer, ending=ending, parameters=parameters)
