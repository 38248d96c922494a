"""FETCH answers that are read by a pattern mean what IMAPClient makes of them; all others are left to it."""

from __future__ import annotations

from typing import Any

import pytest
from imapclient.response_parser import parse_fetch_response

from postmaster.sources.imap_answers import read_listing, read_texts

TEXT = b"Subject: 7 (UID 8 BODY[] {3}\r\n\r\n)\r\n"
TEXTS = [
    pytest.param([], id="nothing"),
    pytest.param([(b"1 (UID 7 BODY[] {35}", TEXT), b")", (b"2 (UID 9 BODY[] {0}", b""), b")"], id="usual"),
    pytest.param([(b"1 (UID 7 BODY[] {35}", TEXT), b")", b"2 (UID 9 BODY[] NIL)"], id="one not handed over"),
    pytest.param([(b"1 (UID 7 BODY[] {35}", TEXT), b")", b"1 (FLAGS (\\Seen))"], id="flags changed meanwhile"),
    pytest.param([b"2 (UID 9 BODY[] NIL)", (b"1 (UID 7 BODY[] {35}", TEXT), b")"], id="none first"),
    pytest.param([(b"1 (UID 7 BODY[] {35}", TEXT), b")", (b"1 (UID 7 BODY[] {1}", b"x"), b")"], id="twice"),
    pytest.param([(b"1 (BODY[] {35}", TEXT), b" UID 7)"], id="UID behind"),
    pytest.param([(b"1 (UID 7 BODY[]<0> {35}", TEXT), b")"], id="a chunk"),
    pytest.param([b'1 (UID 7 BODY[] "short")'], id="quoted"),
]
LISTINGS = [
    pytest.param([b"1 (UID 7 RFC822.SIZE 36 FLAGS ())", b"2 (UID 9 RFC822.SIZE 4 FLAGS (\\Seen $Work))"], id="usual"),
    pytest.param([b"1 (UID 7 RFC822.SIZE 36 FLAGS ())", b"2 (FLAGS (\\Deleted))"], id="flags of another"),
    pytest.param([b"1 (FLAGS (\\Seen) RFC822.SIZE 36 UID 7)"], id="another order"),
    pytest.param([b"1 (UID 7 RFC822.SIZE 36 FLAGS () MODSEQ (12))"], id="more than asked"),
]


def plain(found: dict[int, Any]) -> dict[int, Any]:
    """What was found, without the number that IMAPClient adds and kinds of sequences."""
    return {
        number: {name: tuple(value) if name == b"FLAGS" else value for name, value in item.items() if name != b"SEQ"}
        for number, item in found.items()
    }


@pytest.mark.parametrize("answer", TEXTS)
def test_texts_are_read_as_imapclient_reads_them(answer: list[Any]) -> None:
    assert plain(read_texts(answer)) == {
        uid: {name: value for name, value in item.items() if name != b"UID"}
        for uid, item in plain(parse_fetch_response(answer)).items()
    }


@pytest.mark.parametrize("answer", LISTINGS)
def test_a_listing_is_read_as_imapclient_reads_it(answer: list[Any]) -> None:
    assert plain(read_listing(answer)) == plain(parse_fetch_response(answer, uid_is_key=False))
