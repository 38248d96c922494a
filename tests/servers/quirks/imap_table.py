"""Quirks of IMAP servers that people reported, one row each, with its source (repository#number, RFC)."""

from __future__ import annotations

import base64
import re
import select
from dataclasses import dataclass

from tests.servers.quirks.imap import HangUp, Items, literal
from tests.servers.quirks.mailbox import Message

# The message that a quirk concerns, by what is in it.
CULPRIT = b"culprit"


def is_culprit(message: Message) -> bool:
    """Whether the quirk concerns this message."""
    return CULPRIT in message.raw


@dataclass(frozen=True)
class Quirk:
    """``blocks``: the culprit cannot be had while the quirk lasts, but all others must come.

    ``refuses``: nothing can be had meanwhile. Otherwise each message comes although the server is as it is.
    """

    name: str
    source: str
    session: type
    blocks: bool = False
    refuses: bool = False

    def __str__(self) -> str:
        return self.name


class NoUid:
    def items(self, message: Message, wanted: bytes) -> Items:
        items: Items = super().items(message, wanted)  # type: ignore[misc]
        return [item for item in items if item[0] != b"UID"] if b"BODY" in wanted else items


class UidApart:
    def send_message(self, number: int, message: Message, items: Items) -> None:
        for item in items:
            self.send(self.fetch_line(number, [item]))  # type: ignore[attr-defined]


class TextBeforeUid:
    def send_message(self, number: int, message: Message, items: Items) -> None:
        for item in reversed(items):
            self.send(self.fetch_line(number, [item]))  # type: ignore[attr-defined]


class AllTextsThenAllUids:
    def fetch(self, arguments: bytes, *, uids: bool) -> None:
        numbers, _, wanted = arguments.partition(b" ")
        rows = [(n, self.items(m, wanted.upper())) for n, m in self.chosen(numbers, uids=uids)]  # type: ignore[attr-defined]
        for part in (lambda name: name != b"UID", lambda name: name == b"UID"):
            for number, items in rows:
                self.send(self.fetch_line(number, [item for item in items if part(item[0])]))  # type: ignore[attr-defined]
        self.finish()  # type: ignore[attr-defined]


class SameUidTwice:
    def uid(self, message: Message) -> int:
        return 3 if message.uid in (3, 4) else message.uid


class UidBeyondColumns:
    def uid(self, message: Message) -> int:
        return 2**64 - 1 if is_culprit(message) else message.uid


class UidBelowZero:
    def uid(self, message: Message) -> int:
        return -7 if is_culprit(message) else message.uid


class SizeBeyondColumns:
    def size(self, message: Message) -> int:
        return 2**64 - 1 if is_culprit(message) else len(message.raw)


class SizeBelowZero:
    def size(self, message: Message) -> int:
        return -1 if is_culprit(message) else len(message.raw)


class UidOfZero:
    def uid(self, message: Message) -> int:
        return 0 if is_culprit(message) else message.uid


class AnswersWhatWasNotAsked:
    def chosen(self, numbers: bytes, *, uids: bool) -> list[tuple[int, Message]]:
        found: list[tuple[int, Message]] = super().chosen(numbers, uids=uids)  # type: ignore[misc]
        first = [(1, self.messages[0])] if self.messages else []  # type: ignore[attr-defined]
        return first + [row for row in found if row not in first]

    def do_uid_store(self, arguments: bytes) -> None:
        numbers, _, _rest = arguments.partition(b" ")
        for _number, message in super().chosen(numbers, uids=True):  # type: ignore[misc]
            message.flags.add(b"\\Deleted")
        self.finish()  # type: ignore[attr-defined]


class StandIn:
    words = b"Retrieval using the IMAP4 protocol failed for the following message: 42"

    def text(self, message: Message) -> bytes:
        if is_culprit(message):
            return (
                b"From: Microsoft Exchange Server\r\nSubject: "
                + self.words
                + b"\r\n\r\nThe server couldn't retrieve it.\r\n"
            )
        return message.raw


