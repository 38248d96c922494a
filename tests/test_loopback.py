"""The guard that keeps tests from reaching other machines stands."""

from __future__ import annotations

import socket

import pytest
import requests

from tests.loopback import LeftTheLoopbackError


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "0.0.0.1"])
def test_nothing_connects_to_another_machine(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as sock:
        for connect in (sock.connect, sock.connect_ex):
            with pytest.raises(LeftTheLoopbackError):
                connect((address, 443))


@pytest.mark.parametrize("host", ["login.microsoftonline.com", "oauth2.googleapis.com", "outlook.office365.com"])
def test_the_real_providers_are_not_even_looked_up(host: str) -> None:
    with pytest.raises(LeftTheLoopbackError):
        requests.get(f"https://{host}/", timeout=5)


def test_what_is_on_this_machine_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 5):
        pass
