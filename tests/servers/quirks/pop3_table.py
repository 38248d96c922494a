"""Quirks of POP3 servers that people reported, one row each, with its source (repository#number, RFC)."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from tests.servers.quirks.imap import HangUp
from tests.servers.quirks.imap_table import (
    OfNoSize,
    Quirk,
    SizeBelowZero,
    SizeBeyondColumns,
    StandIn,
    StandInOfItsSize,
    StatusOnceRead,
    is_culprit,
)
from tests.servers.quirks.mailbox import Message


class EmptyText:
    def retrieved(self, message: Message) -> bytes:
        return b"+OK\r\n.\r\n" if is_culprit(message) else super().retrieved(message)  # type: ignore[misc,no-any-return]


class EmptyAndOfNoSize(OfNoSize, EmptyText):
    pass


class CutShort:
    def text(self, message: Message) -> bytes:
        return message.raw[:100] if is_culprit(message) else message.raw


class Refused:
    def retrieved(self, message: Message) -> bytes:
        refusal = b"-ERR [SYS/TEMP] message is not available\r\n"
        return refusal if is_culprit(message) else super().retrieved(message)  # type: ignore[misc,no-any-return]


class HangsUpAtMessage:
    def retrieved(self, message: Message) -> bytes:
        if is_culprit(message):
            raise HangUp
        return super().retrieved(message)  # type: ignore[misc,no-any-return]


class HangsUpWithinMessage(HangsUpAtMessage):
    def retrieved(self, message: Message) -> bytes:
        if is_culprit(message):
            self.send(b"+OK\r\n" + message.raw[:50])  # type: ignore[attr-defined]
        return super().retrieved(message)


class AnnouncesTooLittle:
    def size(self, message: Message) -> int:
        return 3


class TooLargeNow:
    def size(self, message: Message) -> int:
        return 10**9 if is_culprit(message) else len(message.raw)


class NumberBeyondColumns:
    number_of_culprit = b"18446744073709551615"

    def listing(self, lines: Iterable[bytes]) -> bytes:
        culprit = next((b"%d " % number for number, message in self.left() if is_culprit(message)), b"\0")  # type: ignore[attr-defined]
        told = (
            self.number_of_culprit + line[len(culprit) - 1 :] if line.startswith(culprit) else line for line in lines
        )
        return super().listing(told)  # type: ignore[misc,no-any-return]


class NumberBelowZero(NumberBeyondColumns):
    number_of_culprit = b"-3"


class SameUidl:
    def uidl(self, message: Message) -> bytes:
        return b"same" if message.uid in (3, 4) else message.uidl


class UidlsOfTheSession:
    def uidl(self, message: Message) -> bytes:
        return b"%d-%d" % (self.number, message.uid)  # type: ignore[attr-defined]


class QuitLost:
    def do_quit(self, _argument: bytes) -> bytes:
        raise HangUp


class QuitCarriedOutAndLost:
    def do_quit(self, _argument: bytes) -> bytes:
        self.carry_out()  # type: ignore[attr-defined]
        raise HangUp


class QuitLostAndNewUidls(QuitLost, UidlsOfTheSession):
    pass


class ErrorOnEmptyMailbox:
    def do_list(self, argument: bytes) -> bytes:
        return super().do_list(argument) if self.left() else b"-ERR no messages\r\n"  # type: ignore[misc,attr-defined,no-any-return]

    def do_uidl(self, argument: bytes) -> bytes:
        return super().do_uidl(argument) if self.left() else b"-ERR no messages\r\n"  # type: ignore[misc,attr-defined,no-any-return]


class ListWithTabs:
    def do_list(self, argument: bytes) -> bytes:
        return super().do_list(argument).replace(b" ", b"\t") if not argument else super().do_list(argument)  # type: ignore[misc,no-any-return]


class ListWithTrailers:
    def do_list(self, argument: bytes) -> bytes:
        answer: bytes = super().do_list(argument)  # type: ignore[misc]
        return (
            answer
            if argument
            else b"\r\n".join(line + b" octets" if line[:1].isdigit() else line for line in answer.split(b"\r\n"))
        )


class BlankLinesInListings:
    def listing(self, lines: object) -> bytes:
        answer: bytes = super().listing(lines)  # type: ignore[misc]
        return answer.replace(b"+OK\r\n", b"+OK\r\n\r\n", 1)


class CapaHangsUp:
    def do_capa(self, _argument: bytes) -> bytes:
        raise HangUp


class CapaHangsUpOnceSignedIn:
    def do_capa(self, argument: bytes) -> bytes:
        if self.messages:  # type: ignore[attr-defined]
            raise HangUp
        return super().do_capa(argument)  # type: ignore[misc,no-any-return]


class CapaWithBlankLines:
    def do_capa(self, argument: bytes) -> bytes:
        answer: bytes = super().do_capa(argument)  # type: ignore[misc]
        return answer.replace(b"\r\n", b"\r\n\r\n").replace(b"UIDL", b"  uidl\t\xff")


class ErrorWithoutWords:
    def do_capa(self, _argument: bytes) -> bytes:
        return b"-ERR\r\n"

    def do_uidl(self, _argument: bytes) -> bytes:
        return b"-ERR\r\n"


class UidlsWithSpaces:
    def uidl(self, message: Message) -> bytes:
        return b"a %d b" % message.uid


class EmptyUidls:
    def uidl(self, message: Message) -> bytes:
        return b""


class LoginDelay:
    capabilities = (b"TOP", b"USER", b"UIDL", b"RESP-CODES", b"LOGIN-DELAY 900")


class LowerCaseVerdicts:
    def send(self, data: bytes) -> None:
        super().send(data.replace(b"-ERR", b"-err", 1) if data.startswith(b"-ERR") else data)  # type: ignore[misc]


class HangsUpOverSeveralCommands:
    capabilities = (b"TOP", b"USER", b"UIDL", b"RESP-CODES", b"PIPELINING")

    def send(self, data: bytes) -> None:
        if self.connection._buffer:  # type: ignore[attr-defined]
            raise HangUp
        super().send(data)  # type: ignore[misc]


class RefusesSeveralCommands(HangsUpOverSeveralCommands):
    def send(self, data: bytes) -> None:
        if self.connection._buffer:  # type: ignore[attr-defined]
            self.connection.send(b"421 one at a time\r\n")  # type: ignore[attr-defined]
            raise HangUp
        super().send(data)


class PipeliningThatDoesNotWork:
    capabilities = (b"TOP", b"USER", b"UIDL", b"RESP-CODES", b"PIPELINING")

    def send(self, data: bytes) -> None:
        self.connection._buffer = b""  # type: ignore[attr-defined]
        super().send(data)  # type: ignore[misc]


class DeleRefused:
    def do_dele(self, argument: bytes) -> bytes:
        return b"-ERR not allowed\r\n"


class WithoutUidl:
    capabilities = (b"TOP", b"USER", b"RESP-CODES")

    def do_uidl(self, _argument: bytes) -> bytes:
        return b"-ERR unknown command\r\n"


class WithoutCapa:
    def do_capa(self, _argument: bytes) -> bytes:
        return b"-ERR unknown command\r\n"


class SignsInByAuth:
    """USER is not there; ``continuation`` is what asks for user name and password."""

    capabilities = (b"TOP", b"UIDL", b"SASL PLAIN", b"RESP-CODES")
    continuation = b"+ \r\n"

    def do_user(self, _argument: bytes) -> bytes:
        return b"-ERR unknown command\r\n"

    def do_auth(self, argument: bytes) -> bytes:
        self.send(self.continuation)  # type: ignore[attr-defined]
        known = self.connection.line() == base64.b64encode(b"\0anna\0correct horse")  # type: ignore[attr-defined]
        return self.do_pass(argument) if known else b"-ERR [AUTH] wrong\r\n"  # type: ignore[attr-defined,no-any-return]


class BareContinuation(SignsInByAuth):
    continuation = b"+\r\n"


class ContinuationInWords(SignsInByAuth):
    continuation = b"+ go ahead\r\n"


class ContinuationSaysOk(SignsInByAuth):
    continuation = b"+OK\r\n"


class ContinuationAfterBlankLines(SignsInByAuth):
    continuation = b"\r\n\r\n+ \r\n"


class QuitDoesNothing:
    def carry_out(self) -> None:
        pass


class HangsUpAndDeletesNothing(HangsUpAtMessage, QuitDoesNothing):
    pass


class StatTellsOfNothing:
    def do_stat(self, _argument: bytes) -> bytes:
        return b"+OK 0 0\r\n"


class StatRefused:
    def do_stat(self, _argument: bytes) -> bytes:
        return b"-ERR not now\r\n"


class ListInPart:
    def do_list(self, argument: bytes) -> bytes:
        lines = [b"%d %d" % (number, len(message.raw)) for number, message in self.left()][:3]  # type: ignore[attr-defined]
        return super().do_list(argument) if argument else self.listing(lines)  # type: ignore[misc,attr-defined,no-any-return]


class UidlInPart:
    def do_uidl(self, _argument: bytes) -> bytes:
        lines = [b"%d %b" % (number, self.uidl(message)) for number, message in self.left()][:3]  # type: ignore[attr-defined]
        return self.listing(lines)  # type: ignore[attr-defined,no-any-return]


class LongUidls:
    def uidl(self, message: Message) -> bytes:
        return b"x" * 300 + message.uidl


class UidlsOfAnyBytes:
    def uidl(self, message: Message) -> bytes:
        return b"\xff\xe4" + message.uidl


class CutWithinHeaderAndOfNoSize(OfNoSize):
    def text(self, message: Message) -> bytes:
        return message.raw[:50] if is_culprit(message) else message.raw


class RetrMarks:
    def retrieved(self, message: Message) -> bytes:
        answer: bytes = super().retrieved(message)  # type: ignore[misc]
        self.marked.add(self.messages.index(message) + 1)  # type: ignore[attr-defined]
        return answer

    def do_dele(self, argument: bytes) -> bytes:
        if int(argument) in self.marked:  # type: ignore[attr-defined]
            return b"-ERR already deleted\r\n"
        return super().do_dele(argument)  # type: ignore[misc,no-any-return]


class RetrMarksAndStandIn(RetrMarks, StandIn):
    pass


class QuitRefused:
    def do_quit(self, _argument: bytes) -> bytes:
        return b"-ERR some deleted messages not removed\r\n"


class QuitCarriedOutAndRefused:
    def do_quit(self, _argument: bytes) -> bytes:
        self.carry_out()  # type: ignore[attr-defined]
        return b"-ERR some deleted messages not removed\r\n"


QUIRKS: tuple[Quirk, ...] = (
    Quirk("a stand-in for the text", "freescout-help-desk/freescout#3203", StandIn, blocks=True),
    Quirk("a stand-in of its own size", "Foundry376/Mailspring#2038", StandInOfItsSize, blocks=True),
    Quirk("an empty text", "getmail6/getmail6#94", EmptyText, blocks=True),
    Quirk("an empty text of size 0", "OTRS bug 11475", EmptyAndOfNoSize, blocks=True),
    Quirk("a text cut short", "getmail6/getmail6#94", CutShort, blocks=True),
    Quirk("a text refused", "RFC 3206 section 4", Refused, blocks=True),
    Quirk("a hang-up at one message", "getmail6/getmail6#94", HangsUpAtMessage, blocks=True),
    Quirk("a hang-up within one message", "jstedfast/MailKit#361", HangsUpWithinMessage, blocks=True),
    Quirk("sizes far too small", "jstedfast/MailKit#174", AnnouncesTooLittle),
    Quirk("too large all at once", "ProtonMail/proton-bridge#220", TooLargeNow, blocks=True),
    Quirk("a size of 64 bits", "RFC 1939 section 5 sets no limit", SizeBeyondColumns, blocks=True),
    Quirk("a size below zero", "RFC 1939 section 5: a size is a number", SizeBelowZero),
    Quirk("a number of 64 bits", "RFC 1939 section 5: numbers count from 1", NumberBeyondColumns, blocks=True),
    Quirk("a number below zero", "RFC 1939 section 5: numbers count from 1", NumberBelowZero, blocks=True),
    Quirk("one UIDL for two messages", "hmailserver/hmailserver#475", SameUidl),
    Quirk("UIDLs of the session", "Zimbra/zm-mailbox#1472", UidlsOfTheSession),
    Quirk("a QUIT that is lost", "RFC 1939 section 6", QuitLost, refuses=True),
    Quirk("a QUIT whose answer is lost", "nicm/fdm#87", QuitCarriedOutAndLost),
    Quirk("a QUIT that is lost, and new UIDLs", "Zimbra/zm-mailbox#1472", QuitLostAndNewUidls, refuses=True),
    Quirk("-ERR on an empty mailbox", "Webklex/laravel-imap#506", ErrorOnEmptyMailbox),
    Quirk("LIST with tabs", "paperless-ngx/paperless-ngx#13412", ListWithTabs),
    Quirk("LIST with trailers", "RFC 1939 section 5: a scan listing may say more", ListWithTrailers),
    Quirk("blank lines in listings", "python/cpython#88574", BlankLinesInListings),
    Quirk("a hang-up at CAPA", "jstedfast/MailKit#225", CapaHangsUp),
    Quirk("a hang-up at CAPA once signed in", "jstedfast/MailKit#225", CapaHangsUpOnceSignedIn),
    Quirk("CAPA with blank lines", "jstedfast/MailKit#225", CapaWithBlankLines),
    Quirk("-ERR without a word", "RFC 1939 section 3: text is optional", ErrorWithoutWords),
    Quirk("UIDLs with spaces", "RFC 1939 section 7 forbids them", UidlsWithSpaces),
    Quirk("UIDLs that are empty", "RFC 1939 section 7: one to 70 characters", EmptyUidls),
    Quirk("time between two sessions", "RFC 2449 section 6.5", LoginDelay),
    Quirk("verdicts in lower case", "RFC 1939 section 3: keywords are in upper case", LowerCaseVerdicts),
    Quirk("a hang-up at several commands", "RFC 2449 section 6.6", HangsUpOverSeveralCommands),
    Quirk("a refusal of several commands", "RFC 2449 section 6.6", RefusesSeveralCommands),
    Quirk("PIPELINING that does not work", "RFC 2449 section 6.6", PipeliningThatDoesNotWork),
    Quirk("DELE refused", "RFC 1939 section 5", DeleRefused, refuses=True),
    Quirk("no UIDL", "RFC 1939 section 7", WithoutUidl),
    Quirk("no CAPA", "RFC 2449", WithoutCapa),
    Quirk("AUTH alone", "RFC 5034 section 4", SignsInByAuth),
    Quirk("a bare continuation", "pimalaya/himalaya#628", BareContinuation),
    Quirk("a continuation in words", "jazzband/imaplib2#14", ContinuationInWords),
    Quirk("a continuation that says OK", "thunderbird/thunderbird-android#2650", ContinuationSaysOk),
    Quirk("a continuation after blank lines", "python/cpython#88574", ContinuationAfterBlankLines),
    Quirk("a QUIT that does nothing", "jstedfast/MailKit#971; axllent/mailpit#317", QuitDoesNothing, refuses=True),
    Quirk("a hang-up, and a QUIT that does nothing", "jstedfast/MailKit#971", HangsUpAndDeletesNothing, refuses=True),
    Quirk("STAT that tells of nothing", "RFC 1939 section 5", StatTellsOfNothing, refuses=True),
    Quirk("STAT refused", "RFC 1939 section 5", StatRefused, refuses=True),
    Quirk("LIST in part", "RFC 1939 section 5", ListInPart, refuses=True),
    Quirk("UIDL in part", "RFC 1939 section 7", UidlInPart, refuses=True),
    Quirk("UIDLs that are long", "RFC 1939 section 7: one to 70 characters", LongUidls),
    Quirk("UIDLs of any bytes", "RFC 1939 section 7: 0x21 to 0x7E", UidlsOfAnyBytes),
    Quirk("a text cut within its header", "OTRS bug 11475", CutWithinHeaderAndOfNoSize, blocks=True),
    Quirk("RETR that marks", "RFC 2449 section 6.7: EXPIRE 0", RetrMarks, refuses=True),
    Quirk("RETR that marks a stand-in", "RFC 2449 section 6.7: EXPIRE 0", RetrMarksAndStandIn, refuses=True),
    Quirk("QUIT refused", "RFC 1939 section 6", QuitRefused, refuses=True),
    Quirk("QUIT carried out and refused", "RFC 1939 section 6", QuitCarriedOutAndRefused, refuses=True),
    Quirk("lines of its own once read", "qpopper: Status and X-UIDL lines", StatusOnceRead),
)
