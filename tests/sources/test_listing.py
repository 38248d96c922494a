"""A listing is rows of columns: what is made of it is what was listed, and it takes hardly any memory."""

from __future__ import annotations

import tracemalloc

from postmaster.sources.base import RemoteMail
from postmaster.sources.listing import FLAGGED, UNLISTED, Listing, Names


def listing(count: int = 4) -> Listing:
    """Messages 1 to ``count``; the second is flagged, and the third one is not described."""
    marks = bytes({1: FLAGGED, 2: UNLISTED}.get(place, 0) for place in range(count))
    return Listing(range(1, count + 1), [100] * count, marks, lambda _place, handle: f"imap:7:{handle}")


def test_a_message_is_made_of_its_columns() -> None:
    assert listing()[1] == RemoteMail(2, "imap:7:2", 100, flagged=True)
    assert [mail.unlisted for mail in listing()] == [False, False, True, False]
    assert [mail.handle for mail in listing()[1:3]] == [2, 3]


def test_what_is_chosen_of_a_listing_keeps_its_order_and_can_be_chosen_from_again() -> None:
    odd = listing(9).only(lambda mail: mail.handle % 2)
    assert [mail.handle for mail in odd.with_last(lambda mail: mail.handle in (1, 5))] == [3, 7, 9, 1, 5]
    assert [mail.handle for mail in odd.at([4, 0])] == [9, 1]


def test_names_of_several_messages_are_none_and_of_a_number_the_last_one_counts() -> None:
    names = Names([(1, "a"), (2, "same"), (3, "same"), (4, ""), (5, "old"), (5, "b"), (9, "ü")])
    told = [names.unique(number) for number in (1, 2, 3, 4, 5, 6, 9)]
    assert told == ["a", None, None, None, "b", None, "ü"]
    assert Names([(1, "x"), (1, "y"), (2, "x")]).unique(2) == "x"


def test_a_name_takes_its_bytes_and_hardly_more() -> None:
    tracemalloc.start()
    try:
        names = Names((number, f"{number:040}") for number in range(1, 20_001))
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert names.unique(20_000) == f"{20_000:040}"
    assert used / 20_000 < 80
