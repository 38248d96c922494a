"""The sample messages of the demo."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from demo.samples import INVOICES, ORDERS_ADDRESS, PLAN, SUPPORT, SUPPORT_ADDRESS, UNLINKED_ADDRESSES, Sample, samples
from postmaster.parsing.parser import parse_message

KINDS = sorted({kind.__name__ for kinds in PLAN.values() for kind, _ in kinds})


def of_kind(kind: str) -> list[Sample]:
    return [sample for sample in samples() if sample.kind == kind]


def test_there_are_200_in_two_mailboxes() -> None:
    found = Counter(sample.mailbox for sample in samples())
    assert found.total() == 200
    assert set(found) == {SUPPORT, INVOICES}


def test_they_are_the_same_in_every_process() -> None:
    changed = "import apprise.plugins.email"  # how encoded words in UTF-8 are written
    code = f"{changed}; from demo.samples import samples; print([sample.sha256 for sample in samples()])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == str([sample.sha256 for sample in samples()])


def test_two_are_identical_and_no_others() -> None:
    repeated = [count for count in Counter(sample.sha256 for sample in samples()).values() if count > 1]
    assert repeated == [2]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_can_be_read(kind: str) -> None:
    for sample in of_kind(kind):
        parse_message(sample.raw)


def test_lines_end_as_on_the_wire() -> None:
    for sample in samples():
        assert b"\n" not in sample.raw.replace(b"\r\n", b"")


def test_the_support_mailbox_has_mail_to_linked_and_to_other_addresses() -> None:
    found = {address.address for sample in samples() for address in parse_message(sample.raw).to}
    assert {ORDERS_ADDRESS, SUPPORT_ADDRESS, *UNLINKED_ADDRESSES} <= found


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("with_attachments", "application/pdf"),
        ("inline_image", "image/png"),
        ("winmail", "application/ms-tnef"),
        ("forwarded", "message/rfc822"),
        ("only_attachment", "application/pdf"),
    ],
)
def test_kinds_with_attachments_have_them(kind: str, part: str) -> None:
    for sample in of_kind(kind):
        assert part in [attachment.content_type for attachment in parse_message(sample.raw).attachments]


@pytest.mark.parametrize(
    ("kind", "letters"),
    [("german", "üöß"), ("latin1", "üöß"), ("japanese", "注請"), ("raw_8bit_header", "ü")],
)
def test_subjects_hold_the_letters_of_their_language(kind: str, letters: str) -> None:
    for sample in of_kind(kind):
        assert set(letters) & set(parse_message(sample.raw).subject)


def test_a_name_in_pieces_is_put_together() -> None:
    names = {part.filename for sample in of_kind("rfc2231_name") for part in parse_message(sample.raw).attachments}
    assert names == {"Angebot für Köln.pdf"}
