"""A message, read from its bytes, and the content of one of its parts."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from postmaster.parsing.addresses import MAX_ADDRESSES, MAX_FIELD, parse_addresses
from postmaster.parsing.body import read_parts
from postmaster.parsing.charset import codec_of, is_utf8
from postmaster.parsing.containers import open_containers
from postmaster.parsing.dates import parse_date
from postmaster.parsing.detection import detect_charset
from postmaster.parsing.header import Fields, decode_fields, decode_value
from postmaster.parsing.ids import parse_id, parse_ids
from postmaster.parsing.message import Address, ParsedMessage
from postmaster.parsing.pieces import join_html
from postmaster.parsing.structure import Part, leaves_of, normal_lines, split_message

_READ = frozenset({"subject", "from", "to", "cc", "reply-to", "date", "message-id", "in-reply-to", "references"})


def parse_message(raw: bytes) -> ParsedMessage:
    """Read a message (RFC 5322, RFC 2045 to 2047, RFC 2231), whatever its bytes are. Never raises.

    Of a field that may come once, the first counts; address lists and ids are read from all fields of their name.
    """
    root = split_message(normal_lines(raw))
    fields = _declared(root)
    values = _values(fields)
    content = read_parts(root)
    return ParsedMessage(
        subject=decode_value(_first(values, "subject")),
        from_=_sender(_first(values, "from")),
        senders=_mailboxes(values.get("from", ())),
        to=_mailboxes(values.get("to", ())),
        cc=_mailboxes(values.get("cc", ())),
        reply_to=_mailboxes(values.get("reply-to", ())),
        date=parse_date(_first(values, "date")),
        message_id=parse_id(_first(values, "message-id")),
        in_reply_to=_ids(values.get("in-reply-to", ())),
        references=_ids(values.get("references", ())),
        text=content.text,
        html=join_html(content.html),
        html_pieces=content.html,
        images=content.images,
        attachments=content.attachments,
        headers=decode_fields(fields),
    )


def part_content(raw: bytes, part: str) -> bytes:
    """The decoded bytes of the part with this number, as ``AttachedPart.part`` has it. Raises KeyError if none has.

    A container has them as well: it may have been an attachment when nobody knew how to open it.
    """
    root = split_message(normal_lines(raw))
    open_containers(root)
    waiting = [root]
    while waiting:
        each = waiting.pop()
        if each.number == part:
            return each.content
        waiting.extend(each.children)
    raise KeyError(part)


def _declared(root: Part) -> Fields:
    """The header fields, those in an undeclared character set rewritten in UTF-8: in that of the text if it declares
    one, else in the one that they seem to have.
    """
    raw = [value.encode("latin-1") for _, value in root.fields if not value.isascii()]
    raw = [value for value in raw if not is_utf8(value)]
    if not raw:
        return root.fields
    labels = (leaf.parameters.get("charset", "") for leaf in leaves_of(root) if leaf.content_type.startswith("text/"))
    telling = (codec for codec in map(codec_of, labels) if codec and codec not in ("utf_8", "cp1252"))
    codec = next(telling, None) or codec_of(detect_charset(b"\n".join(raw)))
    if codec in (None, "cp1252"):
        return root.fields
    return [(name, _rewritten(value, codec)) for name, value in root.fields]


def _rewritten(value: str, codec: str) -> str:
    data = value.encode("latin-1")
    if is_utf8(data) or "=?" in value:
        return value
    try:
        return data.decode(codec).encode().decode("latin-1")
    except UnicodeError:
        return value


def _values(fields: Fields) -> dict[str, list[str]]:
    """The values of the fields that are read, by their names."""
    values: dict[str, list[str]] = {}
    for name, value in fields:
        if (key := name.lower()) in _READ:
            values.setdefault(key, []).append(value)
    return values


def _first(values: dict[str, list[str]], name: str) -> str:
    return values[name][0] if name in values else ""


def _sender(value: str) -> Address | None:
    """The first mailbox that has an address; failing that, the first there is."""
    found = parse_addresses(value)
    return next((address for address in found if address.address), found[0] if found else None)


def _mailboxes(values: Iterable[str]) -> tuple[Address, ...]:
    found: list[Address] = []
    room = MAX_FIELD
    for value in values:
        found.extend(address for address in parse_addresses(value[:room]) if address.address)
        room -= min(len(value), room)
    return tuple(found[:MAX_ADDRESSES])


def _ids(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(chain.from_iterable(map(parse_ids, values)))
