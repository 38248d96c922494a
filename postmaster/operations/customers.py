"""Reading the file of the customer directory again, regularly."""

from __future__ import annotations

import hashlib

from sqlalchemy.orm import Session

from postmaster.database import read_session, transaction
from postmaster.desk.customer_file import CSV_FILE, DirectoryFile, apply_directory, note_source
from postmaster.desk.models import CustomerSource
from postmaster.errors import PostMasterError
from postmaster.system.settings import CUSTOMER_FILE, get_setting

# Who makes the changes, for the audit log.
ACTOR = "schedule"


def read_again() -> None:
    """Take the file that CustomerDirectoryFile names, if it is another one than the last; an incident says why not."""
    with read_session() as session:
        path, last = get_setting(session, CUSTOMER_FILE), session.get(CustomerSource, CSV_FILE)
    if not path:
        if last is not None and last.problem:
            _note(last.digest, "")
        return
    digest = last.digest if last else ""
    try:
        if _digest(path) != digest:
            with open(path, "rb") as file, DirectoryFile(file) as rows, transaction() as session:
                apply_directory(session, rows, ACTOR, confirmed=False)
        elif last is not None and last.problem:
            _note(digest, "")
    except OSError as error:
        _note(digest, f"{CUSTOMER_FILE.name}, {path}, cannot be read: {error.strerror}.")
    except PostMasterError as error:
        _note(digest, f"{CUSTOMER_FILE.name}, {path}, was not taken: {error}")


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note(digest: str, problem: str) -> None:
    with transaction() as session:
        note_source(session, digest, problem)


def directory_problem(session: Session) -> str:
    """What keeps the file from being read; empty if nothing does."""
    source = session.get(CustomerSource, CSV_FILE)
    return source.problem if source else ""
