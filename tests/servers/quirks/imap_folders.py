"""What LIST answers, as people reported it: a line, how the folder is entered, and how SELECT has to call it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.servers.quirks.imap import ImapSession


@dataclass(frozen=True)
class OddFolder:
    """``line`` is what the server lists it by, without ``* LIST``; ``wire`` the only name that SELECT takes."""

    name: str
    source: str
    line: bytes
    entered: str
    wire: bytes

    def __str__(self) -> str:
        return self.name

    def session(self) -> type:
        """A quirk of a server that has this folder, between others."""
        return type("Session", (_HasFolder,), {"folder": self})


class _HasFolder(ImapSession):
    folder: OddFolder

    def do_list(self, _arguments: bytes) -> None:
        self.send(b'* LIST () "/" INBOX\r\n')
        self.send(b"* LIST" + self.folder.line + b"\r\n")
        self.send(b'* LIST (\\HasNoChildren) "/" "Sent Items"\r\n')
        self.finish()

    def do_select(self, arguments: bytes) -> None:
        self.open_if_known(arguments, b"READ-WRITE")

    def do_examine(self, arguments: bytes) -> None:
        self.open_if_known(arguments, b"READ-ONLY")

    def open_if_known(self, arguments: bytes, access: bytes) -> None:
        """Refuse every name but the folder's own."""
        if arguments == b'"%b"' % self.folder.wire:
            self.open_folder(access)
        else:
            self.finish(b"NO [NONEXISTENT] Unknown Mailbox")


ODD_FOLDERS = (
    OddFolder("NIL for the delimiter", "ikvk/imap_tools#64; thunderbird/thunderbird-android#1936",
              b' (\\HasNoChildren) NIL "A&B"', "A&B", b"A&B"),
    OddFolder("no delimiter", "emailjs/emailjs-imap-client#27", b' () "" "A&B"', "A&B", b"A&B"),
    OddFolder("a folder called NIL", "jstedfast/MailKit#482", b' () "/" NIL', "NIL", b"NIL"),
    OddFolder("a literal for the name", "vladimarius/imapy#29", b' () "/" {10}\r\nR&D "west"', 'R&D "west"',
              b'R&D \\"west\\"'),
    OddFolder("a literal for the delimiter", "RFC 3501 section 4.3", b' () {1}\r\n. "a.b&c"', "a/b&c", b"a.b&c"),
    OddFolder("tabs between the parts", "jazzband/imaplib2#59", b'\t()\t"/"\t"A&B"', "A&B", b"A&B"),
    OddFolder("spaces in plenty", "python/cpython#117152", b'  ( )  "/"   "A&B"  ', "A&B", b"A&B"),
    OddFolder("spaces without quotes", "IndySockets/Indy#329", b' () "\\\\" A&B\\Sub 1', "A&B/Sub 1", b"A&B\\\\Sub 1"),
    OddFolder("a backslash that is not escaped", "IndySockets/Indy#175", b' () "\\" "A&B\\Sub"', "A&B\\Sub",
              b"A&B\\\\Sub"),
    OddFolder("brackets without quotes", "kisli/vmime#250; RainLoop/rainloop-webmail#1818", b' () "/" [Mail]/A&B',
              "[Mail]/A&B", b"[Mail]/A&B"),
    OddFolder("quotes within quotes", "jakartaee/mail-api#152; karastojko/mailio#136", b' () "/" "The "A&B" file"',
              'The "A&B" file', b'The \\"A&B\\" file'),
    OddFolder("a flag without a name", "dinhvh/libetpan#403", b' (\\HasNoChildren \\) "/" "A&B"', "A&B", b"A&B"),
    OddFolder("a bare &", "stalwartlabs/stalwart#90; postalsys/imapflow#74", b' () "/" "AT&T"', "AT&T", b"AT&T"),
    OddFolder("a bare & between spaces", "mailcow/mailcow-dockerized#2492", b' () "/" "You & me"', "You & me",
              b"You & me"),
    OddFolder("a bare & and a hyphen", "postalsys/imapflow#74", b' () "/" "R&D-West"', "R&D-West", b"R&D-West"),
    OddFolder("& within base64", "modern-email/defects#46", b' () "|" "&BBAEMQQyACYEMwQ0BDU-"', "Абв&где",
              b"&BBAEMQQyACYEMwQ0BDU-"),
    OddFolder("broken base64", "barbushin/php-imap#212", b' () "/" "Entw&!!-rfe"', "Entw&!!-rfe", b"Entw&!!-rfe"),
    OddFolder("base64 that does not end", "mjs/imapclient#187", b' () "/" "Entw&APw"', "Entw&APw", b"Entw&APw"),
    OddFolder("half a character", "mjs/imapclient#187", b' () "/" "x&2D0-"', "x&2D0-", b"x&2D0-"),
    OddFolder("UTF-8 as it is", "stalwartlabs/stalwart#1697", ' () "/" "Entwürfe"'.encode(), "Entwürfe",
              "Entwürfe".encode()),
    OddFolder("Latin-1 as it is", "Wh1isper/mcp-email-server#172", b' () "/" "Entw\xfcrfe"', "Entwürfe",
              b"Entw\xfcrfe"),
    OddFolder("the name as the server writes it", "Gentux/imap-cli#8", b' () "/" "INBOX.c&AO0-m"', "INBOX.c&AO0-m",
              b"INBOX.c&AO0-m"),
    OddFolder("composed characters", "RFC 5051", ' () "/" "Entwu\u0308rfe"'.encode(), "Entwürfe",
              "Entwu\u0308rfe".encode()),
)  # fmt: skip

# Lines that nobody can make a folder of; they must not hide the others.
SENSELESS = {
    "a tab in the name (closeio/sync-engine#964)": b' () "/" "INBOX/ \tExample "',
    "a tab without quotes (jstedfast/MailKit#945)": b' () "/" INBOX/Da\tOggetto\t',
    "no name (RFC 3501 section 7.2.2)": b' () "/"',
    "nothing": b"",
    "a bracket that does not end": b' (\\HasNoChildren "/" INBOX',
}
