"""The commands that all resources share: list, show, add, set, delete, export and import, made from their fields."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import click
from sqlalchemy.orm import Session

from postmaster.cli.base import Function, Group, actor, confirmed, given_secret, print_json
from postmaster.cli.tables import print_table
from postmaster.database import read_session, transaction
from postmaster.resources.fields import Field, InvalidFieldsError
from postmaster.resources.import_export import exported, import_items, read_document
from postmaster.resources.listing import ListFilter, Listing
from postmaster.resources.numbers import MAX_ID
from postmaster.resources.service import Service

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON.")
although_named = click.option("--yes", is_flag=True, help="Even if something still names it.")


@dataclass(frozen=True)
class ResourceCommands:
    """What the commands have to know beside what the service says: the columns of the list, and words for the help.

    ``called`` is what one is named by, ``several`` what they are called if not by the service's plural, ``group`` the
    words after ``flask`` if they are not the noun. ``listing`` has the choices that the list can be filtered by.
    ``copies``: a new one can begin as a copy.
    """

    service: type[Service[Any]]
    columns: tuple[str, ...]
    several: str = ""
    called: str = "name"
    delete_help: str = ""
    import_help: str = ""
    group: str = ""
    listing: Listing | None = None
    copies: bool = False

    @property
    def command(self) -> str:
        """The commands' beginning, as it is typed."""
        return f"flask {self.group or self.noun}"

    @property
    def noun(self) -> str:
        """What one is called."""
        return self.service.noun

    @property
    def plural(self) -> str:
        """What people call several of them."""
        return self.several or self.service.plural

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields, of which options are made."""
        return self.service.fields


def resource_group(resource: ResourceCommands) -> Group:
    """The group of the resource's commands."""
    group = Group(resource.noun, help=f"Manage the {resource.plural}.")
    for add_command in (_list, _show, _add, _set, _delete, _export, _import):
        add_command(group, resource)
    return group


def _list(group: Group, resource: ResourceCommands) -> None:
    @group.command("list", help=f"List all {resource.plural}; with --json one object per line.")
    @_choices(resource.listing)
    @as_json
    def list_(json_: bool, **chosen: str | None) -> None:
        with read_session() as session:
            service = resource.service(session, actor())
            shown = _chosen(session, resource.listing, chosen)
            rows = (service.as_json(record) for record in service.stream() if shown is None or record.id in shown)
            if json_:
                for row in rows:
                    print_json(row)
            else:
                print_table(resource.columns, ([row[column] for column in resource.columns] for row in rows))


def _choices(listing: Listing | None) -> Callable[[Function], Function]:
    """An option for each choice of ``listing``."""

    def decorate(function: Function) -> Function:
        for name, choice in (listing.choices if listing else {}).items():
            function = click.option(f"--{name}", metavar="WORD", help=f"Only those with this {choice.label.lower()}.")(
                function
            )
        return function

    return decorate


def _chosen(session: Session, listing: Listing | None, given: Mapping[str, str | None]) -> Collection[int] | None:
    """The ids of those that are chosen; None if all are."""
    chosen = {name: value for name, value in given.items() if value is not None}
    return set(listing.ids(session, ListFilter(chosen=chosen), MAX_ID)) if listing and chosen else None


def _show(group: Group, resource: ResourceCommands) -> None:
    @group.command("show", help=f"Show one {resource.noun}, by its id or {resource.called}.")
    @click.argument("which", metavar=resource.noun.upper())
    @as_json
    def show(which: str, json_: bool) -> None:
        with read_session() as session:
            service = resource.service(session, actor())
            record = service.find(which)
            facts = service.as_json(record) | service.details(record)
        if json_:
            print_json(facts)
        else:
            print_facts(facts)


def print_facts(facts: Mapping[str, Any]) -> None:
    """A line for each fact that is known; those of a nested one under its own name."""
    rows: list[tuple[str, object]] = []
    for name, value in facts.items():
        nested = value.items() if isinstance(value, Mapping) else [("", value)]
        rows += [(" ".join((name, part)).strip().replace("_", " "), shown) for part, shown in nested]
    print_table(("", ""), ([name, value] for name, shown in rows for value in _shown(shown) if value not in (None, "")))


def _shown(value: object) -> Iterable[object]:
    """The lines of a value."""
    return value if isinstance(value, tuple) else (value,)


def _add(group: Group, resource: ResourceCommands) -> None:
    @group.command("add", help=f"Add one {resource.noun} and print its id.")
    @_options(resource.fields, adding=True)
    @_like(resource)
    def add(like: str | None = None, **given: Any) -> None:
        texts = _copy_of(resource, like) | _texts(resource.fields, given)
        texts |= _secrets(
            resource.fields, given, asking=resource.service.fields_for(texts) if sys.stdin.isatty() else ()
        )
        with transaction() as session:
            service = resource.service(session, actor())
            with _advice_on_secrets(resource.fields):
                record = service.add(texts)
        click.echo(record.id)
        print_notes(service.warnings())


def _like(resource: ResourceCommands) -> Callable[[Function], Function]:
    """The option to begin with a copy, where there is one."""
    words = f"Begin with a copy of this one, without {' and '.join(field.label for field in resource.service.apart)}."
    return click.option("--like", metavar=resource.noun.upper(), help=words) if resource.copies else lambda view: view


def _copy_of(resource: ResourceCommands, which: str | None) -> dict[str, str]:
    if which is None:
        return {}
    with read_session() as session:
        service = resource.service(session, actor())
        return service.copied(service.find(which))


