"""A module that tries to import a heavy library: what the light-role probe has to notice."""

import contextlib

with contextlib.suppress(ImportError):
    import pydicom  # noqa: F401
