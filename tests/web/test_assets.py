"""Static files: kept by browsers for ever, under addresses that change with what they hold."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

FOR_EVER = "public, max-age=31536000, immutable"
FILES = (
    "app.css",
    "icons.svg",
    "favicon.svg",
    "vendor/pico.min.css",
    "vendor/htmx.min.js",
    "vendor/swagger-ui.css",
    "viewer.js",
)


def addresses(page: str) -> set[str]:
    """The static files that a page refers to."""
    return {found.partition("#")[0] for found in re.findall(r'(?:href|src)="(/static/[^"]+)"', page)}


@pytest.mark.parametrize("path", ["/", "/login", "/password", "/nowhere"])
def test_pages_refer_to_files_that_may_be_kept_for_ever(client: FlaskClient, path: str) -> None:
    found = addresses(client.get(path).text)
    assert found
    for address in found:
        assert re.search(r"\?v=[0-9a-f]{12}$", address), address
        response = client.get(address)
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == FOR_EVER


@pytest.mark.parametrize("name", FILES)
def test_files_are_there_for_everybody(anonymous: FlaskClient, name: str) -> None:
    response = anonymous.get(f"/static/{name}")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-cache"
    assert "Set-Cookie" not in response.headers


def test_there_is_an_icon_for_what_is_no_page(anonymous: FlaskClient) -> None:
    response = anonymous.get("/favicon.ico")
    assert (response.status_code, response.mimetype) == (200, "image/svg+xml")
    assert response.data == anonymous.get("/static/favicon.svg").data
    assert "Set-Cookie" not in response.headers


def test_an_address_changes_with_what_the_file_holds(app: Flask, tmp_path: Path) -> None:
    found = set()
    for number, words in enumerate(("one", "two", "one")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "app.css").write_text(words)
        app.static_folder = str(folder)
        with app.test_request_context():
            found.add(app.jinja_env.globals["asset"]("app.css"))
    assert len(found) == 2


def test_what_is_carried_along_is_as_it_was_and_has_its_licence(app: Flask) -> None:
    folder = Path(str(app.static_folder)) / "vendor"
    readme = (folder / "README.md").read_text()
    checksums = dict(re.findall(r"\| `([^`]+)` \| `([0-9a-f]{64})` \|", readme))
    assert checksums.keys() == {path.name for path in folder.iterdir() if path.suffix in (".js", ".css", ".woff2")}
    for name, checksum in checksums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == checksum, name
    assert all(path.name in readme for path in folder.iterdir() if path.name != "README.md")


def test_fonts_have_the_addresses_that_pages_ask_for_first(client: FlaskClient) -> None:
    asked = {address for address in addresses(client.get("/").text) if "woff2" in address}
    style = client.get("/static/app.css").text
    named = {f"/static/{address}" for address in re.findall(r'url\("([^"]+)"\)', style)}
    assert asked < named
    for address in named:
        response = client.get(address)
        assert (response.status_code, response.headers["Cache-Control"]) == (200, FOR_EVER)
        assert hashlib.sha256(response.data).hexdigest().startswith(address.partition("?v=")[2])


def test_a_missing_file_is_not_kept(anonymous: FlaskClient) -> None:
    response = anonymous.get("/static/nothing.css?v=0123456789ab")
    assert response.status_code == 404
    assert "immutable" not in response.headers["Cache-Control"]


def test_each_icon_of_the_pages_is_in_the_sprite(app: Flask) -> None:
    templates = Path(str(app.static_folder)).parent / "templates"
    texts = [path.read_text() for path in templates.rglob("*.html")]
    named = {name for text in texts for name in re.findall(r'icon\("([a-z0-9-]+)"\)', text)}
    sprite = (Path(str(app.static_folder)) / "icons.svg").read_text()
    assert named
    assert named - set(re.findall(r'<symbol id="([^"]+)"', sprite)) == set()