def _set(group: Group, resource: ResourceCommands) -> None:
    text = (
        f"Change the given fields of one {resource.noun}, named by its id or {resource.called}. "
        "An empty value, as in --comment '', clears a field."
    )

    @group.command("set", help=text)
    @click.argument("which", metavar=resource.noun.upper())
    @_options(resource.fields, adding=False)
    @although_named
    def set_(which: str, yes: bool, **given: Any) -> None:
        texts = _texts(resource.fields, given) | _secrets(resource.fields, given)
        if not texts:
            raise click.UsageError(f"Say what to change; run: {resource.command} set --help")
        with transaction() as session:
            service = resource.service(session, actor())
            service.confirmed = yes
            service.change(service.find(which), texts)
        print_notes(service.warnings())


def _delete(group: Group, resource: ResourceCommands) -> None:
    @group.command("delete", help=resource.delete_help or f"Delete one {resource.noun}, unless something uses it.")
    @click.argument("which", metavar=resource.noun.upper())
    @click.option("--yes", is_flag=True, help="Do not ask; needed when there is no terminal.")
    def delete(which: str, yes: bool) -> None:
        with read_session() as session:
            service = resource.service(session, actor())
            record = service.find(which)
            record_id, label = record.id, service.label(record)
            service.check_deletable(record)
        if not yes and not confirmed(f"Delete the {resource.noun} “{label}” ({record_id})?", "deleting"):
            click.echo("Nothing was deleted.", err=True)
            return
        with transaction() as session:
            service = resource.service(session, actor())
            service.delete(service.find(which))


def _export(group: Group, resource: ResourceCommands) -> None:
    @group.command("export", help=f"Print all {resource.plural}, without secrets, for “{resource.command} import”.")
    @click.option("--format", "form", type=click.Choice(["json", "toml"]), default="json", show_default=True)
    def export(form: str) -> None:
        with read_session() as session:
            for piece in exported(resource.service(session, actor()), form):
                click.echo(piece, nl=False)


def _import(group: Group, resource: ResourceCommands) -> None:
    text = (
        f"Bring the {resource.plural} in line with FILE or standard input (JSON or TOML, as exported), all or none. "
        "Fields that are left out stay as they are, empty ones are cleared; what is not named stays. "
        f"Importing the same twice changes nothing. {resource.import_help}"
    )

    @group.command("import", help=text)
    @click.argument("file", type=click.File("rb"), default="-", metavar="[FILE|-]")
    @although_named
    @click.option("--dry-run", is_flag=True, help="Say what would be imported, and change nothing.")
    def import_(file: IO[bytes], yes: bool, dry_run: bool) -> None:
        def make(session: Session) -> Service[Any]:
            service = resource.service(session, actor())
            service.confirmed = yes
            return service

        results, notes = import_items(make, read_document(file.read(), resource.noun), rehearse=dry_run)
        for result in results:
            changed = f" ({', '.join(result.changed)})" if result.changed else ""
            which = "" if dry_run and result.outcome == "created" else f" {result.id}"
            click.echo(f"{result.outcome} {resource.noun}{which} {result.label}{changed}")
        if dry_run:
            click.echo("Nothing was changed: this was a dry run.", err=True)
        print_notes(notes)


def _options(fields: Iterable[Field], *, adding: bool) -> Callable[[Function], Function]:
    """An option for each field; for a secret, a flag to read it from standard input."""

    def decorate(function: Function) -> Function:
        for field in reversed([field for field in fields if adding or not field.fixed]):
            if field.secret:
                option = click.option(f"{field.option}-stdin", f"{field.name}_stdin", is_flag=True, help=field.help)
            else:
                option = click.option(
                    field.option,
                    field.name,
                    metavar=field.metavar,
                    help=_help(field, adding),
                    multiple=field.lines,
                )
            function = option(function)
        return function

    return decorate


def _help(field: Field, adding: bool) -> str:
    if not adding or not field.mandatory:
        return field.help
    return f"{field.help}  [{f'default: {field.default}' if field.default else 'mandatory'}]"


def _texts(fields: Iterable[Field], given: Mapping[str, Any]) -> dict[str, str]:
    """What was entered in the open, by field."""
    texts = {}
    for field in fields:
        if field.secret:
            continue
        if field.lines and given[field.name]:
            texts[field.name] = "\n".join(given[field.name])
        elif not field.lines and given.get(field.name) is not None:
            texts[field.name] = given[field.name]
    return texts


def _secrets(fields: Iterable[Field], given: Mapping[str, Any], asking: Iterable[Field] = ()) -> dict[str, str]:
    """Secrets from standard input: those whose flags were given; without any, each of ``asking`` is asked for."""
    flagged = [field for field in fields if field.secret and given[f"{field.name}_stdin"]]
    if len(flagged) > 1:
        raise click.UsageError(f"Only one of {' and '.join(f'{f.option}-stdin' for f in flagged)} can be read at once.")
    wanted = flagged or [field for field in asking if field.secret and not field.lines]
    return {field.name: given_secret(field.label, confirm=bool(asking), lines=field.lines) for field in wanted}


@contextmanager
def _advice_on_secrets(fields: Iterable[Field]) -> Iterator[None]:
    """Say how a secret that is missing can be given."""
    try:
        yield
    except InvalidFieldsError as error:
        for field in fields:
            if field.secret and field.name in error.errors:
                error.errors[field.name].advice = f"Give it with {field.option}-stdin."
        raise


def print_notes(notes: Iterable[str]) -> None:
    """Warnings, on standard error."""
    for note in notes:
        click.echo(f"Warning: {note}", err=True)
