"""The system configuration as data (docs/glossary.md#system-configuration): name, default, meaning and range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.database import execute
from postmaster.resources.readers import InvalidValue, line, name, one_of, whole_number, yes_no
from postmaster.system.lists import read_names
from postmaster.system.models import SettingRow
from postmaster.system.setting import ListSetting, OptionalSetting, Setting

T = TypeVar("T")

# Where a session keeps the settings that were read at once.
_KEPT = "settings"


def _hook(text: str) -> str:
    if text[-1].isdigit() or any(char in "[]" or char.isspace() for char in text):
        raise InvalidValue(f"is “{text}”, but must not contain spaces or brackets, or end with a digit")
    return line(20)(text)


def _divider(text: str) -> str:
    if any(char in "[]" or char.isdigit() for char in text):
        raise InvalidValue(f"is “{text}”, but must not contain digits or brackets")
    return line(10)(text)


def _path(text: str) -> str:
    if text and not text.startswith("/"):
        raise InvalidValue("is not a full path", "Enter it as in /srv/customers.csv.")
    return line(1000)(text) if text else ""


DEFAULT_QUEUE = Setting(
    "PostmasterDefaultQueue", "Raw", "Queue of mail that no account and no system address sends elsewhere.", name
)
UNKNOWN_NUMBER_QUEUE = OptionalSetting(
    "UnknownTicketNumberQueue",
    "",
    "Queue of mail whose subject has a ticket number after Ticket::Hook that no ticket here has, as while a desk is "
    "taken over; empty: dispatched as any other mail.",
    name,
)
FOLLOWUP_IN_BODY = Setting(
    "PostmasterFollowUpSearchInBody",
    False,
    "Whether a ticket number is looked for in the text of a message too: yes or no.",
    yes_no,
    ("yes", "no"),
)
FOLLOWUP_IN_ATTACHMENT = Setting(
    "PostmasterFollowUpSearchInAttachment",
    False,
    "Whether a ticket number is looked for in attached texts and messages too: yes or no.",
    yes_no,
    ("yes", "no"),
)
BOUNCE_AS_FOLLOWUP = Setting(
    "PostmasterBounceEmailAsFollowUp",
    False,
    "Whether mail that could not be delivered reopens its closed ticket, as an answer does in a queue with the policy "
    "possible: yes or no. With no, it is added to the ticket, which stays closed.",
    yes_no,
    ("yes", "no"),
)
MAX_EMAIL_SIZE = Setting(
    "PostmasterMaxEmailSize",
    16384,
    "Size in KB above which a message stays on its server.",
    whole_number(1, 1_048_576),
    unit="KB",
)
RECONNECT_MESSAGE = Setting(
    "PostMasterReconnectMessage",
    200,
    "POP3: messages after which a session is closed, which makes their deletion final, and another one opened. "
    "Where very many wait, up to ten times as many, unless it is below 200.",
    whole_number(1, 10_000),
    unit="messages",
)
CUSTOMER_FILE = OptionalSetting(
    "CustomerDirectoryFile",
    "",
    "CSV file on the worker's machine with the columns address, login and number, which is read again within "
    "ten minutes of a change; empty: none.",
    _path,
)
TICKET_HOOK = Setting("Ticket::Hook", "Ticket#", "Text before the ticket number in a subject.", _hook)
HOOK_DIVIDER = OptionalSetting(
    "Ticket::HookDivider",
    "",
    "Text that may stand between Ticket::Hook and the number; a colon and spaces always may.",
    _divider,
)
SUBJECT_FORMAT = Setting(
    "Ticket::SubjectFormat",
    "Left",
    "Where answers have the ticket number in their subject: Left, Right or None. Kept for the help desk beside it: "
    "PostMaster writes no answers, and finds the number wherever it stands.",
    one_of("Left", "Right", "None"),
    ("Left", "Right", "None"),
)
FETCH_INTERVAL = Setting(
    "FetchIntervalMinutes", 10, "Minutes between two runs over an account.", whole_number(1, 1440), unit="minutes"
)
RECOMMENDED_ACCOUNT_LIMIT = Setting(
    "RecommendedAccountLimit",
    10,
    "Number of valid accounts above which a warning is shown.",
    whole_number(1, 100_000),
    unit="accounts",
)
SESSIONS_PER_HOST = Setting(
    "SessionsPerHost",
    4,
    "Sessions that may be open on one mail server at the same time.",
    whole_number(1, 100),
    unit="sessions",
)
SILENCE_ALERT = Setting(
    "SilenceAlertMinutes",
    60,
    "Minutes without a successful run after which an account raises an alert.",
    whole_number(1, 43_200),
    unit="minutes",
)
OUTLET_ALERT = Setting(
    "OutletAlertMinutes",
    60,
    "Minutes after which an event that was not handed over raises an alert.",
    whole_number(1, 43_200),
    unit="minutes",
)
TICKETS_PER_SENDER = Setting(
    "TicketsPerSenderHour",
    100,
    "New tickets that one sender may open in an hour; the rest goes to quarantine. Without a sender there is none.",
    whole_number(1, 1_000_000),
    unit="tickets an hour",
)
ACCEPT_NUMBER_FROM_STRANGER = Setting(
    "AcceptTicketNumberFromStranger",
    "no",
    "Whether a ticket number in a subject counts if the sender has not written to that ticket before: yes, no, or "
    "proven: if a server of TrustedAuthservIds has found that the sender is genuine.",
    one_of("yes", "no", "proven"),
    ("yes", "no", "proven"),
)
TRUSTED_AUTHSERV_IDS: ListSetting[str] = ListSetting(
    "TrustedAuthservIds",
    (),
    "Names by which your own mail servers sign the field Authentication-Results, separated by semicolons; "
    "*.example.com for all below it, (unnamed) for a server that leaves its name out. Only what the topmost of them "
    "says counts; without a name here, nothing does. An account may have names of its own, which count instead.",
    read_names,
)
CHECK_DKIM = Setting(
    "CheckDKIM",
    False,
    "Whether signatures (DKIM) are checked here if no server of TrustedAuthservIds has said anything: yes or no. It "
    "asks DNS for keys, 5 s a message at most; what was found is kept, and never asked for again.",
    yes_no,
    ("yes", "no"),
)
ON_SENDER_FAIL = Setting(
    "OnSenderFail",
    "mark",
    "What happens to mail that a server of TrustedAuthservIds found not to come from its sender: mark, "
    "no-follow-up (it opens a ticket of its own, linked with the one it names) or quarantine.",
    one_of("mark", "no-follow-up", "quarantine"),
    ("mark", "no-follow-up", "quarantine"),
)
DUPLICATE_MESSAGES = Setting(
    "DuplicateMessages",
    "separate",
    "What happens to a message that comes again through another account or address: separate (a ticket of its own, "
    "linked with the first), follow-up (added to the first one's ticket, by its Message-ID) or one-ticket (only noted, "
    "if sender, subject, text and attachments are the same).",
    one_of("separate", "follow-up", "one-ticket"),
    ("separate", "follow-up", "one-ticket"),
)
CUSTOMER_NO_OF_UNKNOWN = Setting(
    "PostMaster::NewTicket::AutoAssignCustomerIDForUnknownCustomers",
    True,
    "Whether the customer number of a new ticket is the sender's address where nothing else says what it is: yes or "
    "no. With no, it has none.",
    yes_no,
    ("yes", "no"),
)
FIRST_FETCH_CONFIRM = Setting(
    "FirstFetchConfirm",
    100,
    "Number of messages above which the first fetch of a mailbox, which deletes them there, has to be confirmed.",
    whole_number(1, 1_000_000),
    unit="messages",
)
RUN_RETENTION = Setting(
    "RunRetentionDays",
    90,
    "Days that the history of runs and incidents goes back; 0 keeps all.",
    whole_number(0, 36_500),
    unit="days",
)
EVENT_RETENTION = Setting(
    "EventRetentionDays",
    30,
    "Days that events are kept for programs that read them, and what was handed over to outlets; 0 keeps all.",
    whole_number(0, 36_500),
    unit="days",
)
RAW_RETENTION = Setting(
    "RawMailRetentionDays",
    0,
    "Days after which the source of a message, with its attachments, is removed; 0 keeps all.",
    whole_number(0, 36_500),
    unit="days",
)
TICKET_RETENTION = Setting(
    "TicketRetentionDays",
    0,
    "Days after its last change after which a ticket is removed with all its mail; 0 keeps all.",
    whole_number(0, 36_500),
    unit="days",
)
SESSION_HOURS = Setting(
    "SessionHours",
    12,
    "Hours after signing in to the pages when one has to sign in again, however busy one is.",
    whole_number(1, 168),
    unit="hours",
)


def get_setting(session: Session, spec: Setting[T]) -> T:
    """The value of the setting: the one that was entered, or its default."""
    kept: Configuration | None = session.info.get(_KEPT)
    if kept is not None:
        return kept[spec]
    row = session.get(SettingRow, spec.name)
    return spec.parse(row.value) if row else spec.default


def keep_settings(session: Session) -> None:
    """Read all settings at once, for a ``session`` that only reads: ``get_setting`` asks for none of them any more."""
    session.info[_KEPT] = read_configuration(session)


class Configuration:
    """All settings as they are at one moment: ``configuration[SPEC]``."""

    def __init__(self, entered: Mapping[str, str]) -> None:
        self._entered = entered

    def __getitem__(self, spec: Setting[T]) -> T:
        """The value of a setting: the one that was entered, or its default."""
        return spec.parse(self._entered[spec.name]) if spec.name in self._entered else spec.default


_ALL = select(SettingRow.name, SettingRow.value)


def read_configuration(session: Session) -> Configuration:
    """All settings, in one query."""
    return Configuration({row.name: row.value for row in execute(session, _ALL)})
