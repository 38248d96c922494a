"""System addresses by the command line."""

from __future__ import annotations

import pytest

from tests.cli.support import Admin, options


def test_an_address_is_kept_in_lower_case_and_found_in_any(admin: Admin) -> None:
    admin.add_address("Info@Example.com", "Junk")
    row = admin.show("address", "INFO@example.com")
    assert row.pop("changed")
    assert row == {
        "id": 1, "label": "info@example.com", "address": "info@example.com", "name": "Sales", "queue": "Junk",
        "validity": "valid", "comment": "", "health": "healthy",
    }  # fmt: skip


GOOD = {"address": "info@example.com", "name": "Info", "queue": "Raw"}
REFUSED = {
    "no address": (GOOD | {"address": ""}, "E-mail Address is missing"),
    "no domain": (GOOD | {"address": "info"}, "E-mail Address is “info”"),
    "two at signs": (GOOD | {"address": "a@b@example.com"}, "E-mail Address is"),
    "blank": (GOOD | {"address": "in fo@example.com"}, "E-mail Address is"),
    "address twice": (GOOD | {"address": "TAKEN@example.com"}, "already the name of address 1"),
    "no display name": (GOOD | {"name": ""}, "Display name is missing"),
    "no queue": (GOOD | {"queue": ""}, "Queue is missing"),
    "unknown queue": (GOOD | {"queue": "Nowhere"}, "There is no queue “Nowhere”"),
    "invalid queue": (GOOD | {"queue": "Misc"}, "Queue is “Misc”, which is not valid"),
}


@pytest.mark.parametrize(("fields", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_address_is_refused(admin: Admin, fields: dict[str, object], sentence: str) -> None:
    admin.add_address("taken@example.com", "Raw")
    admin.run("queue", "set", "Misc", "--validity", "invalid")
    result = admin.run("address", "add", *options(fields))
    assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr
    assert len(admin.list("address")) == 1


@pytest.mark.parametrize("flags", [(), ("--yes",)])
def test_an_address_is_never_deleted_only_set_invalid(admin: Admin, flags: tuple[str, ...]) -> None:
    admin.add_address("info@example.com", "Raw")
    result = admin.run("address", "delete", "info@example.com", *flags)
    assert (result.exit_code, "only set invalid" in result.stderr) == (2, True)
    assert admin.run("address", "set", "info@example.com", "--validity", "invalid").exit_code == 0
    assert admin.show("address", 1)["health"] == "invalid"


def test_an_address_says_when_its_queue_is_not_valid_any_more(admin: Admin) -> None:
    admin.add_address("info@example.com", "Junk")
    admin.run("queue", "set", "Junk", "--validity", "invalid", "--yes")
    assert admin.show("address", 1)["health"] == "queue-invalid"
    assert admin.run("address", "set", 1, "--name", "Other").exit_code == 0
