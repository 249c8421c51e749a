"""Which database errors mean that the store is down, and how to say so without a value of any row.

The texts of drivers quote rows ("Failing row contains …"), so they never travel: not in the message, and
statements are logged without parameters.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from integration.errors import Conflict, StoreUnavailable, WardwireError

#: https://sqlite.org/rescode.html, primary codes.
_SQLITE = {
    sqlite3.SQLITE_BUSY: "another process holds its write lock",
    sqlite3.SQLITE_LOCKED: "another process holds its write lock",
    sqlite3.SQLITE_PERM: "permission is denied",
    sqlite3.SQLITE_NOMEM: "memory is used up",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_PROTOCOL: "its locks do not work on this file system",
    sqlite3.SQLITE_NOTADB: "the file is no database",
}
#: PostgreSQL, appendix A: by SQLSTATE, then by its class.
_POSTGRES = {
    "25006": "it is read-only",
    "53100": "the disk is full",
    "53200": "memory is used up",
    "53300": "it has no connection left",
    "08": "the connection is lost",
    "28": "it refuses the login",
    "3D": "there is no database of that name",
    "40": "another writer was in the way",
    "53": "its resources are used up",
    "55": "another process holds its write lock",
    "57": "it is shutting down or gave up waiting",
    "58": "its system reports an error",
    "XX": "it reports an internal error",
}
_NO_SCHEMA = "its schema is older than the program: run `wardwire migrate`"


def blame(error: BaseException) -> BaseException:
    """What to tell who waits: StoreUnavailable, Conflict, another named error, or `error` as it is."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, PoolTimeout):
        return StoreUnavailable("the database does not answer: every connection is in use")
    code = getattr(origin, "sqlstate", None) or ""
    if isinstance(origin, sqlite3.Error):
        reason = _sqlite_reason(origin)
    elif isinstance(error, SQLAlchemyError) or hasattr(origin, "sqlstate"):
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        reason = _postgres_reason(type(origin).__name__, code, lost=lost)
    else:
        return error
    if reason:
        return StoreUnavailable(f"the database does not answer: {reason}")
    if isinstance(error, IntegrityError):
        return Conflict("what is stored contradicts what is to be written")
    return WardwireError(
        f"the database refused a statement ({type(origin).__name__} {code})".replace(" )", ")")
    )


def _sqlite_reason(error: sqlite3.Error) -> str | None:
    text = str(error)
    if text.startswith(("no such table", "no such column")) or "has no column named" in text:
        return _NO_SCHEMA
    return _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)


def _postgres_reason(kind: str, code: str, *, lost: bool) -> str | None:
    if code in {"42P01", "42703"}:
        return _NO_SCHEMA
    reason = _POSTGRES.get(code) or _POSTGRES.get(code[:2])
    # Errors without a code are the client's own: it could not connect, or the socket broke.
    if reason is None and (lost or (not code and kind in {"OperationalError", "InterfaceError"})):
        return "the connection is lost"
    return reason
