"""Lists of what tickets can be given: how entries and their IDs are entered and shown."""

from __future__ import annotations

import pytest

from postmaster.errors import InputError
from postmaster.system.list_settings import OWNER_LIST, PRIORITY_LIST, STATE_LIST, TYPE_LIST
from postmaster.system.lists import Entry, State, StateKind, numbered
from postmaster.system.setting import ListSetting


@pytest.mark.parametrize(
    ("setting", "text", "shown"),
    [
        (STATE_LIST, "open=open=4; waiting=open; parked = pending reminder = 21", "open=open; waiting=open; "
         "parked=pending reminder=21"),
        (STATE_LIST, "open=open=44", "open=open=44"),
        (STATE_LIST, "a=b=open=7", "a=b=open=7"),
        (PRIORITY_LIST, "low=7; urgent = 1\nsoon", "low=7; urgent=1; soon"),
        (PRIORITY_LIST, "a=b; =5; c=05", "a=b; =5; c=05"),
        (OWNER_LIST, "bob=7; eve", "bob=7; eve"),
    ],
)  # fmt: skip
def test_a_list_is_shown_as_it_can_be_entered_again(setting: ListSetting[object], text: str, shown: str) -> None:
    assert setting.show(setting.parse(text)) == shown
    assert setting.parse(shown) == setting.parse(text)


def test_the_usual_lists_have_the_ids_of_otrs() -> None:
    ids = {1: "new", 2: "closed successful", 3: "closed unsuccessful", 4: "open", 5: "removed", 6: "pending reminder",
           7: "pending auto close+", 8: "pending auto close-", 9: "merged"}  # fmt: skip
    for number, name in ids.items():
        state = numbered(STATE_LIST.default, number)
        assert state is not None
        assert state.name == name
    assert numbered(STATE_LIST.parse("waiting=open"), 1) is None
    assert numbered(PRIORITY_LIST.default, 3) == Entry("3 normal")
    assert numbered(TYPE_LIST.default, 1) == Entry("Unclassified")
    assert STATE_LIST.parse(STATE_LIST.show(STATE_LIST.default)) == STATE_LIST.default
    assert State("open", StateKind.OPEN, 4) in STATE_LIST.default


@pytest.mark.parametrize(
    ("setting", "text", "words"),
    [
        (STATE_LIST, "waiting=open=4; open=open", "gives the ID 4 twice, also to “waiting”"),
        (STATE_LIST, "waiting=4", "has no kind of state"),
        (PRIORITY_LIST, "low=2; high", "gives the ID 2 twice"),
        (PRIORITY_LIST, "low=2; LOW=3", "has “LOW” twice"),
        (OWNER_LIST, "bob=x", "whose ID is no number"),
    ],
)
def test_what_would_be_ambiguous_is_refused(setting: ListSetting[object], text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        setting.parse(text)
