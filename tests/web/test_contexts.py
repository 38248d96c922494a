"""Each template reads what its page gives it, all of it, and nothing else."""

from __future__ import annotations

import gc
import typing
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fnmatch import filter as matching
from functools import cache

import pytest
from jinja2 import Environment, nodes
from jinja2.meta import find_undeclared_variables

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.web.context import Context
from postmaster.web.resource_forms import ResourceFormContext
from postmaster.web.resource_pages import DeleteContext
from postmaster.web.resources import Resource, ResourceListContext, ResourcePageContext
from tests.docs.documents import TOP

TEMPLATES = sorted(str(path.relative_to(TOP / "templates")) for path in (TOP / "templates").rglob("*.html"))

# What the pages of all resources share has other templates and other variables for each of them.
SHARED = (ResourceListContext, ResourceFormContext, DeleteContext)

RESOURCES = sorted((each for each in gc.get_objects() if isinstance(each, Resource)), key=lambda each: each.plural)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    data = tmp_path_factory.mktemp("contexts") / "data"
    app = create_app(load_environment({"POSTMASTER_DATA_DIR": str(data)}))
    app.complete()
    return app.jinja_env


@dataclass(frozen=True)
class Use:
    """A template with all that it is given; ``plural`` is the folder of the cells that it includes."""

    template: str
    contexts: tuple[type[Context], ...]
    plural: str = ""

    @property
    def given(self) -> set[str]:
        return {field.name for context in self.contexts for field in fields(context)}


def subclasses(base: type[Context]) -> Iterator[type[Context]]:
    for each in base.__subclasses__():
        yield each
        yield from subclasses(each)


def page_uses() -> Iterator[Use]:
    for context in subclasses(Context):
        if context not in SHARED and context.__module__.startswith("postmaster."):
            for template in context.templates:
                yield Use(template, (context, *context.others))


def resource_uses(resource: Resource) -> Iterator[Use]:
    cells, frame, beside = (
        typing.get_type_hints(view)["return"] for view in (resource.cells, resource.frame, resource.beside)
    )
    yield Use(resource.page_template, (ResourceListContext, cells, frame, ResourcePageContext), resource.plural)
    yield Use("resources/_list.html", (ResourceListContext, cells), resource.plural)
    yield Use(resource.form_template, (ResourceFormContext, beside), resource.plural)
    if resource.deletable:
        yield from (Use(template, (DeleteContext, cells), resource.plural) for template in DeleteContext.templates)


def all_uses() -> list[Use]:
    found = [*page_uses(), *(use for resource in RESOURCES for use in resource_uses(resource))]
    return [replace(use, plural="accounts") if use.template == "accounts/_live.html" else use for use in found]


@cache
def tree(environment: Environment, template: str) -> nodes.Template:
    assert environment.loader
    return environment.parse(environment.loader.get_source(environment, template)[0])


def named(expression: nodes.Node, plural: str) -> list[str]:
    """The templates that ``expression`` may name."""
    if isinstance(expression, nodes.Const):
        return [expression.value]
    if isinstance(expression, nodes.CondExpr):
        assert expression.expr2
        return [*named(expression.expr1, plural), *named(expression.expr2, plural)]
    assert isinstance(expression, nodes.Concat), "a template is named by words, not worked out"
    folder, name = expression.nodes
    assert isinstance(folder, nodes.Getattr), "only the folder of a resource may differ"
    assert isinstance(name, nodes.Const), "only the folder of a resource may differ"
    return matching(TEMPLATES, plural + name.value)


def declared(template: nodes.Node) -> set[str]:
    """The names that a template gives itself, and what it includes: macros, what it sets and what it imports."""
    names = {each.name for each in template.find_all(nodes.Macro)}
    for each in template.find_all(nodes.FromImport):
        names |= {name if isinstance(name, str) else name[1] for name in each.names}
    for each in template.find_all((nodes.Assign, nodes.AssignBlock)):
        names |= stored(each.target)
    return names