class StandInOfItsSize(StandIn):
    def size(self, message: Message) -> int:
        return len(self.text(message))


class EmptyText:
    def text(self, message: Message) -> bytes:
        return b"" if is_culprit(message) else message.raw


class OfNoSize:
    def size(self, message: Message) -> int:
        return 0 if is_culprit(message) else len(message.raw)


class EmptyAndOfNoSize(OfNoSize, EmptyText):
    pass


class CutShort:
    def text(self, message: Message) -> bytes:
        return message.raw[:100] if is_culprit(message) else message.raw


class NilBody:
    def body_item(self, message: Message, start: bytes | None, length: bytes | None) -> tuple[bytes, bytes]:
        item: tuple[bytes, bytes] = super().body_item(message, start, length)  # type: ignore[misc]
        return (item[0], b"NIL") if is_culprit(message) else item


class SearchFindsNothing:
    def found(self, arguments: bytes) -> list[tuple[int, Message]]:
        return []


class SearchRefused:
    def search(self, arguments: bytes, *, uids: bool) -> None:
        self.finish(b"NO SEARCH is not available")  # type: ignore[attr-defined]


class Renumbers:
    def open_folder(self, access: bytes) -> None:
        self.mailbox.renumber()  # type: ignore[attr-defined]
        super().open_folder(access)  # type: ignore[misc]


class TooLargeNow:
    def size(self, message: Message) -> int:
        return 10**9 if is_culprit(message) else len(message.raw)


class HangsUpAtMessage:
    def send_message(self, number: int, message: Message, items: Items) -> None:
        if is_culprit(message) and any(name.startswith(b"BODY") for name, _ in items):
            raise HangUp
        super().send_message(number, message, items)  # type: ignore[misc]


class HangsUpWithinMessage(HangsUpAtMessage):
    def send_message(self, number: int, message: Message, items: Items) -> None:
        if is_culprit(message) and any(name.startswith(b"BODY") for name, _ in items):
            self.send(self.fetch_line(number, items)[:-40])  # type: ignore[attr-defined]
        super().send_message(number, message, items)


class AnnouncesTooMuch:
    def body_item(self, message: Message, start: bytes | None, length: bytes | None) -> tuple[bytes, bytes]:
        item: tuple[bytes, bytes] = super().body_item(message, start, length)  # type: ignore[misc]
        if not is_culprit(message):
            return item
        size, _, text = item[1].partition(b"\r\n")
        return item[0], b"{%d}\r\n%b" % (int(size[1:-1]) + 7, text)


class AnnouncesTooLittle:
    def body_item(self, message: Message, start: bytes | None, length: bytes | None) -> tuple[bytes, bytes]:
        item: tuple[bytes, bytes] = super().body_item(message, start, length)  # type: ignore[misc]
        if not is_culprit(message):
            return item
        size, _, text = item[1].partition(b"\r\n")
        return item[0], b"{%d}\r\n%b" % (int(size[1:-1]) - 7, text)


class ListingRefused:
    def fetch(self, arguments: bytes, *, uids: bool) -> None:
        numbers, _, wanted = arguments.partition(b" ")
        chosen = self.chosen(numbers, uids=uids)  # type: ignore[attr-defined]
        if b"SIZE" in wanted.upper() and any(is_culprit(message) for _, message in chosen):
            self.finish(b"NO Some messages could not be FETCHed")  # type: ignore[attr-defined]
        else:
            super().fetch(arguments, uids=uids)  # type: ignore[misc]


class ListingHangsUp:
    def items(self, message: Message, wanted: bytes) -> Items:
        if is_culprit(message) and b"SIZE" in wanted:
            raise HangUp
        items: Items = super().items(message, wanted)  # type: ignore[misc]
        return items


class EveryTextRefused:
    def fetch(self, arguments: bytes, *, uids: bool) -> None:
        if b"BODY" in arguments.upper():
            self.finish(b"NO Internal error occurred. Refer to server log.")  # type: ignore[attr-defined]
        else:
            super().fetch(arguments, uids=uids)  # type: ignore[misc]


