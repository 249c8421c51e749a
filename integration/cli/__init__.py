"""The `wardwire` command. Every command has `--help` with an example and prints no patient data on stderr.

Exit codes: 0 success, 1 a failed job, 2 bad usage or settings that cannot run.
"""

from integration.cli.main import main

__all__ = ["main"]
