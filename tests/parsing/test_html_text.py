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
        ("<div>one</div>\n<div>two\n  words</div>", "one\ntwo words"),
        ("<ul><li>one<li>two</ul>", "- one\n- two"),
        ("<ol start=3><li><p>one</p><li>two</ol>x", "3. one\n\n4. two\nx"),
        ("<table><tr><td>a</td><td><p>b</td></tr><tr><td>c</table>", "a\tb\nc"),
        ("a<b>b</b>c", "abc"),
        ("<pre>one\ntwo</pre>", "one\ntwo"),
        ("<style>p {}</style><script>if (a<b) x()</script><title>t</title>x", "x"),
        ("a<!-- no -->b<!--[if mso]><p>no</p><![endif]-->c", "abc"),
        ("&lt;b&gt; &amp;&nbsp;&uuml; &#8364; &#x20AC;", "<b> & ü € €"),
        ("&#55296; &#0; &#99999999999; &#" + "1" * 5000 + ";", "� � � �"),
        ("1 < 2 and <3", "1 < 2 and <3"),
        ('a <a title="b > c" href="https://x.example/?d=1">e</a> f', "a e f"),
        ("<xml><w:View>Normal</w:View></xml><p class=MsoNormal>a<o:p>b</o:p></p>", "ab"),
        ("<xml><w:View>Normal<p>never closed", "never closed"),
        ("<![if !mso]>shown<![endif]><!--[if !mso]><!-->too<!--<![endif]-->", "showntoo"),
        ("a<br>b<br><br>c<br><div>d</div>e", "a\nb\n\nc\nd\ne"),
        ("<html><body>a</body></html><p>b</p><html><body>c", "a\n\nb\n\nc"),
        ("a<title>b</title><select><option>c</select>d", "ad"),
        ("<head><title>t</title><p>x", "x"),
        ("x<!-- never closed", "x"),
        ("x<a href='never closed", "x"),
        ("x<style>never closed", "x"),
        ("<!DOCTYPE html><?xml?><html><body>x", "x"),
        ("", ""),
    ],
)
def test_words_are_kept_and_markup_is_not(source: str, text: str) -> None:
    assert html_to_text(source) == text
