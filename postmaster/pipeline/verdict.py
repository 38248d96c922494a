"""Whether a sender is genuine (docs/glossary.md#proven), as our own mail servers have found out, or this desk.

What the servers named in TrustedAuthservIds, or by the account, say in Authentication-Results decides
(``pipeline.auth_results``); where none of them has said anything, signatures may be checked here (``pipeline.dkim``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from postmaster.extensions import Json
from postmaster.parsing.address_key import domain_key
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.auth_results import NAME, MethodResult, told_by, trusted_servers
from postmaster.pipeline.sender import Writer

# The methods that are told of.
METHODS = ("spf", "dkim", "dmarc", "arc")

# What stands for the name of a server if signatures were checked here.
CHECKED_HERE = "(checked here)"


class Finding(StrEnum):
    """What was found out about a sender: ``none`` where nothing was, or nothing that decides."""

    PASS = "pass"  # noqa: S105
    NONE = "none"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class SenderVerdict:
    """What ``server`` says of the sender; ``domain`` is that of From.

    The methods have what the server found; ``none`` if it says nothing of one.
    """

    verdict: Finding = Finding.NONE
    domain: str = ""
    server: str = ""
    spf: str = "none"
    dkim: str = "none"
    dmarc: str = "none"
    arc: str = "none"

    def as_json(self) -> Json:
        """The form that ``--json`` prints."""
        return asdict(self)

    def kept(self) -> Json | None:
        """What the ledger and articles keep: nothing if nothing was found out."""
        return self.as_json() if self.is_told else None

    @property
    def is_told(self) -> bool:
        """Whether a trusted server, or this desk, has found out anything."""
        return bool(self.server)

    @property
    def summary(self) -> str:
        """What each method found, as ``SPF pass, DKIM fail``."""
        return ", ".join(f"{method.upper()} {getattr(self, method)}" for method in METHODS)


NO_VERDICT = SenderVerdict()


def checked_before(kept: Json | None) -> SenderVerdict:
    """What was found out here when a message came, of what is ``kept``: it is not looked up again."""
    if kept is None or kept.get("server") != CHECKED_HERE:
        return NO_VERDICT
    return SenderVerdict(**{**kept, "verdict": Finding(kept["verdict"])})


def is_proven(writer: Writer | None, verdict: SenderVerdict) -> bool:
    """Whether ``writer`` has been found to be genuine: verdicts are about the address in From, and no other."""
    if writer is None or writer.field != "From" or verdict.verdict is not Finding.PASS:
        return False
    return domain_of(writer.address) == verdict.domain  # behind a list, an address in From may stand for another


def judge_sender(message: ParsedMessage, trusted: tuple[str, ...]) -> SenderVerdict:
    """The verdict on the sender of ``message`` by the servers that are ``trusted``."""
    if not trusted or NAME not in message.header_names:
        return judge(message, "", ())
    return judge(message, *told_by(message, trusted_servers(trusted)))


def judge(message: ParsedMessage, server: str, results: Sequence[MethodResult]) -> SenderVerdict:
    """The verdict by what ``server`` has found; without a server there is none."""
    domain = domain_of(message.from_.address) if message.from_ else ""
    if not server:
        return SenderVerdict(domain=domain)
    found = {method: _best(results, method) for method in METHODS}
    # Of several senders a verdict may be about any, and a reader looks at another (RFC 7489 section 6.6.1).
    others = {domain_of(sender.address) for sender in message.senders} - {domain}
    finding = Finding.NONE if others else _finding(domain, results, found["arc"])
    return SenderVerdict(finding, domain, server, **found)


def _best(results: Sequence[MethodResult], method: str) -> str:
    """What ``method`` found; of several signatures, one that is good."""
    found = [result.result for result in results if result.method == method]
    return "pass" if "pass" in found else (found or ["none"])[0]


def _finding(domain: str, results: Sequence[MethodResult], arc: str) -> Finding:
    """DMARC decides (RFC 7489); where nobody asked for it, a signature or SPF of the same domain does."""
    if not domain:
        return Finding.NONE
    dmarc = next((result for result in results if result.method == "dmarc"), None)
    if dmarc is not None and dmarc.result in ("pass", "fail"):
        return _by_dmarc(dmarc, domain, arc)
    proofs = (result for result in results if result.method in ("dkim", "spf") and result.result == "pass")
    if any(_looked_at(result, domain) for result in proofs):
        return Finding.PASS
    if arc == "pass" or (dmarc is not None and dmarc.result in _UNKNOWN):
        return Finding.NONE
    refused = any(r.method == "spf" and r.result in ("fail", "hardfail") and _looked_at(r, domain) for r in results)
    return Finding.FAIL if refused else Finding.NONE


# Nobody could find out what the domain asks for.
_UNKNOWN = ("temperror", "permerror")


def _by_dmarc(dmarc: MethodResult, domain: str, arc: str) -> Finding:
    about = domain_of(dmarc.properties.get("header.from", ""))
    if about not in ("", domain):
        return Finding.NONE
    if dmarc.result == "pass":
        return Finding.PASS
    # A list changes what it passes on; that the chain of servers is whole excuses it, and proves nobody.
    return Finding.NONE if arc == "pass" or _asks_for_nothing(dmarc) else Finding.FAIL


# How servers tell the policy of the domain: OpenDMARC and Gmail, rspamd, Fastmail, Microsoft.
_POLICIES = ("p", "policy", "policy.dmarc", "policy.published-domain-policy", "action")


def _asks_for_nothing(dmarc: MethodResult) -> bool:
    """Whether the domain wants nothing done about mail that fails: it is still finding out who sends for it."""
    told = {**dmarc.remarks, **dmarc.properties}
    return any(told.get(name) == "none" for name in _POLICIES) or told.get("sp") == told.get("dis") == "none"


_IDENTITIES = {"dkim": ("header.d", "header.i"), "spf": ("smtp.mailfrom", "smtp.mail")}


def _looked_at(result: MethodResult, domain: str) -> bool:
    """Whether it is about the domain in From."""
    named = (domain_of(result.properties.get(name, "")) for name in _IDENTITIES[result.method])
    return is_aligned(next(filter(None, named), ""), domain)


def is_aligned(other: str, domain: str) -> bool:
    """Whether ``other`` is the domain in From, or one above or below it (RFC 7489 section 3.1).

    That is the standard's relaxed mode without a list of public suffixes: two domains below a third are not one.
    """
    related = domain == other or domain.endswith(f".{other}") or other.endswith(f".{domain}")
    return "." in other and "." in domain and related


def domain_of(address: str) -> str:
    """The domain of an address, or the domain itself, as it is compared."""
    return domain_key(address.rpartition("@")[2]) if address else ""
