"""Export and import of resources in the page, as the commands do it: what would change is shown before it does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flask import Blueprint, Response, flash, redirect, request, stream_with_context
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import FileField, HiddenField

from postmaster.database import read_session
from postmaster.errors import InputError, PostMasterError
from postmaster.operations import scratch
from postmaster.resources.bulk import AnyService, MakeService
from postmaster.resources.import_export import Imported, ImportOutcome, exported, import_items, read_document
from postmaster.resources.named_service import printable
from postmaster.web.access import current_user, for_admins
from postmaster.web.context import Context
from postmaster.web.forms import Form
from postmaster.web.resource_forms import is_confirmed
from postmaster.web.resources import Resource

FORMS = {"json": "application/json", "toml": "application/toml"}

# Of the changes that a document would make, how many are listed.
MAX_LISTED = 200

# As many as are imported at once: that is one transaction, and nothing else is written meanwhile.
MAX_ITEMS = 2_000


class DocumentForm(Form):
    """A file, or the ``token`` of one that was looked at."""

    file = FileField("File")
    token = HiddenField()


@dataclass(frozen=True, kw_only=True)
class TransferContext(Context, templates=("resources/import.html",)):
    """The form of a document; and once it was looked at, what it would change."""

    resource: Resource
    form: DocumentForm
    token: str = ""
    changes: Sequence[Imported] = ()
    counts: Mapping[ImportOutcome, int] = field(default_factory=dict)
    refusals: Sequence[str] = ()
    named: bool = False
    limit: int = MAX_ITEMS


def add_transfer(blueprint: Blueprint, resource: Resource) -> None:
    """The views, of a resource that has them."""
    if resource.transfers:
        _add_export(blueprint, resource)
        _add_import(blueprint, resource)


def _add_export(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.get("/export")
    @for_admins
    def export() -> Response:
        """All of them, without secrets."""
        form = "toml" if request.args.get("format") == "toml" else "json"

        def pieces() -> Iterator[str]:
            with read_session() as session:
                yield from exported(resource.serve(session), form)

        headers = {"Content-Disposition": f"attachment; filename={resource.plural}.{form}"}
        return Response(stream_with_context(pieces()), mimetype=FORMS[form], headers=headers)


def _add_import(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.route("/import", methods=["GET", "POST"])
    @for_admins
    def import_() -> ResponseReturnValue:
        """Look at a document; then import it."""
        form = DocumentForm()
        if not form.was_sent_well():
            return TransferContext(resource=resource, form=form).render(), form.status()
        try:
            document = _sent(form)
            items = _read(resource, document)
            results, warnings = import_items(_serving(resource), items, rehearse=not form.token.data)
        except PostMasterError as error:
            refusals = [printable(sentence) for sentence in error.sentences()]
            named = any("[still-named]" in sentence for sentence in refusals)
            return TransferContext(resource=resource, form=form, refusals=refusals, named=named).render(), 422
        if form.token.data:
            return _imported(resource, results, warnings)
        return _rehearsed(resource, form, document, results)


def _read(resource: Resource, document: bytes) -> list[dict[str, str]]:
    """The items of the document. Raises InputError, also if a page does not import as many."""
    items = read_document(document, resource.noun)
    if len(items) > MAX_ITEMS:
        message = f"The file holds {len(items):,} {resource.plural}; a page imports {MAX_ITEMS:,} at most."
        raise InputError("File", message, f"Import it by command: flask {resource.noun} import FILE")
    return items


def _serving(resource: Resource) -> MakeService:
    """Makes the service; the box that confirms what is still named counts for all items."""

    def make(session: Session) -> AnyService:
        service = resource.serve(session)
        service.confirmed = is_confirmed()
        return service

    return make


def _sent(form: DocumentForm) -> bytes:
    """The document that was sent, or is kept. Raises InputError."""
    if token := form.token.data:
        kept = scratch.read_object(token)
        if kept.get("user") != current_user().id or "document" not in kept:
            raise InputError("File", "The file is not kept any more.", "Choose it again.")
        return str(kept["document"]).encode()
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise InputError("File", "No file is chosen.", "Choose one, as “Export” makes it.")
    return sent.stream.read()


def _rehearsed(
    resource: Resource, form: DocumentForm, document: bytes, results: Sequence[Imported]
) -> ResponseReturnValue:
    """What the document would change, and a button that has it done."""
    path = scratch.new_file()
    path.write_text(json.dumps({"user": current_user().id, "document": document.decode("utf-8-sig")}))
    changes = [each for each in results if each.outcome != "unchanged"]
    counts = Counter(each.outcome for each in results)
    return TransferContext(
        resource=resource, form=form, token=path.name, changes=changes[:MAX_LISTED], counts=counts
    ).render()


def _imported(resource: Resource, results: Sequence[Imported], warnings: Sequence[str]) -> ResponseReturnValue:
    counts = Counter(each.outcome for each in results)
    told = ", ".join(f"{counts[outcome]:,} {outcome}" for outcome in ("created", "changed", "unchanged"))
    flash(f"Imported: {told}.", "ok")
    for words in warnings:
        flash(words, "warn")
    return redirect(resource.bare_url(), 303)