class PartialIgnored:
    def body_item(self, message: Message, start: bytes | None, length: bytes | None) -> tuple[bytes, bytes]:
        return b"BODY[]", literal(message.raw)


class PartialWithoutOrigin:
    def body_item(self, message: Message, start: bytes | None, length: bytes | None) -> tuple[bytes, bytes]:
        item: tuple[bytes, bytes] = super().body_item(message, start, length)  # type: ignore[misc]
        return b"BODY[]", item[1]


class PartialAlwaysFromTheStart:
    def body_item(self, message: Message, start: bytes | None, length: bytes | None) -> tuple[bytes, bytes]:
        item: tuple[bytes, bytes] = super().body_item(message, b"0" if start else None, length)  # type: ignore[misc]
        return (b"BODY[]<%b>" % start, item[1]) if start else item


class PartialRefused:
    def fetch(self, arguments: bytes, *, uids: bool) -> None:
        if b"[]<" in arguments:
            self.finish(b"BAD Could not parse command")  # type: ignore[attr-defined]
        else:
            super().fetch(arguments, uids=uids)  # type: ignore[misc]


class UpdatesBetweenAnswers:
    def send_message(self, number: int, message: Message, items: Items) -> None:
        self.send(b"* %d FETCH (FLAGS (\\Seen))\r\n* %d EXISTS\r\n" % (number, len(self.messages)))  # type: ignore[attr-defined]
        super().send_message(number, message, items)  # type: ignore[misc]
        self.send(b"* %d FETCH (FLAGS (\\Seen Old))\r\n* OK still here\r\n" % number)  # type: ignore[attr-defined]


class FlagsOfOthersFirst:
    def fetch(self, arguments: bytes, *, uids: bool) -> None:
        for number in range(len(self.messages), 0, -1):  # type: ignore[attr-defined]
            self.send(b"* %d FETCH (FLAGS (\\Recent))\r\n" % number)  # type: ignore[attr-defined]
        super().fetch(arguments, uids=uids)  # type: ignore[misc]


class BlankLines:
    def send_message(self, number: int, message: Message, items: Items) -> None:
        self.send(b"\r\n")  # type: ignore[attr-defined]
        super().send_message(number, message, items)  # type: ignore[misc]
        self.send(b"\r\n")  # type: ignore[attr-defined]


class OkWithoutWords:
    def finish(self, words: bytes = b"OK done") -> None:
        super().finish(b"OK" if words.startswith(b"OK done") else words)  # type: ignore[misc]


class NoUidValidity:
    def validity(self) -> bytes:
        return b""


class WantsIdFirst:
    known = False

    def do_id(self, arguments: bytes) -> None:
        self.known = True
        super().do_id(arguments)  # type: ignore[misc]

    def open_folder(self, access: bytes) -> None:
        if self.known:
            super().open_folder(access)  # type: ignore[misc]
        else:
            self.finish(b"NO SELECT Unsafe Login. Please contact kefu@example.com for help")  # type: ignore[attr-defined]

    @property
    def capability(self) -> bytes:
        return b"IMAP4rev1 UIDPLUS AUTH=PLAIN ID"


class ShortLines:
    def run(self) -> None:
        line = self.connection.line  # type: ignore[attr-defined]

        def bounded() -> bytes | None:
            text: bytes | None = line()
            if text is not None and len(text) > 1000:
                self.send(text.split(b" ")[0] + b" BAD Command line too long\r\n")  # type: ignore[attr-defined]
                return bounded()
            return text

        self.connection.line = bounded  # type: ignore[attr-defined]
        super().run()  # type: ignore[misc]


class HangsUpAtLogout:
    def do_logout(self, _arguments: bytes) -> None:
        raise HangUp


class ExpungeSilent:
    def expunge_lines(self, gone: list[Message]) -> list[bytes]:
        return []


class ExpungeDoesNothing:
    def expunge(self, among: list[Message]) -> None:
        self.finish()  # type: ignore[attr-defined]


