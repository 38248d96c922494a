"""The real app in a process of its own, as ``bin/start`` runs it, and its command line beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from flask import url_for
from playwright.sync_api import APIResponse, Browser, Playwright, StorageState

from postmaster import create_app
from postmaster.config import load_environment
from tests.browser.late import LATE
from tests.guard.sitecustomize import variables
from tests.results import runner_of
from tests.servers.flask_process import FlaskProcesses
from tests.servers.web import WebServer
from tests.support import Desk
from tests.web.conftest import token_of
from tests.web.samples import sample_of

TOP = Path(__file__).parents[2]

PASSWORD = "correct horse battery"

# Who is there to sign in, with their roles.
USERS = {"admin": "admin", "lead": "lead"}

# As little as a browser can do beside showing our pages.
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--in-process-gpu",  # a process less to talk to: a tenth of the browser's processor time
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--font-render-hinting=none",  # letters are as wide as in a browser with a window
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]

# The build without windows takes three quarters of the processor time that the whole browser takes.
CHROMIUM = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium-browser", "/usr/bin/chromium")


class Site(WebServer):
    """A web server, on an empty data directory unless ``environ`` names one. ``desk`` is the command line beside it."""

    factory = "tests.browser.late:late_app()" if LATE in os.environ else WebServer.factory

    def __init__(self, environ: Mapping[str, str], processes: FlaskProcesses | None = None) -> None:
        super().__init__(environ, processes)
        self.environ = {"POSTMASTER_DATA_DIR": str(self.folder / "data"), **variables(str(TOP)), **environ}
        self.app = create_app(load_environment(self.environ))
        self.desk = Desk(runner_of(self.app))
        for name, role in USERS.items():
            words = ("--name", name, "--role", role, "--password-stdin")
            self.desk.ok("user", "add", *words, input=PASSWORD)

    @property
    def url(self) -> str:
        """Where the pages are, without a slash at the end: by a name that identity providers lead back to."""
        return f"http://localhost:{self.port}"

    def addresses(self) -> Iterator[tuple[str, str]]:
        """Endpoint and address of all that can be opened."""
        with self.app.test_request_context():
            for rule in self.app.url_map.iter_rules():
                if rule.endpoint != "static" and "GET" in (rule.methods or ()):
                    yield rule.endpoint, url_for(rule.endpoint, **{name: sample_of(name) for name in rule.arguments})


def launch(playwright: Playwright) -> Browser:
    """Chromium, the cheapest that is there."""
    program = next((path for path in CHROMIUM if Path(path).exists()), None)
    if program is None:
        raise RuntimeError("There is no Chromium here: bin/test --prepare installs it.")
    return playwright.chromium.launch(executable_path=program, args=CHROMIUM_OPTIONS)


def sign_in(site: Site, browser: Browser, name: str) -> StorageState:
    """Sign in as that user, without a page, which would take ten times as long; returns what the browser remembers."""
    with browser.new_context(base_url=site.url) as context:
        token = token_of(context.request.get("/login").text())
        form: dict[str, str | float | bool] = {"csrf_token": token, "user": name, "password": PASSWORD}
        answer = context.request.post("/login", form=form, max_redirects=0)
        assert answer.status == 303, answer.text()
        return context.storage_state()


def is_page(response: APIResponse) -> bool:
    """Whether it is a page of its own: no download, no fragment, no raw source, and not what a frame shows."""
    headers = response.headers
    if "attachment" in headers.get("content-disposition", "") or "sandbox" in headers["content-security-policy"]:
        return False
    return "html" in headers["content-type"] and "<html" in response.text()
