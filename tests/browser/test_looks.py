"""The main pages look as they did when somebody last looked at them: ``python -m tests.browser.looks`` renews that."""

from __future__ import annotations

from itertools import chain, combinations

import pytest
from playwright.sync_api import Browser

from tests.browser.looks import FOLDER, NAMES, PAGES, TOLERANCE, Shades, difference, pictures, play, shrink, window
from tests.browser.site import Site, sign_in
from tests.conftest import NewDatabase
from tests.servers.flask_process import FlaskProcesses
from tests.turns import in_turns

# bin/test looks at each page in light or in dark.
ASKED = [name for page in PAGES for name in in_turns(NAMES[page], page)]


@pytest.fixture(scope="module")
def kept(browser: Browser) -> dict[str, Shades]:
    """The pictures as they were."""
    blank = browser.new_page()
    return {name: shrink(blank, (FOLDER / f"{name}.png").read_bytes())[1] for name in chain(*NAMES.values())}


@pytest.fixture(scope="module")
def taken(browser: Browser, new_database: NewDatabase, flask_process: FlaskProcesses) -> dict[str, Shades]:
    """The pictures as they are, of a desk that no other test touches."""
    blank = browser.new_page()
    with new_database() as database, Site(database, flask_process) as site:
        play(site)
        context = window(browser, site, sign_in(site, browser, "admin"))
        return {name: shrink(blank, picture)[1] for name, picture in pictures(context, ASKED)}


def test_the_main_pages_look_as_they_did(kept: dict[str, Shades], taken: dict[str, Shades]) -> None:
    found = {name: difference(kept[name], taken[name]) for name in ASKED}
    assert {name: share for name, share in found.items() if share >= TOLERANCE} == {}


def test_pages_that_are_different_and_light_and_dark_are_told_apart(kept: dict[str, Shades]) -> None:
    pairs = [(f"{one}-light", f"{other}-light") for one, other in combinations(PAGES, 2)]
    pairs += [(f"{name}-light", f"{name}-dark") for name in PAGES]
    assert [pair for pair in pairs if difference(kept[pair[0]], kept[pair[1]]) <= TOLERANCE] == []
