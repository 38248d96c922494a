"""What the error codes of identity providers mean: what happened, and what to do about it.

Sources: "Microsoft Entra authentication and authorization error codes" (AADSTS…), Google's "Using OAuth 2.0 to Access
Google APIs", RFC 6749 section 5.2 and RFC 8628 section 3.5. Codes that are not here show the provider's own words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postmaster.accounts.kinds import CredentialKind

_AADSTS = re.compile(r"AADSTS(\d{4,7})")


@dataclass(frozen=True)
class Meaning:
    """``fault`` is the code in ``errors.FAULTS``; ``what`` ends its sentence, ``todo`` is the advice."""

    fault: str
    what: str
    todo: str


_AGAIN = "Authorise the credential again."
_NEW_SECRET = "Make a new client secret under “Certificates & secrets”, and enter its Value (not its ID) here"  # noqa: S105 - advice
_ADMIN = "Have an administrator of the tenant"

_SECOND_FACTOR = _AGAIN + " The browser asks for it."
_COPY_TENANT = "Copy Directory (tenant) ID from the app's overview in Entra to Tenant."
_REDIRECT = "Copy the redirect URI from the credential's page to “Authentication”, platform Web, of the app."
_WEB = "Remove the redirect URI from the platform “Single-page application” of the app, and enter it under “Web”."
_POLICY = " look at the policy in the sign-in log of the app, and except this app or this server."

MICROSOFT: dict[str, Meaning] = {
    "50020": Meaning("token-denied", "whoever signed in does not belong to the tenant", "Sign in with an account of "
                     "the tenant entered in the credential, in a private window if the browser chooses another one."),
    "50034": Meaning("token-denied", "the user does not exist in this tenant", "Sign in with an account of the tenant "
                     "entered in the credential, or correct Tenant."),
    "50053": Meaning("token-denied", "the user is locked after too many wrong passwords",
                     "Wait, or have the user unlocked; then authorise the credential again."),
    "50055": Meaning("authorisation-ended", "the user's password has expired",
                     "Have the user set a new password. " + _AGAIN),
    "50057": Meaning("authorisation-ended", "the user is disabled",
                     "Have the user enabled, or authorise the credential with another one."),
    "50072": Meaning("authorisation-ended", "the user has to set up a second factor", _SECOND_FACTOR),
    "50074": Meaning("authorisation-ended", "a second factor is asked for", _SECOND_FACTOR),
    "50076": Meaning("authorisation-ended", "a second factor is asked for", _SECOND_FACTOR),
    "50078": Meaning("authorisation-ended", "the second factor has to be shown again", _SECOND_FACTOR),
    "50079": Meaning("authorisation-ended", "the user has to set up a second factor", _SECOND_FACTOR),
    "50097": Meaning("token-denied", "a Conditional Access policy asks for a device that is known", _ADMIN + _POLICY),
    "50105": Meaning("consent-missing", "the user is not assigned to the app",
                     _ADMIN + " assign the user under Enterprise applications, Users and groups."),
    "50126": Meaning("token-denied", "user name or password are wrong", _AGAIN),
    "50132": Meaning("authorisation-ended", "the password was changed, or has expired", _AGAIN),
    "50133": Meaning("authorisation-ended", "the password was changed, or has expired", _AGAIN),
    "50158": Meaning("authorisation-ended", "a policy asks for more than a password", _SECOND_FACTOR),
    "50173": Meaning("authorisation-ended", "the password was changed or the sign-in was revoked", _AGAIN),
    "50194": Meaning("client-refused", "the app is for one tenant only, and Tenant is empty", _COPY_TENANT),
    "53000": Meaning("token-denied", "a Conditional Access policy asks for a device that is managed", _ADMIN + _POLICY),
    "53003": Meaning("token-denied", "a Conditional Access policy blocks it", _ADMIN + _POLICY),
    "54005": Meaning("token-denied", "the way back was used already", _AGAIN),
    "500011": Meaning("token-denied", "the tenant has no Exchange Online, or Scopes name something else",
                      "Leave Scopes empty, and check Tenant."),
    "50011": Meaning("client-refused", "the redirect URI is not registered", _REDIRECT),
    "500113": Meaning("client-refused", "no redirect URI is registered", _REDIRECT),
    "65001": Meaning("consent-missing", "nobody has consented to the permissions of the app",
                     _ADMIN + " press “Grant admin consent” under API permissions, or authorise the credential again."),
    "65004": Meaning("consent-missing", "the consent was declined", _AGAIN + " Accept the permissions that are shown."),
    "650052": Meaning("token-denied", "the tenant has no Exchange Online", "Have a licence with Exchange Online, or "
                      "correct Tenant."),
    "650057": Meaning("consent-missing", "the permissions for mail are not among those of the app",
                      "Add them under API permissions of the app, as the credential's page says."),
    "70000": Meaning("authorisation-ended", "the refresh token is no longer valid", _AGAIN),
    "70008": Meaning("authorisation-ended", "the refresh token has expired", _AGAIN),
    "70011": Meaning("token-denied", "Scopes name something that Microsoft does not know", "Leave Scopes empty."),
    "70043": Meaning("authorisation-ended", "a Conditional Access policy limits how long a sign-in lasts",
                     _AGAIN + " To have it last, have the user excepted from that policy, or let the app sign in by "
                     "itself (Grant client-credentials)."),
    "700082": Meaning("authorisation-ended", "the refresh token was not used for 90 days", _AGAIN),
    "700084": Meaning("authorisation-ended", "tokens of a single-page application last for a day", _WEB + " " + _AGAIN),
    "9002327": Meaning("client-refused", "the redirect URI is registered for a single-page application", _WEB),
    "700016": Meaning("client-refused", "the tenant has no app with this Client ID",
                      "Compare Client ID and Tenant with the app's overview in Entra."),
    "7000112": Meaning("client-refused", "the app is switched off",
                       _ADMIN + " let users sign in to it, under Enterprise applications, Properties."),
    "7000215": Meaning("client-refused", "the client secret is wrong", _NEW_SECRET + "."),
    "7000222": Meaning("client-refused", "the client secret has expired", _NEW_SECRET + ", with its expiry date."),
    "7000218": Meaning("client-refused", "it asks for a client secret",
                       "Enter the client secret. For a device code switch on “Allow public client flows” under "
                       "Authentication."),
    "700024": Meaning("client-refused", "the clocks of this machine and of Microsoft differ too much",
                      "Set the clock of this machine: timedatectl status"),
    "700027": Meaning("client-refused", "the certificate is not registered with the app, or has expired",
                      "Upload it under “Certificates & secrets” of the app, or enter the one that is there."),
    "7000229": Meaning("consent-missing", "the app has no service principal in this tenant",
                       _ADMIN + " press “Grant admin consent” under API permissions."),
    "90002": Meaning("client-refused", "there is no such tenant", _COPY_TENANT),
    "900023": Meaning("client-refused", "Tenant is neither an id nor a domain of a tenant", _COPY_TENANT),
    "90094": Meaning("consent-missing", "the permissions take an administrator's consent",
                     _ADMIN + " press “Grant admin consent” under API permissions."),
}  # fmt: skip

GOOGLE: dict[str, Meaning] = {
    "invalid_grant": Meaning("authorisation-ended", "it was revoked, or has expired",
                             _AGAIN + " As long as the consent screen's publishing status is “Testing”, that is needed "
                             "every 7 days: publish the app, or make it internal."),
    "invalid_client": Meaning("client-refused", "client ID or client secret are wrong",
                              "Compare them with “Clients” in the Google Cloud console."),
    "deleted_client": Meaning("client-refused", "the client was deleted",
                              "Make a new one in the Google Cloud console."),
    "unauthorized_client": Meaning("client-refused", "the client may not do this",
                                   "Make a client of type “Web application” in the Google Cloud console."),
    "redirect_uri_mismatch": Meaning("client-refused", "the redirect URI is not registered",
                                     "Copy it from the credential's page to the client's “Authorised redirect URIs”."),
    "access_denied": Meaning("consent-missing", "the consent was declined, or the user is not a test user",
                             _AGAIN + " While the app is in “Testing”, add the user under “Audience”, Test users."),
    "admin_policy_enforced": Meaning("consent-missing", "a policy of the Workspace blocks the app",
                                     "Have a Workspace admin allow it under Security, API controls."),
    "org_internal": Meaning("consent-missing", "the app is only for users of its own organisation",
                            "Sign in with one of those, or make the app external under “Audience”."),
    "invalid_scope": Meaning("token-denied", "Scopes name something that Google does not know",
                             "Leave Scopes empty: https://mail.google.com/ is what fetching takes."),
}  # fmt: skip

STANDARD: dict[str, Meaning] = {
    "invalid_grant": Meaning("authorisation-ended", "it was revoked, or has expired", _AGAIN),
    "invalid_client": Meaning("client-refused", "client ID or client secret are wrong",
                              "Compare them with the app's registration at the provider."),
    "unauthorized_client": Meaning("client-refused", "the app may not obtain tokens in this way",
                                   "Allow this grant in the app's registration at the provider."),
    "unsupported_grant_type": Meaning("client-refused", "the provider does not know this grant",
                                      "Choose another Grant, and check Token endpoint."),
    "invalid_scope": Meaning("token-denied", "Scopes name something that it does not know",
                             "Correct Scopes by the provider's documentation."),
    "access_denied": Meaning("consent-missing", "the consent was declined", _AGAIN),
    "authorization_declined": Meaning("consent-missing", "the consent was declined", _AGAIN),
    "interaction_required": Meaning("authorisation-ended", "somebody has to sign in", _AGAIN),
    "login_required": Meaning("authorisation-ended", "somebody has to sign in", _AGAIN),
    "consent_required": Meaning("consent-missing", "nobody has consented", _AGAIN),
    "expired_token": Meaning("token-denied", "nobody entered the code in time", "Start again."),
}  # fmt: skip

# Errors that go away by themselves: RFC 6749 section 4.1.2.1, RFC 8628 section 3.5, and what Google and others say.
UNAVAILABLE = (
    "server_error",
    "temporarily_unavailable",
    "rate_limit_exceeded",
    "slow_down",
    "too_many_requests",
    "internal_failure",
    "internal_error",
    "backend_error",
    "quota_exceeded",
    "timeout",
)

# Those of Microsoft: 50000 token issuance failed, 50196 too many alike, 80001 to 80014 an agent in the company's own
# network did not answer, 90006 to 90055 trouble or too many requests of a tenant, 90024 request budget exceeded.
MICROSOFT_UNAVAILABLE = (
    *("50000", "50196", "80001", "80002", "80005", "80007", "80010", "80012", "80014"),
    *("90006", "90012", "90020", "90024", "90033", "90055", "9000411"),
)

_BY_KIND = {CredentialKind.GOOGLE: GOOGLE, CredentialKind.MICROSOFT: {}, CredentialKind.GENERIC: {}}


def meaning_of(kind: CredentialKind, error: str, description: str) -> Meaning:
    """What the ``error`` of a provider (RFC 6749 section 5.2) means; its ``description`` may hold a better code."""
    code = _AADSTS.search(description)
    if code and code[1] in MICROSOFT:
        return MICROSOFT[code[1]]
    known = STANDARD | _BY_KIND[kind]
    if error in known:
        return known[error]
    return Meaning("provider-refused", f"it says {error}" if error else "it does not say why",
                   "See what the provider said, and authorise the credential again.")  # fmt: skip


def is_passing(error: str, description: str) -> bool:
    """Whether that error goes away by itself."""
    code = _AADSTS.search(description)
    return error.lower() in UNAVAILABLE or bool(code and code[1] in MICROSOFT_UNAVAILABLE)
