"""What the refusal of a login means. Only what is known to be for good blames the password, and pauses an account.

A password that is taken for wrong stops the mail until somebody acts, so everything else passes by itself: servers
refuse when they are busy, cannot reach their own users' database, or have seen somebody too often, and many do it with
the words of their choice (mailpile/Mailpile#2242, chatwoot/chatwoot#6082).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

REFUSED, UNCLEAR = "login-refused", "login-unclear"
LIMIT, IN_USE, UNAVAILABLE, DISABLED = "login-limit", "login-in-use", "login-unavailable", "login-disabled"

# Response codes: RFC 5530 section 3 (IMAP), RFC 9051 (LIMIT is RFC 5530's, too), RFC 2449 section 8 and RFC 3206
# section 4 (POP3); OVERQUOTA and THROTTLED are what Gmail, Exchange and Yahoo send when somebody fetches too much.
CODES = {
    "EXPIRED": REFUSED,
    "PRIVACYREQUIRED": DISABLED,
    "UNAVAILABLE": UNAVAILABLE,
    "SERVERBUG": UNAVAILABLE,
    "CONTACTADMIN": UNAVAILABLE,
    "SYS/TEMP": UNAVAILABLE,
    "SYS/PERM": UNAVAILABLE,
    "INUSE": IN_USE,
    "IN-USE": IN_USE,
    "LIMIT": LIMIT,
    "LOGIN-DELAY": LIMIT,
    "OVERQUOTA": LIMIT,
    "THROTTLED": LIMIT,
}

# Codes that blame the password, but are sent for a passing trouble as well if the words say so (dovecot/core with a
# user database that does not answer: "[AUTHENTICATIONFAILED] Temporary authentication failure").
BLAMING = ("AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "AUTH")

# Words of what passes. Tried before those that blame the password: "Authentication failed: too many attempts".
_LIMIT_WORDS = (
    r"too (many|much|frequent|often)",
    r"maximum (number|connections)",
    r"max\w* .{0,20}(connections|sessions)",
    r"rate.?limit|throttl|exceed|bandwidth|lock-?out|over.?quota",
    r"limit (reached|hit)|(login|rate|frequency) (limit|frequency)",
    r"zu viele|trop de|demasiad|troppi|te veel|muitas|слишком много|频繁",
)
_IN_USE_WORDS = (
    r"\b(locked|in use) by|already (locked|in use|open)|lock (busy|held)",
    r"(lock|open) (the )?(maildrop|mailbox|mail drop|mail box)",
    r"(maildrop|mailbox|mail drop) (is )?(already )?(locked|busy|in use)",
)
_UNAVAILABLE_WORDS = (
    r"\btemp(orar\w*|fail)?\b|\bunavailable\b|not available|\bbusy\b|overload|maintenance",
    r"(try|come back|retry)( it)?( again)? (later|in|after|shortly)",
    r"system error|(internal|server) (server )?error|server bug|back-?end|generic failure|lookup failed",
    r"time-?out|timed out|not (be )?(ready|reach\w*)|unreachable|connection refused|shutting down",
    r"out of (memory|resources)|database|\bldap\b|(cannot|could not|unable to) connect",
    r"vor.{1,3}bergehend|sp.{1,3}ter (erneut|noch|wieder)|temporaire|plus tard|temporal|m.{1,3}s tarde",
    r"pi.{1,3} tardi|mais tarde|tijdelijk|later opnieuw|繁忙|稍后",
)

# Words that blame the password, or an account that somebody has to switch on again.
_BLAMING_WORDS = (
    r"invalid.{0,20}(credential|password|user|login|account|logon)",
    r"bad.{0,20}(user|password|login|credential)",
    r"(incorrect|wrong|unknown).{0,20}(password|user|login|credential)",
    r"(user|login|password|logon|credentials?)( (is|are|was|were))?( not| in)?[ -]?"
    r"(incorrect|wrong|invalid|unknown|rejected|correct|expired|error)",
    r"auth\w*( process)?( has| was)? (fail|reject|invalid|unsuccessful)",
    r"login (incorrect|denied|rejected|not permitted)|(access|permission) denied",
    r"log(in|on)( has)? fail(ed|ure)\W*$|log(in|on) fail(ed|ure): (user|password|bad|auth)",
    r"no such (user|account)|password (mismatch|does not match)|not authenticated",
    r"account.{0,15}(disabled|suspended|closed|deleted|expired)",
    r"app\w*-?.?specific password|app password|web (login|browser)",
    r"(anmeldung|authentifizierung) fehlgeschlagen|falsche[sn]? (passwort|kennwort|anmelde|zugangs)",
    r"(passwort|kennwort|benutzername).{0,30}(falsch|ung.{1,3}ltig|nicht korrekt)|ung.{1,3}ltige (anmelde|zugangs)",
    r"mot de passe.{0,20}(incorrect|invalide|erron)|identifiants?.{0,20}(incorrect|invalide)",
    r"chec d.{1,8}authentification|autenticaci.{1,3}n.{0,10}(fall|err)",
    r"contrase.{1,3}a.{0,20}(incorrecta|inv.{1,3}lida|no v.{1,3}lida)|credenciales.{0,20}(incorrect|inv|no v)",
    r"password (errata|non valid)|credenziali.{0,10}(errate|non valid)|autenticazione (fallita|non riuscita)",
    r"senha.{0,10}(incorreta|inv.{1,3}lida)|onjuist.{0,20}wachtwoord|wachtwoord.{0,10}onjuist",
    r"(nieprawid|b.{1,3}dn).{0,12}(has|login)|неверн|неправильн|密码错误|パスワードが",
)


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


TEMPORARY_REFUSALS = (
    (_any_of(_LIMIT_WORDS), LIMIT),
    (_any_of(_IN_USE_WORDS), IN_USE),
    (_any_of(_UNAVAILABLE_WORDS), UNAVAILABLE),
)
BLAME = _any_of(_BLAMING_WORDS)

_CODE = re.compile(r"\[([A-Z/-]+)[\] ]")
_WAIT = re.compile(r"\b(?:in|after|for|wait)\s+(\d{1,5})\s*(s|sec|m|min|h|hour)", re.IGNORECASE)
_UNITS = {"s": 1, "m": 60, "h": 3600}


def login_fault(words: str) -> str:
    """The fault that a refused login means: by its response code, else by its words, else it is not clear."""
    code = _CODE.search(words)
    if code and code[1] in CODES:
        return CODES[code[1]]
    passing = next((fault for pattern, fault in TEMPORARY_REFUSALS if pattern.search(words)), "")
    if passing:
        return passing
    blamed = BLAME.search(words) or (code and code[1] in BLAMING)
    return REFUSED if blamed else UNCLEAR


def wait_told(words: str) -> float | None:
    """The seconds after which the server wants to be asked again, as its ``words`` say; None if they do not."""
    told = _WAIT.search(words)
    return float(int(told[1]) * _UNITS[told[2][0].lower()]) if told else None
