"""Reading of what somebody entered, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postmaster.errors import InputError
from postmaster.resources.fields import Field
from postmaster.resources.readers import InvalidValue, host, line, mail_address, name, paragraph, whole_number, yes_no
from postmaster.system.setting_table import SETTINGS

ANYTHING = st.text(st.characters(codec=None, exclude_categories=())) | st.text("a.-:[]@ñ0١\x00\ud800 ")


@pytest.mark.parametrize("read", [host, mail_address, name, paragraph, line(5), yes_no, whole_number(1, 9)])
@given(text=ANYTHING)
@settings(deadline=None)
def test_a_value_is_refused_or_can_be_stored_anywhere(read: object, text: str) -> None:
    field = Field("f", "F", read=read)  # type: ignore[arg-type]
    try:
        stored = str(field.parse(text))
    except InputError:
        return
    assert "\0" not in stored
    assert stored.encode()


@pytest.mark.parametrize("spec", SETTINGS.values(), ids=lambda spec: spec.name)
@given(text=ANYTHING)
@settings(deadline=None)
def test_a_setting_takes_or_refuses_any_text(spec: object, text: str) -> None:
    try:
        value = spec.parse(text)  # type: ignore[attr-defined]
    except InputError:
        return
    assert spec.parse(spec.show(value)) == value  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["a" * 254, "a." * 130 + "com", "1.2.3.4.5", "::g", "a_b-.example", "xn--\ud800"])
def test_a_host_of_no_legal_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        host(text)
