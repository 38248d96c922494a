"""Google, and all providers that keep to RFC 6749, 7636 (PKCE) and 8628 (device code), by Authlib."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote_plus

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from postmaster.accounts.kinds import CredentialKind
from postmaster.extensions import Json
from postmaster.oauth.http import secure
from postmaster.oauth.provider import DeviceCode, Tokens, refusal, tokens_of
from postmaster.oauth.provider_errors import talking_to
from postmaster.oauth.registration import Registration

# What makes a provider hand out a refresh token, also to somebody who has consented before.
_ASKING = {
    CredentialKind.GOOGLE: {"access_type": "offline", "prompt": "consent select_account"},
    CredentialKind.GENERIC: {},
}

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

# Seconds between two questions whether the code was entered, and by how much "slow down" lengthens them (RFC 8628).
DEVICE_SECONDS, DEVICE_INTERVAL = 900, 5
DEVICE_PENDING = ("authorization_pending", "slow_down")

# The way to show the secret that every provider has to know (RFC 6749 section 2.3.1), as Authlib should do it.
BASIC = "postmaster_secret_basic"

# How providers refuse a secret in the header that they want in the form.
_NOT_SO = ("invalid_client", "invalid_request", "unauthorized_client")


def _in_header(client: Any, _method: str, uri: str, headers: Any, body: str) -> tuple[str, Any, str]:
    """Name and secret in the header Authorization, form-encoded first, which Authlib leaves out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body


class Standard:
    """The IdentityProvider of the kinds oauth2-google and oauth2-generic."""

    def __init__(self, registration: Registration) -> None:
        self._registration = registration

    def begin(self, redirect_uri: str, state: str) -> tuple[str, Json]:
        """See IdentityProvider."""
        verifier = generate_token(64)
        with self._client(redirect_uri) as client:
            url, _ = client.create_authorization_url(
                self._registration.authorize_url,
                state=state,
                code_verifier=verifier,
                **_ASKING[self._registration.kind],
            )
        return str(url), {"code_verifier": verifier, "redirect_uri": redirect_uri}

    def finish(self, flow: Json, answer: Mapping[str, str]) -> Tokens:
        """See IdentityProvider."""
        if "error" in answer:
            raise refusal(self._registration, answer["error"], answer.get("error_description", ""))
        return self._fetch(
            flow["redirect_uri"],
            grant_type="authorization_code",
            code=answer.get("code", ""),
            code_verifier=flow["code_verifier"],
        )

    def refresh(self, refresh_token: str) -> Tokens:
        """See IdentityProvider."""
        return self._fetch(grant_type="refresh_token", refresh_token=refresh_token)

    def own(self) -> Tokens:
        """See IdentityProvider."""
        return self._fetch(grant_type="client_credentials", scope=" ".join(self._registration.scopes))

    def begin_device(self) -> DeviceCode:
        """See IdentityProvider. Raises ``provider-confused`` where the provider has no device endpoint."""
        registration = self._registration
        with self._client() as client:
            fields = {"client_id": registration.client_id, "scope": " ".join(registration.scopes)}
            answer = client.request("POST", registration.device_url, data=fields, withhold_token=True)
            said = answer.json()
            if "error" in said:
                raise refusal(registration, str(said["error"]), str(said.get("error_description") or ""))
            answer.raise_for_status()
            return DeviceCode(
                str(said["user_code"]),
                str(said["verification_uri"]),
                int(said.get("expires_in", DEVICE_SECONDS)),
                int(said.get("interval", DEVICE_INTERVAL)),
                {"device_code": str(said["device_code"])},
            )

    def poll_device(self, device: DeviceCode) -> Tokens | None:
        """See IdentityProvider."""
        with self._client() as client:
            try:
                answer = self._answer(client, grant_type=DEVICE_GRANT, **device.flow)
            except OAuthError as error:
                if error.error not in DEVICE_PENDING:
                    raise
                if error.error == "slow_down":
                    time.sleep(DEVICE_INTERVAL)
                return None
            return tokens_of(answer, self._registration)

    def _fetch(self, redirect_uri: str | None = None, **options: Any) -> Tokens:
        with self._client(redirect_uri) as client:
            return tokens_of(self._answer(client, **options), self._registration)

    def _answer(self, client: Any, **options: Any) -> Any:
        """What the token endpoint says, with the secret in the header; in the form if it is not taken there."""
        try:
            return client.fetch_token(self._registration.token_url, **options)
        except OAuthError as error:
            if error.error not in _NOT_SO or not self._registration.client_secret:
                raise
        client.token_endpoint_auth_method = "client_secret_post"  # noqa: S105 - the name of a way
        return client.fetch_token(self._registration.token_url, **options)

    @contextmanager
    def _client(self, redirect_uri: str | None = None) -> Iterator[Any]:
        registration = self._registration
        client = OAuth2Session(
            registration.client_id,
            registration.client_secret or None,
            token_endpoint_auth_method=BASIC if registration.client_secret else "none",
            scope=" ".join(registration.scopes) or None,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        client.register_client_auth_method((BASIC, _in_header))
        with talking_to(registration, secure(client, registration.ca_file, registration.forbidden_networks)), client:
            try:
                yield client
            except OAuthError as error:
                raise refusal(registration, str(error.error), str(error.description or "")) from None
