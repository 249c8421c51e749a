"""Ways out: MLLP now; each speaks one protocol, has time limits, and fails with typed errors."""
