"""What an address is when it is compared."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postmaster.parsing.address_key import MAX_ADDRESS, address_key, clean_address, domain_key


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("Ann@B.Example", "ann@b.example"),
        ("'ann@b.example'", "ann@b.example"),
        ("'ann@b.example", "ann@b.example"),
        ("“ann@b.example”", "ann@b.example"),
        ("<<ann@b.example>>", "ann@b.example"),
        ("[ann@b.example]", "ann@b.example"),
        ("[mailto:ann@b.example]", "ann@b.example"),
        ("mailto:ann@b.example", "ann@b.example"),
        ("SMTP:Ann@b.example", "ann@b.example"),
        ("ann@b.example.", "ann@b.example"),
        ("ann@b.example,", "ann@b.example"),
        ("ann@b。example", "ann@b.example"),
        ("ann＠b.example", "ann@b.example"),
        ("ann @ b . example", "ann@b.example"),
        ("\ufeffann\u200b@\u2060b.exa\u00admple\u202c", "ann@b.example"),
        ("\xa0ann@b.example\u3000", "ann@b.example"),
        ('"ann"@b.example', "ann@b.example"),
        ('"a\\nn"@b.example', "ann@b.example"),
        ('"ann doe"@b.example', '"ann doe"@b.example'),
        ("o'brien@b.example", "o'brien@b.example"),
        ("ann+x@b.example", "ann+x@b.example"),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
        ("ann@xn--kln-sna.example", "ann@köln.example"),
        ("ANN@XN--KLN-SNA.EXAMPLE.", "ann@köln.example"),
        ("ann@KÖLN.example", "ann@köln.example"),
        ("ann@ko\u0308ln.example", "ann@köln.example"),
        ("ann@xn--strae-oqa.example", "ann@straße.example"),
        ("инфо@Россия.РФ", "инфо@россия.рф"),
        ("инфо@xn--h1alffa9f.xn--p1ai", "инфо@россия.рф"),
        ("ann@xn--.example", "ann@xn--.example"),
        ("ann@xn--99999999999.example", "ann@xn--99999999999.example"),
        ("Root", "root"),
        ("", ""),
        ("@", "@"),
    ],
)
def test_spellings_of_an_address_have_one_key(written: str, key: str) -> None:
    assert address_key(written) == key


@pytest.mark.parametrize(
    "other", ["anm@b.example", "ann+x@b.example", "ann@bb.example", "аnn@b.example", "a.nn@b.example"]
)
def test_what_looks_alike_is_another_address(other: str) -> None:
    assert address_key(other) != address_key("ann@b.example")


def test_a_cleaned_address_keeps_its_case_and_the_form_of_its_domain() -> None:
    assert clean_address("'Ann@XN--kln-sna.Example.'") == "Ann@XN--kln-sna.Example"


def test_a_domain_has_the_key_that_it_has_in_an_address() -> None:
    assert domain_key("XN--kln-sna.example.") == "köln.example"


@settings(deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"['\"<]?[\w.]{1,9}@(xn--)?[\w.-]{1,20}['\">.]?", fullmatch=True))
def test_the_key_of_a_key_is_that_key(text: str) -> None:
    key = address_key(text)
    assert address_key(key) == key
    assert len(key) <= MAX_ADDRESS
