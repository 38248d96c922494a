"""All benches, one for each row of what is claimed."""

from __future__ import annotations

from bench import disk, grown, memory, pages, polling, races, stages, workers
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
        "stages",
        "Where the time of a message goes",
        "Processor time, on whichever core, of the floor and of one `flask fetch` of the same mail, without its start.",
        stages.stages,
        {"messages": 2000},
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
    Bench(
        "workers",
        "Four workers beside one",
        "Each account has a mailbox of its own; mail is fetched by `postmaster-worker` on PostgreSQL. The serial "
        "section is the time for which a run keeps others waiting: from the advisory lock to the end of the commit, "
        "and while it takes numbers from the ticket counter.",
        workers.workers,
        {"messages": 400},
    ),
    Bench(
        "grown",
        "A message in a large database",
        "Tickets with their articles and keys, and rows of the ledger with their search terms, are stored before.",
        grown.grown,
        {"messages": 500, "tickets": 1_000_000, "rows": 200_000},
    ),
    Bench(
        "memory",
        "Memory",
        "The most that `flask fetch` takes with the process that parses its mail, its start included.",
        memory.memory,
        {"few": 500, "many": 50_000, "large": 8},
        rounds=1,
    ),
    Bench(
        "disk",
        "Room on disk",
        "All of the data directory, and for PostgreSQL the database after a checkpoint, with indexes and search terms.",
        disk.disk,
        {"messages": 1000},
    ),
    Bench(
        "pages",
        "Pages and API of a large desk",
        "What each takes at a million tickets, 10,000,000 rows of the ledger and 10,000 accounts, beside the one that "
        "shows a ticket by its number. It takes 40 GB of disk and half an hour to fill: once with `--kept FOLDER`.",
        pages.pages,
        {"tickets": 1_000_000, "rows": 10_000_000, "accounts": 10_000},
        rounds=5,
    ),
)
