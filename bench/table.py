"""All benches, one for each row of what is claimed."""

from __future__ import annotations

from bench import polling, races
from bench.plan import Bench

BENCHES = (
    Bench(
        "imap",
        "Emptying a mailbox over IMAP",
        "The floor is imaplib in batches of 50 that stores nothing: nobody who reads all mail can be faster.",
        races.imap,
        {"messages": 1500},
    ),
    Bench(
        "peers",
        "Beside other programs, over IMAP",
        "Each keeps the mail durably: mbsync in a maildir with fsync, fetchmail by procmail, getmail6 in a maildir, "
        "django-mailbox in SQLite. mbsync leaves the mail on the server, the others delete it.",
        races.peers,
        {"messages": 1000},
    ),
    Bench(
        "pop3",
        "Beside another program, over POP3",
        "mpop delivers to a maildir.",
        races.pop3,
        {"messages": 1500},
    ),
    Bench(
        "distance",
        "A server that is 40 ms away",
        "A proxy makes each round trip take 40 ms. Beside it are fetchers that wait for each reply before they send "
        "the next command.",
        races.distance,
        {"messages": 200},
    ),
    Bench(
        "polling",
        "A thousand accounts without mail",
        "One `flask fetch` signs in to all of them over IMAPS, on one host, with as many sessions at once as "
        "SessionsPerHost allows.",
        polling.polling,
        {"accounts": 1000},
    ),
)
