"""Signs in with each name from the address, then asks for a page with that name in its path; what is logged counts.

``python -m tests.web.sign_in_wrongly ADDRESS NAME…``
"""

from __future__ import annotations

import sys
from urllib.parse import quote

from argon2 import PasswordHasher

from postmaster import create_app
from postmaster.system import users
from tests.web.conftest import add, token_of

if __name__ == "__main__":
    address, *names = sys.argv[1:]
    users._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    app = create_app()
    add(app, "ada")
    client = app.test_client()
    token = token_of(client.get("/login").text)
    for name in names:
        form = {"user": name, "password": "wrong password", "csrf_token": token}
        client.post("/login", data=form, environ_base={"REMOTE_ADDR": address})
        client.get("/" + quote(name), environ_base={"REMOTE_ADDR": address})
