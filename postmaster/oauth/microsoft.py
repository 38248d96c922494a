"""Microsoft's identity platform, by its own library."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msal.application import ConfidentialClientApplication, PublicClientApplication
from msal.exceptions import MsalError

from postmaster.errors import MailError
from postmaster.extensions import Json
from postmaster.oauth.http import secure
from postmaster.oauth.provider import DeviceCode, Tokens, refusal, tokens_of
from postmaster.oauth.provider_errors import talking_to, unavailable
from postmaster.oauth.registration import Registration

# msal asks for these by itself, and refuses to be told to.
_RESERVED = ("openid", "profile", "offline_access")

# That would be a POST from another site, along which no cookie comes: nobody would know whose it is.
warnings.filterwarnings("ignore", message="response_mode='form_post'", category=UserWarning)

DEVICE_PENDING = "authorization_pending"

# "Client is public so neither client_assertion nor client_secret should be presented."
PUBLIC = "AADSTS700025"


class Microsoft:
    """The IdentityProvider of the kind oauth2-microsoft. One that comes without a secret is a public client.

    Tokens are kept by ``tokens``, not by msal's cache: they are sealed there, and shared by all workers.
    """

    def __init__(self, registration: Registration) -> None:
        self._registration = registration
        self._scopes = [scope for scope in registration.scopes if scope not in _RESERVED]

    def begin(self, redirect_uri: str, state: str) -> tuple[str, Json]:
        """See IdentityProvider. PKCE and nonce are msal's."""
        with self._session() as session:
            flow = self._app(session).initiate_auth_code_flow(
                self._scopes, redirect_uri=redirect_uri, state=state, prompt="select_account"
            )
            return str(flow["auth_uri"]), flow

    def finish(self, flow: Json, answer: Mapping[str, str]) -> Tokens:
        """See IdentityProvider."""
        with self._session() as session:
            return self._tokens(self._app(session).acquire_token_by_auth_code_flow(flow, dict(answer)))

    def refresh(self, refresh_token: str) -> Tokens:
        """See IdentityProvider. Those that a device code brought belong to a public client, which shows no secret."""
        with self._session() as session:
            answer = self._app(session).acquire_token_by_refresh_token(refresh_token, self._scopes)
            if PUBLIC in str(answer.get("error_description")):
                answer = self._public_app(session).acquire_token_by_refresh_token(refresh_token, self._scopes)
            return self._tokens(answer)

    def own(self) -> Tokens:
        """See IdentityProvider."""
        with self._session() as session:
            return self._tokens(self._app(session).acquire_token_for_client(self._scopes))

    def begin_device(self) -> DeviceCode:
        """See IdentityProvider. The app must allow public client flows."""
        with self._session() as session:
            flow = self._public_app(session).initiate_device_flow(self._scopes)
            if "user_code" not in flow:
                raise self._refusal(flow)
            return DeviceCode(
                flow["user_code"], flow["verification_uri"], int(flow["expires_in"]), int(flow["interval"]), flow
            )

    def poll_device(self, device: DeviceCode) -> Tokens | None:
        """See IdentityProvider."""
        with self._session() as session:
            app = self._public_app(session)
            flow = {**device.flow, "interval": 1}  # it asks once more a second, until the condition holds
            answer = app.acquire_token_by_device_flow(flow, exit_condition=lambda flow: True)
            return None if answer.get("error") == DEVICE_PENDING else self._tokens(answer)

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        session, registration = requests.Session(), self._registration
        deadline = secure(session, registration.ca_file, registration.forbidden_networks)
        with talking_to(registration, deadline), session:
            try:
                yield session
            except MsalError as error:  # a status above 499
                raise unavailable(self._registration, str(error)) from None

    def _app(self, session: requests.Session) -> Any:
        registration = self._registration
        if registration.certificate:
            credential: Any = _certificate(registration.certificate)
        else:
            credential = registration.client_secret
        if not credential:
            return self._public_app(session)
        return ConfidentialClientApplication(**self._options(session), client_credential=credential)

    def _public_app(self, session: requests.Session) -> Any:
        return PublicClientApplication(**self._options(session))

    def _options(self, session: requests.Session) -> dict[str, Any]:
        registration = self._registration
        return {
            "client_id": registration.client_id,
            "authority": registration.token_url,
            "instance_discovery": False,
            "http_client": session,
        }

    def _tokens(self, answer: Mapping[str, Any]) -> Tokens:
        if "error" in answer:
            raise self._refusal(answer)
        return tokens_of(answer, self._registration)

    def _refusal(self, answer: Mapping[str, Any]) -> MailError:
        return refusal(self._registration, str(answer.get("error")), str(answer.get("error_description") or ""))


def _certificate(pem: str) -> dict[str, str]:
    """Key and certificate apart, as msal wants them."""
    key = load_pem_private_key(pem.encode(), password=None)
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return {
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "public_certificate": certificate.public_bytes(Encoding.PEM).decode(),
    }
