"""Settings of OTRS, Znuny and OTOBO about mail that have no counterpart of their name here, and what to do instead."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Unlike:
    """Settings whose whole names match ``name``: what holds here instead. ``by_hand``: somebody has to act on it."""

    name: str
    instead: str
    by_hand: bool = False

    def matches(self, name: str) -> bool:
        """Whether the setting is one of them."""
        return re.fullmatch(self.name, name, re.IGNORECASE) is not None


_SENDS = "PostMaster sends no mail"
_ALWAYS = "This is always done here"

# The first that matches counts.
UNLIKE = (
    Unlike("SendNoAutoResponseRegExp", f"{_SENDS}, so nothing has to be kept from it."),
    Unlike(r"(Sendmail|MailQueue|NotificationSender|AutoResponse|Ticket::DefineEmailFrom).*", f"{_SENDS}."),
    Unlike("PostmasterMaxEmails(PerAddress)?|LoopProtection.*|EscalationSuspendLoopProtection",
           f"{_SENDS}, so none goes in circles. What one sender may open in an hour: TicketsPerSenderHour."),
    Unlike("SystemID",
           "It is no part of numbers here. Numbers that were given out with it are found: any 5 to 30 digits after "
           "Ticket::Hook are."),
    Unlike("Ticket::NumberGenerator(::(Random|Date|DateChecksum|AutoIncrement|MinCounterSize|CheckSystemID).*|###.*)?",
           "Numbers here are the day and a counter. Those that were given out before are found all the same."),
    Unlike("Ticket::Subject(Size|Re|Fwd|CleanAllNumbers).*", f"{_SENDS}; titles are always cleaned of numbers."),
    Unlike("PostMaster::CheckFollowUpModule###0*-?BounceEmail", "See PostmasterBounceEmailAsFollowUp."),
    Unlike(r"PostMaster::CheckFollowUpModule###\d+-(Subject|References)", f"{_ALWAYS}."),
    Unlike(r"PostMaster::CheckFollowUpModule###\d+-RawEmail",
           "Attached texts and messages are searched if PostmasterFollowUpSearchInAttachment says so.", by_hand=True),
    Unlike(r"PostMaster::CheckFollowUpModule###.*ExternalTicketNumberRecognition",
           "A filter with Follow-up by field finds its ticket without it."),
    Unlike(r"PostMaster::PreFilterModule###.*(MatchDBSource|DetectAttachment|DetectBounceEmail)", f"{_ALWAYS}."),
    Unlike(r"PostMaster::PreFilterModule###.*(DecryptBody|SMIMEFetchFromCustomer)",
           "Nothing is decrypted here: X-OTRS-BodyDecrypted is always empty.", by_hand=True),
    Unlike(r"PostMaster::PreFilterModule###.*(SpamAssassin|CMD).*",
           "No program is run here: let the mail server check for spam, and add a filter for the header that it sets.",
           by_hand=True),
    Unlike(r"PostMaster::PreFilterModule###.*NewTicketReject.*|PostMaster::PreFilterModule::NewTicketReject::.*",
           "No mail is sent back here: add a filter that sets X-OTRS-Ignore or a queue.", by_hand=True),
    Unlike(r"PostMaster::PreCreateFilterModule###.*FollowUpArticleVisibilityCheck",
           "Customers see follow-ups here, unless a filter sets X-OTRS-FollowUp-IsVisibleForCustomer to 0."),
    Unlike(r"PostMaster::(Pre|Post)(Create)?FilterModule###.*",
           "Code cannot be taken: add a filter that does the same, if one can.", by_hand=True),
    Unlike("PostmasterX-Header", "Filters here can test any header, and all X-OTRS headers count."),
    Unlike("PostmasterHeaderFieldCount", "There is no need of a limit here."),
    Unlike("PostmasterUserID", "Mail here is not read by a user."),
    Unlike("PostmasterAutoHTML2Text|PostmasterFollowUpOn.*", f"{_SENDS}; HTML is always read as text too."),
    Unlike("PostmasterFollowUpState(Closed)?.*", "Give it to filters that set X-OTRS-FollowUp-State.", by_hand=True),
    Unlike(r"PostMaster::NewTicket::.*", "Give it to filters that set X-OTRS-CustomerNo.", by_hand=True),
    Unlike("CheckEmail.*|CheckMXRecord.*", "Addresses of senders are taken as they are; nobody is asked about them."),
    Unlike("(OTRS|OTOBO|Znuny)?TimeZone",
           "It is POSTMASTER_TIME_ZONE in the environment: times in headers and days in numbers follow it.",
           by_hand=True),
    Unlike("Fetchmail.*|Daemon::SchedulerCronTaskManager::Task###FetchMail.*",
           "Fetchmail is not needed: add a mail account instead.", by_hand=True),
    Unlike(r"Daemon::SchedulerCronTaskManager::Task###SpoolMailsReprocess",
           "What cannot be stored goes to quarantine, and can be tried again there."),
    Unlike(r"Daemon::SchedulerCronTaskManager::Task###MailQueueSend", f"{_SENDS}."),
    Unlike(r"Daemon::SchedulerCronTaskManager::Task###(Escalation|TicketPending|TicketUnlock|GenericAgent|GenerateDash).*"
           r"|.*Escalat.*",
           "Nothing here changes tickets by the clock, and nothing escalates.", by_hand=True),
    Unlike(r"OAuth2::MailAccount::(Profiles|Providers)###.*",
           "Add an OAuth2 credential for that app, select it in its accounts, and run flask credential authorise.",
           by_hand=True),
    Unlike(r"OAuth2::Settings", "How long an authorisation may take is fixed here."),
    Unlike(r"(SMIME|PGP)(::.*|###.*)?", "Nothing is decrypted here; signed mail is read without checking who signed."),
    Unlike(r"PostMaster.*|.*::PostMaster::.*", "There is no counterpart; see flask setting list.", by_hand=True),
)  # fmt: skip


def unlike(name: str) -> Unlike | None:
    """What to say of the setting of that name; None if it has nothing to do with mail that comes in."""
    return next((row for row in UNLIKE if row.matches(name)), None)