class EchoesPeek:
    def body_item(self, message: Message, start: bytes | None, length: bytes | None) -> tuple[bytes, bytes]:
        name, text = super().body_item(message, start, length)  # type: ignore[misc]
        return name.replace(b"BODY[", b"BODY.PEEK["), text


class BinaryLiterals:
    def body_item(self, message: Message, start: bytes | None, length: bytes | None) -> tuple[bytes, bytes]:
        name, text = super().body_item(message, start, length)  # type: ignore[misc]
        return name, b"~" + text


class ValidityOfTheSession:
    def validity(self) -> bytes:
        return b"* OK [UIDVALIDITY %d] ok\r\n" % (1000 + self.number)  # type: ignore[attr-defined]


class UidExpungeUnknown:
    def do_uid_expunge(self, _arguments: bytes) -> None:
        self.finish(b"BAD unknown command")  # type: ignore[attr-defined]


class UidExpungeRefused:
    def do_uid_expunge(self, _arguments: bytes) -> None:
        self.finish(b"NO not possible")  # type: ignore[attr-defined]


class StoreDoesNothing:
    def do_uid_store(self, _arguments: bytes) -> None:
        self.finish()  # type: ignore[attr-defined]


class StoreRefused:
    def do_uid_store(self, _arguments: bytes) -> None:
        self.finish(b"NO [READ-ONLY] mailbox is read-only")  # type: ignore[attr-defined]


class ByeAtMessage:
    def send_message(self, number: int, message: Message, items: Items) -> None:
        if is_culprit(message) and any(name.startswith(b"BODY") for name, _ in items):
            self.send(b"* BYE Internal error occurred. Refer to server log for more information.\r\n")  # type: ignore[attr-defined]
            raise HangUp
        super().send_message(number, message, items)  # type: ignore[misc]


class ExistsTooLarge:
    more = 3

    def open_folder(self, access: bytes) -> None:
        self.messages = list(self.mailbox.messages)  # type: ignore[attr-defined]
        self.send(b"* %d EXISTS\r\n" % max(0, len(self.messages) + self.more))  # type: ignore[attr-defined]
        self.send(self.validity())  # type: ignore[attr-defined]
        self.finish(b"OK [" + access + b"] done")  # type: ignore[attr-defined]


class ExistsTooSmall(ExistsTooLarge):
    more = -3


class UidsUpToTheLast:
    def uid(self, message: Message) -> int:
        return message.uid + 2**32 - 20


class AnswersTwice:
    def send_message(self, number: int, message: Message, items: Items) -> None:
        for _ in range(2):
            super().send_message(number, message, items)  # type: ignore[misc]


class StatusOnceRead:
    def text(self, message: Message) -> bytes:
        before, raw = message.read_in, super().text(message)  # type: ignore[misc]
        return with_status(raw) if before not in (0, self.number) else raw  # type: ignore[attr-defined]


