"""Times a conversion, message by message. Runs in foreign environments: the standard library only.

A converter script calls `report` with a function from one message to JSON text; the messages come in a file,
separated by 0x1C.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

_WARM_UP = 20


def report(convert):
    """Convert every message of the file named first on the command line; print times and what came out.

    What a converter cannot convert is counted and not timed.
    """
    messages = Path(sys.argv[1]).read_bytes().split(b"\x1c")
    for message in messages[:_WARM_UP]:
        _tried(convert, message)
    times, refused, last = [], 0, None
    for message in messages[_WARM_UP:]:
        begun = time.perf_counter()
        text = _tried(convert, message)
        taken = time.perf_counter() - begun
        if text is None:
            refused += 1
        else:
            times.append(taken)
            last = text
    entries = json.loads(last)["entry"] if last else []
    kinds = Counter(entry["resource"]["resourceType"] for entry in entries)
    print(json.dumps({"seconds": times, "refused": refused, "resources": dict(sorted(kinds.items()))}))


def _tried(convert, message):
    try:
        return convert(message)
    except Exception:  # noqa: BLE001  # whatever a foreign converter raises, the next message is tried
        return None
