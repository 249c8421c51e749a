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
    """Convert every message of the file named first on the command line; print times and what came out."""
    messages = Path(sys.argv[1]).read_bytes().split(b"\x1c")
    for message in messages[:_WARM_UP]:
        convert(message)
    times = []
    for message in messages[_WARM_UP:]:
        begun = time.perf_counter()
        text = convert(message)
        times.append(time.perf_counter() - begun)
    kinds = Counter(entry["resource"]["resourceType"] for entry in json.loads(text)["entry"])
    print(json.dumps({"seconds": times, "resources": dict(sorted(kinds.items()))}))
