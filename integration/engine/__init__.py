"""Durable execution: the adapters of `flows.ports.Engine`, and what hands committed messages to it.

`dbos_engine` runs in production, `in_process` in tests and wherever nothing needs to outlive the process;
one contract suite holds both. `dispatcher` and `sweep` close the gap between the store and the engine.
Nothing is imported here: DBOS takes half a second and 60 MB that the listener does not need.
"""
