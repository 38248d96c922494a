"""The stable codes of refusals, and the exit codes of commands, with what they mean and what to do.

``errors.FAULTS`` has those of fetching. A test goes through the source and fails when a code is missing here.
"""

from __future__ import annotations

import re

# In a code, NOUN stands for account, credential, address, queue and so on.
REFUSALS: dict[str, tuple[str, str]] = {
    "invalid-value": ("A value is not one that its field takes.", "Enter one that the message allows."),
    "missing-field": ("A mandatory field is empty.", "Fill it in."),
    "field-not-in-type": (
        "Accounts of this type do not have that field.",
        "Leave it out, or choose a type that has it: see the types of mail accounts.",
    ),
    "field-not-in-kind": (
        "Credentials of this kind do not have that field.",
        "Leave it out, or add a credential of a kind that has it: see the kinds of credentials.",
    ),
    "hosts-widened": (
        "A credential was to be used at more mail servers than before.",
        "Enter its password or client secret again along with Hosts: only those who know it may have it sent there.",
    ),
    "credential-kind": ("The type of the account takes no passwords.", "Select a credential of an OAuth2 kind."),
    "authorisation-state": (
        "The sign-in at the identity provider was used before, took too long, or began in another browser.",
        "Choose Authorise again.",
    ),
    "no-condition": ("The filter has no condition, so it would match nothing.", "Enter one, as in Subject=invoice."),
    "unknown-field": (
        "A document to import, or a request of a program, has a field that is not known.",
        "Compare it with an export, or with the description of the API; passwords are never imported.",
    ),
    "too-many-tries": (
        "The password was wrong ten times for that name from that address.",
        "Wait a quarter of an hour, then try again; flask user set-password replaces a forgotten one.",
    ),
    "busy": ("Several connections are being tried at this moment.", "Wait a moment, then try again."),
    "credential-unauthorised": (
        "A new credential takes a sign-in at an identity provider, and cannot be tried before.",
        "Save it with the account, and authorise it in the list of accounts. Then test the connection.",
    ),
    "bad-fingerprint": (
        "SSL Fingerprint does not have the form algo$hex.",
        "Ask for it with: openssl x509 -in server.pem -noout -fingerprint -sha256; enter sha256$ before the digits.",
    ),
    "bad-setting": (
        "A setting, or a variable of the environment, does not take that value.",
        "Enter one that the message names.",
    ),
    "bad-document": ("A file to import cannot be read.", "Make it again, and look at the place that is named."),
    "name-taken": ("Something else has that name already.", "Choose another one."),
    "mailbox-taken": (
        "Another valid account fetches the same mailbox; the two would take each other's mail.",
        "Change that account, or set one of the two invalid.",
    ),
    "ambiguous-account": ("Several accounts have that label.", "Name the one you mean by its id."),
    "NOUN-in-use": ("Something still uses it, so it cannot be deleted.", "Change what uses it, or set it invalid."),
    "still-named": (
        "It would be renamed, not valid or gone, while filters, accounts, addresses or pipes name it.",
        "Change what names it first, or confirm: tick the box on the page, give --yes on the command line.",
    ),
    "bad-directory": (
        "A file for the customer directory has something wrong in it, so nothing of it was taken.",
        "Correct the line and the column that the message names.",
    ),
    "directory-shrinks": (
        "A file for the customer directory lacks more than half of the entries that there are.",
        "Check that it is complete; if it is right, confirm it: flask customer import --yes FILE",
    ),
    "bad-line": (
        "A line of a file with tickets is not what flask ticket export writes, or not in its place.",
        "Export the tickets again, and import the file as it is.",
    ),
    "ticket-differs": (
        "A ticket to import has the number of one that is here and is not the same.",
        "Compare the two; the one that is here stays as it is.",
    ),
    "address-not-deletable": ("Addresses are never deleted.", "Set it invalid."),
    "default-queue": ("The default queue must stay valid.", "Name another one in PostmasterDefaultQueue first."),
    "queue-invalid": ("The queue is not valid.", "Choose another one, or set it valid first."),
    "merge-refused": (
        "A ticket cannot be merged as was asked: it was merged before, or is to be merged into itself.",
        "Name the ticket that has the articles now, as the message does.",
    ),
    "changed-meanwhile": (
        "Somebody else changed the same thing while you did; nothing was saved.",
        "Look at it again, and repeat your change if it is still needed.",
    ),
    "revision-differs": (
        "A program wanted to change something as it had seen it, and it is not like that any more; nothing was saved.",
        "Get it again, and repeat the change if it is still needed.",
    ),
    "scope-missing": ("The token may not do that.", "Use a token that has the scope."),
    "token-limited": (
        "The token is limited to queues, and what was asked for concerns all of them.",
        "Use a token that is not limited.",
    ),
    "too-many-requests": (
        "A token has made more requests within a minute than it may.",
        "Wait as long as Retry-After says.",
    ),
    "malformed-json": ("The body of a request is no JSON object.", "Correct it at the place that is named."),
    "wrong-content-type": (
        "The body of a request has a type that is not taken there.",
        "Send it with the Content-Type that is named.",
    ),
    "too-large": ("The body of a request is too large.", "Send less at once."),
    "not-fetched": (
        "An account cannot be fetched as it stands: it is not valid, has no credential, or waits to be confirmed.",
        "Change what keeps it from it, and try again.",
    ),
    "no-such-path": ("The API has nothing at that address.", "Look it up in /api/v1/openapi.json."),
    "wrong-method": ("That cannot be done with what is at the address.", "Do what Allow names."),
    "unknown-NOUN": ("Nothing has that name or id.", "Look it up in the list."),
    "unknown-reference": (
        "A row of a dump refers to something that is not in it, or is not known here.",
        "Dump the other table as well, or add the row by hand.",
    ),
    "already-paused": ("All fetching is paused already.", "Resume it first if it is to be paused for another reason."),
    "nothing-to-save": ("A view of a list that is not filtered was to be saved.", "Filter the list first."),
    "nothing-to-confirm": (
        "No first fetch of the account waits to be confirmed.",
        "Nothing to do.",
    ),
    "outlet-secret-missing": (
        "An outlet has no secret, so nothing can be signed that is sent there.",
        "Give it one: flask outlet set NAME --secret-stdin; “new” has one made, which is shown once.",
    ),
    "outlet-sealed": (
        "No key opens the secrets of an outlet.",
        "Put back the key that they were sealed with, or enter them again.",
    ),
    "no-target": (
        "There is no alert target.",
        "Add one: Administration, Operation, or flask alert target add; or set POSTMASTER_ALERT_TARGETS.",
    ),
    "last-admin": (
        "The only admin who can sign in would be lost.",
        "Add another admin first: flask user add; or make somebody one: flask user set-role NAME admin",
    ),
    "reset-link-over": (
        "The link by which a password is chosen was used already, was replaced, or has expired.",
        "Ask a service desk admin for another one: flask user reset-link NAME",
    ),
    "redis-missing": (
        "There is no Redis, so nothing is fetched by itself.",
        "Run bin/start, or name one in POSTMASTER_REDIS_URL.",
    ),
    "import-refused": ("Something in a document is wrong, so nothing was imported.", "Correct it, and import again."),
    "unreadable": ("It cannot be read.", "Its source can be looked at; a message can still be delivered to a queue."),
    "refused": (
        "A message in quarantine could still not become a ticket: the database refused it.",
        "Look at its source, and deliver it to a queue.",
    ),
    "no-message": ("Standard input is closed, so there is no message.", "Hand the message over on standard input."),
    "no-space": ("There is no space left for a command's output.", "Free some space, or send the output elsewhere."),
    "unreadable-file": ("A file cannot be read.", "Check its name, and your rights."),
    "token-missing": (
        "A request to the API names no token; being signed in to the pages does not count there.",
        "Send it with the header Authorization: Bearer TOKEN.",
    ),
    "token-unknown": (
        "A request to the API names a token that there is not, or was not copied as a whole.",
        "Copy it again, or create another one.",
    ),
    "token-expired": ("The API token was good until a moment that is over.", "Create another one."),
    "token-revoked": ("Somebody revoked the API token.", "Ask why, or create another one."),
    "range-not-satisfiable": (
        "A range that a program asked for begins behind the end of the bytes.",
        "Ask for a range within them, or for all.",
    ),
    "key-reused": (
        "An Idempotency-Key that a program sent came before with another message.",
        "Use another key for another message. The first one was taken.",
    ),
    "wrong-password": ("The current password is wrong.", "Enter it again."),
    "database-encoding": (
        "A PostgreSQL database that is not in UTF8 cannot hold every letter of a mail.",
        "Create it again with: createdb --encoding=UTF8 --locale=C.UTF-8 --template=template0 NAME",
    ),
    "bad-key": (
        "The file or variable with the keys that seal secrets cannot be read, or holds no key.",
        "Restore it from the backup. If it is lost for good: flask credential forget-sealed; enter the secrets again.",
    ),
    "credential-key-lost": (
        "Secrets are sealed in the database, and the key that opens them is not there. It is never replaced by itself.",
        "Restore credential.key, or POSTMASTER_CREDENTIAL_KEYS, from the backup. If it is lost for good: flask "
        "credential forget-sealed; enter the secrets again.",
    ),
    "interrupted": ("flask read was interrupted.", "The transfer agent delivers the message again."),
    "schema-outdated": ("The database's tables are not those of this version.", "Run: flask db upgrade"),
    "schema-newer": (
        "A later version of PostMaster has changed the database.",
        "Install the later version, or restore the backup that was made before.",
    ),
    "schema-unknown": (
        "The database has tables, but does not say which version of PostMaster they are of.",
        "If it is the right database, restore the backup that was made before.",
    ),
    "schema-dangling": (
        "A change of the tables would have left rows without those that they belong to; nothing was changed.",
        "Install the version that ran before, or restore the backup.",
    ),
}

# Commands that can end so, beside 0 and 2, are named where they are described (docs/reference.md#exit-codes).
EXIT_CODES: dict[int, str] = {
    0: "All went well; also: nothing valid to fetch, accounts skipped, mail left when --timeout ended.",
    1: (
        "At least one account, or a look at a mail server, failed; import otrs or ticket import left something out; "
        "alert check found something; alert test or credential authorise did not succeed; something unexpected, see "
        "errors.log."
    ),
    2: "Wrong usage, unknown name, an invalid account named, wrong configuration, database away or out of date.",
    3: "Nothing was fetched: another run holds the accounts, or all fetching is paused.",
    75: "flask read only: anything but wrong usage; the transfer agent keeps the message and tries again.",
    130: "Interrupted; the current batch was finished, unless a second interruption ended the command at once.",
}

_NOUN = re.compile(r"unknown-[a-z-]+|[a-z-]+-in-use")


def known_code(code: str) -> str | None:
    """The key of ``code`` in ``REFUSALS``; None if it is not there."""
    if code in REFUSALS:
        return code
    if not _NOUN.fullmatch(code):
        return None
    return "unknown-NOUN" if code.startswith("unknown-") else "NOUN-in-use"
