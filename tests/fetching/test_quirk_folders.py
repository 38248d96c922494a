"""A folder is found however its server writes it, and a wrong name is told with the names that there are."""

from __future__ import annotations

import dataclasses

import pytest

from tests.servers.quirks.imap import QuirkyImapServer
from tests.servers.quirks.imap_folders import ODD_FOLDERS, SENSELESS, OddFolder
from tests.servers.quirks.mailbox import Mailbox
from tests.support import Desk, mails


def fetched_from(desk: Desk, odd: OddFolder, entered: str, code: int = 0) -> tuple[dict[str, object], Mailbox]:
    """What a fetch of the folder that is entered says, and the mailbox afterwards."""
    mailbox = Mailbox(*mails(2))
    with QuirkyImapServer(mailbox, [odd.session()]) as server:
        credential = desk.credential("anna", "correct horse")
        desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential, folder=entered)
        row = desk.fetch_one(code=code)
    return row, mailbox


@pytest.mark.parametrize("odd", ODD_FOLDERS, ids=str)
def test_a_folder_is_found_however_it_is_listed(desk: Desk, odd: OddFolder) -> None:
    row, mailbox = fetched_from(desk, odd, odd.entered)
    assert row["new"] == 2
    assert not mailbox.messages


@pytest.mark.parametrize("odd", ODD_FOLDERS, ids=str)
def test_a_wrong_name_is_told_with_all_that_there_are(desk: Desk, odd: OddFolder) -> None:
    row, mailbox = fetched_from(desk, odd, "Suport", code=1)
    error = row["error"]
    assert isinstance(error, dict)
    assert error["code"] == "folder-missing"
    assert error["advice"].startswith("Check IMAP Folder; folders that exist: “INBOX”, “")
    assert error["advice"].endswith("”, “Sent Items”.")
    assert len(mailbox.messages) == 2


@pytest.mark.parametrize("line", SENSELESS.values(), ids=SENSELESS.keys())
def test_a_line_without_sense_hides_no_folder(desk: Desk, line: bytes) -> None:
    odd = dataclasses.replace(ODD_FOLDERS[0], line=line)
    row, _ = fetched_from(desk, odd, "Suport", code=1)
    assert "“INBOX”, “Sent Items”." in str(row["error"])
