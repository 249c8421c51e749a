"""How well a task does on a site's own cases: measures with intervals, and the cases that went worst."""