def stored(target: nodes.Node) -> set[str]:
    return {target.name} if isinstance(target, nodes.Name) else {name.name for name in target.find_all(nodes.Name)}


def parts(template: nodes.Template, plural: str) -> Iterator[tuple[str, set[str]]]:
    """The templates that make a page together with this one, each with the names that it has from it."""
    for extended in template.find_all(nodes.Extends):
        yield from ((name, set()) for name in named(extended.template, plural))

    def walk(node: nodes.Node, names: set[str]) -> Iterator[tuple[str, set[str]]]:
        for child in node.iter_child_nodes():
            if isinstance(child, nodes.Include):
                yield from ((name, names) for name in named(child.template, plural))
            elif isinstance(child, nodes.For):
                yield from walk(child, names | stored(child.target))
            elif isinstance(child, nodes.With):
                yield from walk(child, names.union(*map(stored, child.targets)))
            else:
                yield from walk(child, names)

    yield from walk(template, declared(template))


@cache
def read(environment: Environment, template: str, plural: str) -> set[str]:
    """The variables that ``template`` reads, with all that it extends and includes."""
    found = find_undeclared_variables(tree(environment, template)) - declared(tree(environment, template))
    for part, names in parts(tree(environment, template), plural):
        found |= read(environment, part, plural) - names
    return found - shared(environment)


def shared(environment: Environment) -> set[str]:
    """What all templates have."""
    return {*environment.globals, "current_user", "g", "request", "session", "csrf_token", "config"}


def imported(environment: Environment, template: str) -> set[str]:
    """The templates that ``template`` takes macros from."""
    return {
        name for each in tree(environment, template).find_all(nodes.FromImport) for name in named(each.template, "")
    }


def reached(environment: Environment, template: str, plural: str) -> set[str]:
    found = {template, *imported(environment, template)}
    for part, _ in parts(tree(environment, template), plural):
        found |= reached(environment, part, plural)
    return found.union(*(imported(environment, name) for name in found))


@pytest.mark.parametrize("use", all_uses(), ids=lambda use: f"{use.contexts[0].__name__}-{use.plural}-{use.template}")
def test_a_template_reads_no_variable_that_its_page_lacks(environment: Environment, use: Use) -> None:
    assert read(environment, use.template, use.plural) <= use.given


@pytest.mark.parametrize("context", list(subclasses(Context)), ids=lambda context: context.__name__)
def test_each_variable_of_a_page_is_read(environment: Environment, context: type[Context]) -> None:
    uses = [use for use in all_uses() if any(issubclass(each, context) for each in use.contexts)]
    assert uses
    for field in fields(context):
        assert any(field.name in read(environment, use.template, use.plural) for use in uses), field.name


def test_macros_read_only_what_all_templates_have(environment: Environment) -> None:
    macros = {name for template in TEMPLATES for name in imported(environment, template)}
    assert macros
    for name in macros:
        assert read(environment, name, "") == set(), name


def test_each_template_belongs_to_a_page(environment: Environment) -> None:
    found = set().union(*(reached(environment, use.template, use.plural) for use in all_uses()))
    assert sorted(found) == TEMPLATES


def test_only_contexts_render_templates() -> None:
    """So no view can give a template what no context declares."""
    views = [path for path in (TOP / "postmaster").rglob("*.py") if "render_template" in path.read_text()]
    assert [path.name for path in views] == ["context.py"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_line_of_a_template_is_over_160_columns(template: str) -> None:
    lines = (TOP / "templates" / template).read_text().splitlines()
    assert [line for line in lines if len(line) > 160] == []


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.plural)
def test_what_rows_have_besides_their_cells_is_said(resource: Resource) -> None:
    there = {part for part in ("actions", "below") if f"{resource.plural}/_{part}.html" in TEMPLATES}
    assert set(resource.row_parts) == there
