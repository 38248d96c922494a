"""FETCH answers mean what IMAPClient makes of them, and what it ties to the wrong message is tied to none."""

from __future__ import annotations

from typing import Any

import pytest
from imapclient.response_parser import parse_fetch_response

from postmaster.sources.imap_answers import FetchItem, by_uid, merge, read_answers, read_texts
from postmaster.sources.imap_client import LINE, command_sets, joined
from postmaster.sources.wire import NonsenseError

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


ASKED = (b"UID", b"RFC822.SIZE", b"FLAGS", b"BODY[]", b"BODY[]<0>")


def plain(found: dict[int, Any]) -> dict[int, Any]:
    """What was asked for, without what IMAPClient adds and kinds of sequences."""
    return {
        number: {name: tuple(item[name]) if name == b"FLAGS" else item[name] for name in ASKED if name in item}
        for number, item in found.items()
    }


def texts_of(answer: list[Any]) -> dict[int, FetchItem]:
    usual = read_texts(answer)
    return by_uid(merge(read_answers(answer)).values()) if usual is None else usual


@pytest.mark.parametrize("answer", TEXTS)
def test_texts_are_read_as_imapclient_reads_them(answer: list[Any]) -> None:
    theirs = plain(parse_fetch_response(answer))
    assert {uid: item.get(b"BODY[]") for uid, item in texts_of(answer).items()} == {
        uid: item.get(b"BODY[]") for uid, item in theirs.items() if item.keys() - {b"FLAGS"}
    }


@pytest.mark.parametrize("answer", LISTINGS)
def test_a_listing_is_read_as_imapclient_reads_it(answer: list[Any]) -> None:
    assert plain(merge(read_answers(answer))) == plain(parse_fetch_response(answer, uid_is_key=False))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([b"1 (UID 7)", b"1 (UID 8)"], id="one message with two UIDs"),
        pytest.param([(b"1 (UID 7 BODY[] {4}", b"text"), b" UID"], id="no end"),
        pytest.param([(b"1 (UID 7 BODY[] {4}", b"text"), b"xt)"], id="the rest of a text"),
        pytest.param([b"UID 7 BODY[] NIL"], id="no number"),
    ],
)
def test_what_is_no_answer_is_refused(answer: list[Any]) -> None:
    with pytest.raises(NonsenseError):
        merge(read_answers(answer))


def test_a_text_whose_uid_is_not_told_is_tied_to_no_message() -> None:
    assert texts_of([(b"7 (BODY[] {4}", b"text"), b")"]) == {}
    assert texts_of([(b"1 (UID 7 BODY[] {1}", b"a"), b")", (b"2 (UID 7 BODY[] {1}", b"b"), b")"]) == {}


def test_sets_of_numbers_fit_a_line_of_1000_octets_and_name_each_number_once() -> None:
    numbers = [*range(1, 40), *range(10**9, 10**9 + 900, 3)]
    portions = list(command_sets(numbers))
    assert [number for portion in portions for number in portion] == numbers
    assert max(len(joined(portion)) for portion in portions) <= LINE
    assert joined([1, 2, 3, 7, 9, 10]) == "1:3,7,9:10"
