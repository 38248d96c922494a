"""Text that is neither plain nor HTML, made readable: a calendar alone, enriched text, and what reads as it is."""

from __future__ import annotations

import re
from datetime import datetime

from postmaster.parsing.html_text import html_to_text
from postmaster.parsing.repeated import repeated
from postmaster.parsing.rtf import rtf_to_html_or_text

CALENDARS = frozenset({"text/calendar", "text/x-vcalendar", "application/ics", "application/calendar"})
RTF_TYPES = frozenset({"text/rtf", "application/rtf", "application/x-rtf"})
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "text/x-amp-html", "text/watch-html"})
_ENRICHED = frozenset({"text/enriched", "text/richtext"})

# Written by programs for programs; but a person can make something of it where there is nothing else.
_DATA = frozenset(
    {
        "application/csv", "application/json", "application/xml", "application/yaml", "text/css", "text/csv",
        "text/directory", "text/javascript", "text/json", "text/tab-separated-values", "text/vcard",
        "text/x-comma-separated-values", "text/x-csv", "text/x-vcard", "text/x-moz-deleted", "text/xml", "text/yaml",
    }
)  # fmt: skip

MAX_DATA = 20_000
"""Characters that are shown of data."""

_FOLD = re.compile(r"\r?\n[ \t]")
_PARAMETERS = ";" + repeated(r"[^\":]++|\"[^\"]*+\"")
_PROPERTY = re.compile(rf"([A-Za-z0-9-]+)((?>(?:{_PARAMETERS})?)):(.*)")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CN = re.compile(r";CN=(?:\"([^\"]*)\"|([^;:]*))", re.IGNORECASE)
_ZONE = re.compile(r";TZID=\"?([^\";:]*)", re.IGNORECASE)
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(?:\d\d)?(Z)?)?")
_EVENTS = frozenset({"VEVENT", "VTODO", "VJOURNAL"})
_METHODS = {"CANCEL": "Cancelled", "REPLY": "Answer", "COUNTER": "Counter-proposal"}
_ANSWERS = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "accepted tentatively"}
_ANSWER = re.compile(r";PARTSTAT=\"?([A-Za-z-]+)", re.IGNORECASE)

_PARAM = re.compile(r"<param>.*?(?:</param>|\Z)", re.IGNORECASE | re.DOTALL)
_COMMAND = re.compile(r"<<|</?[a-z0-9-]{1,60}>", re.IGNORECASE)
_NEWLINES = re.compile(r"\n+")
_OF_RICHTEXT = {"<lt>": "<", "<nl>": "\n", "<np>": "\n"}

_Found = dict[str, tuple[str, str]]


def is_data(content_type: str) -> bool:
    """Whether a type is one of texts that programs write for programs."""
    is_derived = content_type.startswith("application/") and content_type.endswith(("+xml", "+json"))
    return content_type in _DATA or (is_derived and content_type not in HTML_TYPES)


def read_other_text(text: str, content_type: str, name: str) -> str:
    """The words of a text of that type, of a file with that ``name``. Never raises."""
    if content_type in CALENDARS:
        return calendar_text(text) or text
    if is_data(content_type) and len(text) > MAX_DATA:
        return f"{text[:MAX_DATA]}\n\n… All of it is in the attachment “{name}”.\n"
    return _enriched(text, content_type) if content_type in _ENRICHED else text


def read_rtf(data: bytes) -> str:
    """The words of a document in rich text. Never raises."""
    html, text = rtf_to_html_or_text(data)
    return html_to_text(html) if html else text + "\n"


def calendar_text(text: str) -> str:
    """What, when, where and with whom (RFC 5545); empty if ``text`` has no entry."""
    found, method = _first_entry(_FOLD.sub("", text))
    if not found:
        return ""
    summary = _value(found, "SUMMARY")
    start, end = (_time(*found.get(name, ("", ""))) for name in ("DTSTART", "DTEND"))
    answer = _ANSWER.search(found.get("ATTENDEE", ("", ""))[0])
    answered = _ANSWERS.get(answer[1].upper(), "") if answer and method == "REPLY" else ""
    lines = [
        ("What", summary),
        ("Status", _METHODS.get(method, "") + (f": {answered}" if answered else "")),
        ("When", f"{start} – {end}" if start and end else start or _time(*found.get("DUE", ("", "")))),
        ("Where", _value(found, "LOCATION")),
        ("Organiser", _person(*found.get("ORGANIZER", ("", "")))),
    ]
    head = "\n".join(f"{name}: {value}" for name, value in lines if value)
    return "\n\n".join(filter(None, (head, _value(found, "DESCRIPTION")))) + "\n"


def _first_entry(text: str) -> tuple[_Found, str]:
    """The properties of the first event or task, each with its parameters, and the method of the calendar."""
    found: _Found = {}
    method, inside, depth = "", False, 0
    for line in text.splitlines():
        match = _PROPERTY.match(line)
        if not match:
            continue
        name, parameters, value = match[1].upper(), match[2], match[3]
        if name == "BEGIN":
            starts = value.strip().upper() in _EVENTS
            inside, depth = inside or starts, depth + (1 if inside else 0)
        elif name == "END" and inside:
            if depth == 0:
                break
            depth -= 1
        elif name == "METHOD" and not inside:
            method = value.strip().upper()
        elif inside and depth == 0:
            found.setdefault(name, (parameters, value))
    return found, method


def _value(found: _Found, name: str) -> str:
    value = found.get(name, ("", ""))[1]
    return _ESCAPED.sub(lambda escape: "\n" if escape[1] in "nN" else escape[1], value).strip()


def _time(parameters: str, value: str) -> str:
    match = _TIME.match(value.strip())
    if not match:
        return ""
    try:
        moment = datetime(*(int(part or 0) for part in match.groups()[:5]))  # type: ignore[arg-type]  # noqa: DTZ001 - zone is told in words
    except ValueError:
        return ""
    if not match[4]:
        return f"{moment:%Y-%m-%d}"
    zone = "UTC" if match[6] else next(filter(None, _ZONE.findall(parameters)), "")
    return f"{moment:%Y-%m-%d %H:%M} {zone}".rstrip()


def _person(parameters: str, value: str) -> str:
    name = _CN.search(parameters)
    address = re.sub("^mailto:", "", value.strip(), flags=re.IGNORECASE)
    called = (name[1] or name[2] or "").strip() if name else ""
    return f"{called} <{address}>" if called and address and called != address else address or called


def _enriched(text: str, content_type: str) -> str:
    """Words of text/enriched (RFC 1896) and of text/richtext (RFC 1341), without its commands."""
    text = _PARAM.sub("", text.replace("\r\n", "\n"))
    if content_type == "text/enriched":
        text = _NEWLINES.sub(lambda run: " " if len(run[0]) == 1 else run[0][1:], text)
    else:
        text = text.replace("\n", " ")
    return (
        _COMMAND.sub(lambda tag: "<" if tag[0] == "<<" else _OF_RICHTEXT.get(tag[0].lower(), ""), text).strip() + "\n"
    )