def with_status(raw: bytes) -> bytes:
    """The message with the lines that some servers keep in it once it was read."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    return head + b"\r\nStatus: RO\r\nX-UIDL: 4f1c" + blank + body + b"\r\n"


class WithoutUidPlus:
    capability = b"IMAP4rev1 AUTH=PLAIN"


class NotListed:
    def chosen(self, numbers: bytes, *, uids: bool) -> list[tuple[int, Message]]:
        found: list[tuple[int, Message]] = super().chosen(numbers, uids=uids)  # type: ignore[misc]
        return [(number, message) for number, message in found if not is_culprit(message)]


class UidBehindTheText:
    def items(self, message: Message, wanted: bytes) -> Items:
        items: Items = super().items(message, wanted)  # type: ignore[misc]
        return items[::-1]


class MoreBehindTheEnd:
    """Xeams closes an answer behind the text, and what it tells besides comes after that."""

    between = b"\r\n"

    def fetch_line(self, number: int, items: Items) -> bytes:
        line: bytes = super().fetch_line(number, items)  # type: ignore[misc]
        return line[:-2] + self.between + b"FLAGS () RFC822.SIZE 42\r\n" if b"BODY[" in line else line


class MoreBehindTheEndOnItsLine(MoreBehindTheEnd):
    between = b" "


class MoreBehindTheListing:
    """Whatever it is, it may be marks of others, which count."""

    def fetch_line(self, number: int, items: Items) -> bytes:
        line: bytes = super().fetch_line(number, items)  # type: ignore[misc]
        return line if b"BODY[" in line else line + b"FLAGS (\\Deleted)\r\n"


class NewestFirst:
    def chosen(self, numbers: bytes, *, uids: bool) -> list[tuple[int, Message]]:
        found: list[tuple[int, Message]] = super().chosen(numbers, uids=uids)  # type: ignore[misc]
        return found[::-1]


class SmallLetters:
    def items(self, message: Message, wanted: bytes) -> Items:
        items: Items = super().items(message, wanted)  # type: ignore[misc]
        return [(name.lower(), value) for name, value in items]


class NoSizes:
    def size(self, message: Message) -> int:
        return 0


class SizesEstimated:
    def size(self, message: Message) -> int:
        return len(message.raw) * 4 // 3


class MoreThanAsked:
    def items(self, message: Message, wanted: bytes) -> Items:
        items: Items = super().items(message, wanted)  # type: ignore[misc]
        return [*items, (b"MODSEQ", b"(12)"), (b"X-GM-LABELS", b'("a \\"b\\" (c" \\Inbox)')]


class HeadsWritten:
    """``written`` says how the first words of each answer are written."""

    def written(self, head: bytes) -> bytes:
        return head

    def send(self, data: bytes) -> None:
        head = re.match(rb"(?:\*|[A-P]{4}\d+) (?:\d+ )?[A-Z]+ ?", data)
        rest = data[head.end() :] if head else data
        super().send((self.written(head[0]) if head else b"") + rest)  # type: ignore[misc]


class SpacesInPlenty(HeadsWritten):
    def written(self, head: bytes) -> bytes:
        return head.replace(b" ", b"   ")

    def fetch_line(self, number: int, items: Items) -> bytes:
        return b"* %d FETCH  ( %b )\r\n" % (number, b"  ".join(b"%b  %b" % item for item in items))


class TabsForSpaces(HeadsWritten):
    def written(self, head: bytes) -> bytes:
        return head.replace(b" ", b"\t")

    def fetch_line(self, number: int, items: Items) -> bytes:
        return b"* %d FETCH\t(%b)\r\n" % (number, b"\t".join(b"%b\t%b" % item for item in items))


class VerdictsInSmallLetters(HeadsWritten):
    def written(self, head: bytes) -> bytes:
        tag, _, rest = head.partition(b" ")
        return tag + b" " + rest.lower()


class SignsInByAuthenticate:
    """LOGIN is disabled; ``continuation`` is what asks for user name and password."""

    capability = b"IMAP4rev1 UIDPLUS AUTH=PLAIN LOGINDISABLED"
    continuation = b"+ \r\n"

    def do_login(self, _arguments: bytes) -> None:
        self.finish(b"NO LOGIN is disabled")  # type: ignore[attr-defined]

    def do_authenticate(self, _arguments: bytes) -> None:
        self.send(self.continuation)  # type: ignore[attr-defined]
        known = self.connection.line() == base64.b64encode(b"\0anna\0correct horse")  # type: ignore[attr-defined]
        self.finish(b"OK signed in" if known else b"NO [AUTHENTICATIONFAILED] wrong")  # type: ignore[attr-defined]


class BareContinuation(SignsInByAuthenticate):
    continuation = b"+\r\n"


class ContinuationInWords(SignsInByAuthenticate):
    continuation = b"+ go ahead\r\n"


class ContinuationSaysOk(SignsInByAuthenticate):
    continuation = b"+OK\r\n"


class ContinuationWithoutSpace(SignsInByAuthenticate):
    continuation = b"+Ready for additional command text, please\r\n"


class ContinuationAfterRemarks(SignsInByAuthenticate):
    continuation = b"* OK one moment\r\n\r\n+ Q3JlZGVudGlhbHM=\r\n"


class ListingWithoutUids:
    def items(self, message: Message, wanted: bytes) -> Items:
        items: Items = super().items(message, wanted)  # type: ignore[misc]
        return [item for item in items if item[0] != b"UID"]


class UidsInQuotes:
    def items(self, message: Message, wanted: bytes) -> Items:
        items: Items = super().items(message, wanted)  # type: ignore[misc]
        return [(name, b'"%b"' % value if name == b"UID" else value) for name, value in items]


class UidsForNil:
    def items(self, message: Message, wanted: bytes) -> Items:
        items: Items = super().items(message, wanted)  # type: ignore[misc]
        return [(name, b"NIL" if name == b"UID" else value) for name, value in items]


class ListingOfNothing:
    def fetch(self, arguments: bytes, *, uids: bool) -> None:
        self.finish()  # type: ignore[attr-defined]


class ListingOfFlagsOnly:
    def items(self, message: Message, wanted: bytes) -> Items:
        return [(b"FLAGS", b"(\\Seen)")]


class HangsUpOverTwoCommands:
    """It wants its answer to be read before it gets another command."""

    capability = b"IMAP4rev1 UIDPLUS AUTH=PLAIN ID"

    def do_id(self, arguments: bytes) -> None:
        if select.select([self.connection.sock], [], [], 0.2)[0]:  # type: ignore[attr-defined]
            raise HangUp
        super().do_id(arguments)  # type: ignore[misc]


class GreetingOfLess:
    greeting = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"


class GreetingOfNothing:
    greeting = b"* OK [CAPABILITY ] ready (163com[8db726ec93e9d4e3])\r\n"


QUIRKS: tuple[Quirk, ...] = (
    Quirk("a text without its UID", "emailjs/emailjs-imap-client#53", NoUid),
    Quirk("UID and text in two answers", "RFC 3501 section 7.4.2; turbogmailify#3", UidApart),
    Quirk("the text before its UID", "RFC 3501 section 7.4.2", TextBeforeUid),
    Quirk("all texts, then all UIDs", "RFC 3501 section 7.4.2", AllTextsThenAllUids),
    Quirk(
        "one UID for two messages",
        "hmailserver/hmailserver#475; OfflineIMAP/offlineimap#676",
        SameUidTwice,
        refuses=True,
    ),
    Quirk("a UID of 64 bits", "RFC 3501 section 2.3.1.1: a UID has 32 bits", UidBeyondColumns, blocks=True),
    Quirk("a UID below zero", "RFC 3501 section 2.3.1.1: a UID is nonzero", UidBelowZero, blocks=True),
    Quirk("a size of 64 bits", "RFC 3501 section 9: a number has 32 bits", SizeBeyondColumns, blocks=True),
    Quirk("a size below zero", "RFC 3501 section 9: a number has no sign", SizeBelowZero),
    Quirk("a UID of zero", "RFC 3501 section 2.3.1.1: a UID is nonzero", UidOfZero, refuses=True),
    Quirk("answers about messages nobody asked for", "RFC 3501 section 7", AnswersWhatWasNotAsked),
    Quirk(
        "a stand-in for the text",
        "freescout-help-desk/freescout#3203; Foundry376/Mailspring#2038",
        StandIn,
        blocks=True,
    ),
    Quirk("a stand-in of its own size", "Foundry376/Mailspring#2038", StandInOfItsSize, blocks=True),
    Quirk("an empty text", "getmail6/getmail6#94", EmptyText, blocks=True),
    Quirk("an empty text of size 0", "OTRS bug 11475", EmptyAndOfNoSize, blocks=True),
    Quirk("a text cut short", "getmail6/getmail6#94", CutShort, blocks=True),
    Quirk("NIL for a text", "RFC 3501 section 7.4.2", NilBody, blocks=True),
    Quirk("a SEARCH that finds nothing", "jstedfast/MailKit#1177, #1234", SearchFindsNothing),
    Quirk("a SEARCH that is refused", "jstedfast/MailKit#1177", SearchRefused),
    Quirk("new UIDs under the old UIDVALIDITY", "ProtonMail/proton-bridge#220", Renumbers),
    Quirk("too large all at once", "ProtonMail/proton-bridge#220", TooLargeNow, blocks=True),
    Quirk("a hang-up at one message", "getmail6/getmail6#94; mscdex/node-imap#518", HangsUpAtMessage, blocks=True),
    Quirk("a hang-up within one message", "jstedfast/MailKit#361", HangsUpWithinMessage, blocks=True),
    Quirk("a length too large", "jstedfast/MailKit#174", AnnouncesTooMuch, blocks=True),
    Quirk("a length too small", "jstedfast/MailKit#174", AnnouncesTooLittle, blocks=True),
    Quirk(
        "a listing refused for one message",
        "jstedfast/MailKit#358; rtucker/imap2maildir#4",
        ListingRefused,
        blocks=True,
    ),
    Quirk("a hang-up in the listing", "jstedfast/MailKit#358", ListingHangsUp, blocks=True),
    Quirk("every text refused", "ha-email-sensor#16; mailcow/mailcow-dockerized#1554", EveryTextRefused, refuses=True),
    Quirk("partial FETCH ignored", "postalsys/imapflow#396", PartialIgnored),
    Quirk("partial FETCH without its origin", "hmailserver/hmailserver#334", PartialWithoutOrigin),
    Quirk("partial FETCH always from the start", "jakartaee/mail-api#370", PartialAlwaysFromTheStart),
    Quirk("partial FETCH refused", "jakartaee/mail-api#370", PartialRefused),
    Quirk("updates between answers", "ProtonMail/proton-bridge#219", UpdatesBetweenAnswers),
    Quirk("flags of all messages first", "RFC 3501 section 7.4.2", FlagsOfOthersFirst),
    Quirk("blank lines in answers", "python/cpython#88574; jstedfast/MailKit#225", BlankLines),
    Quirk("OK without words", "paperless-ngx/paperless-ngx#13412", OkWithoutWords),
    Quirk("no UIDVALIDITY", "RFC 3501 section 2.3.1.1", NoUidValidity),
    Quirk("ID wanted first", "OfflineIMAP/offlineimap#696; mjs/imapclient#544", WantsIdFirst),
    Quirk("no line over 1,000 octets", "RFC 2683 section 3.2.1.5", ShortLines),
    Quirk("a hang-up at LOGOUT", "nicm/fdm#87", HangsUpAtLogout),
    Quirk("EXPUNGE without a word", "RFC 3501 section 7.4.1", ExpungeSilent),
    Quirk("EXPUNGE that does nothing", "jstedfast/MailKit#1234", ExpungeDoesNothing, refuses=True),
    Quirk("no UIDPLUS", "RFC 4315", WithoutUidPlus),
    Quirk("a message that is not listed", "RFC 3501 section 7.4.2", NotListed, blocks=True),
    Quirk("the UID behind the text", "RFC 3501 section 7.4.2", UidBehindTheText),
    Quirk("more behind the end of an answer", "paperless-ngx/paperless-ngx#13412 (Xeams)", MoreBehindTheEnd),
    Quirk("more on the line that ends it", "postalsys/imapflow#237 (Xeams)", MoreBehindTheEndOnItsLine),
    Quirk("more behind the end of a listing", "paperless-ngx/paperless-ngx#13412", MoreBehindTheListing, refuses=True),
    Quirk("the newest first", "RFC 3501 section 7.4.2", NewestFirst),
    Quirk("names in small letters", "RFC 3501 section 9", SmallLetters),
    Quirk("no sizes", "RFC 3501 section 2.3.4", NoSizes),
    Quirk("sizes that are estimated", "RFC 3501 section 2.3.4", SizesEstimated),
    Quirk("more than was asked for", "RFC 7162 section 3.1.4", MoreThanAsked),
    Quirk(
        "spaces in plenty",
        "python/cpython#117152; jazzband/imaplib2#59; mjs/imapclient#162; jakartaee/mail-api#209",
        SpacesInPlenty,
    ),
    Quirk("tabs for spaces", "apple/swift-nio-imap#238; RFC 3501 section 9: SP is one space", TabsForSpaces),
    Quirk("verdicts in small letters", "RFC 3501 section 9: case-insensitive", VerdictsInSmallLetters),
    Quirk("LOGIN disabled", "RFC 3501 section 6.2.3", SignsInByAuthenticate),
    Quirk("a bare continuation", "pimalaya/himalaya#628; mattnenterprise/rust-imap#98", BareContinuation),
    Quirk("a continuation in words", "jazzband/imaplib2#14; OfflineIMAP: Incorrect padding", ContinuationInWords),
    Quirk(
        "a continuation that says OK", "RFC 3501 section 7.5; thunderbird/thunderbird-android#2650", ContinuationSaysOk
    ),
    Quirk("a continuation without its space", "mattnenterprise/rust-imap#98", ContinuationWithoutSpace),
    Quirk("a continuation after remarks", "neomutt/neomutt#1236; apple/swift-nio-imap#516", ContinuationAfterRemarks),
    Quirk(
        "no UID at all",
        "Enough-Software/enough_mail#200; emailjs/emailjs-imap-client#53",
        ListingWithoutUids,
        refuses=True,
    ),
    Quirk("UIDs in quotes", "karastojko/mailio#135", UidsInQuotes),
    Quirk("NIL for each UID", "Enough-Software/enough_mail#200", UidsForNil, refuses=True),
    Quirk("a listing of nothing", "chatmail/core#4331; postalsys/imapflow#220", ListingOfNothing, refuses=True),
    Quirk("a listing of flags only", "duesee/imap-codec#242", ListingOfFlagsOnly, refuses=True),
    Quirk("BODY.PEEK[] in the answer", "RFC 3501 section 7.4.2: it is called BODY[]", EchoesPeek),
    Quirk("texts as binary literals", "RFC 3516 section 4.4; emersion/go-imap#764", BinaryLiterals),
    Quirk("a UIDVALIDITY of the session", "thunderbird/thunderbird-android#4634", ValidityOfTheSession),
    Quirk("UID EXPUNGE unknown", "RFC 4315 section 2.1", UidExpungeUnknown, refuses=True),
    Quirk("UID EXPUNGE refused", "RFC 4315 section 2.1", UidExpungeRefused, refuses=True),
    Quirk("STORE that does nothing", "jstedfast/MailKit#1234", StoreDoesNothing, refuses=True),
    Quirk("STORE refused", "RFC 3501 section 6.4.6", StoreRefused, refuses=True),
    Quirk("BYE at one message", "paperless-ngx/paperless-ngx: Internal error occurred", ByeAtMessage, blocks=True),
    Quirk("EXISTS too large", "jstedfast/MailKit#1401", ExistsTooLarge),
    Quirk("EXISTS too small", "jstedfast/MailKit#1401", ExistsTooSmall, refuses=True),
    Quirk(
        "no command before the answer to another",
        "RFC 3501 section 5.5; twisted/twisted#9282; stalwartlabs/stalwart#765",
        HangsUpOverTwoCommands,
    ),
    Quirk("a greeting that tells of less", "OpenGovMail/raven#261", GreetingOfLess),
    Quirk("a greeting that tells of nothing", "twisted/twisted#6307", GreetingOfNothing),
    Quirk("UIDs up to the last", "RFC 3501 section 2.3.1.1: 32 bits", UidsUpToTheLast),
    Quirk("each answer twice", "modern-email/defects#39; jstedfast/MailKit#1401", AnswersTwice),
    Quirk("lines of its own once read", "qpopper: Status and X-UIDL lines", StatusOnceRead),
)
