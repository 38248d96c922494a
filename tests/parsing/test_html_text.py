"""Text made of HTML."""

from __future__ import annotations

import pytest

from postmaster.parsing.html_text import html_to_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hello", "Hello"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("one<br>two<BR/>three", "one\ntwo\nthree"),
        ("<div>one</div>\n<div>two\n  words</div>", "one\n\ntwo words"),
        ("<ul><li>one<li>two</ul>", "one\ntwo"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("a<b>b</b>c", "abc"),
        ("<pre>one\ntwo</pre>", "one\ntwo"),
        ("<style>p {}</style><script>if (a<b) x()</script><title>t</title>x", "x"),
        ("a<!-- no -->b<!--[if mso]><p>no</p><![endif]-->c", "abc"),
        ("&lt;b&gt; &amp;&nbsp;&uuml; &#8364; &#x20AC;", "<b> & ü € €"),
        ("&#55296; &#0; &#99999999999; &#" + "1" * 5000 + ";", "� � � �"),
        ("1 < 2 and <3", "1 < 2 and <3"),
        ("x<!-- never closed", "x"),
        ("x<a href='never closed", "x"),
        ("x<style>never closed", "x"),
        ("<!DOCTYPE html><?xml?><html><body>x", "x"),
        ("", ""),
    ],
)
def test_words_are_kept_and_markup_is_not(source: str, text: str) -> None:
    assert html_to_text(source) == text
