"""Names that nothing uses: vulture, told what templates name and what frameworks call."""

from __future__ import annotations

import sys
from keyword import iskeyword
from pathlib import Path

from jinja2 import Environment, nodes
from vulture import Vulture

TOP = Path(__file__).parents[1]
SOURCES = ("postmaster", "bin", "bench", "demo", "deploy", "worker.py")

# What these decorate is called by what registered it.
DECORATORS = (
    *("@*.command", "@*.group", "@*.user_loader"),
    *("@*.get", "@*.post", "@*.route", "@form_route"),
    *("@compiles", "@event.*"),
)

# What others call by these names: the libraries that are named, and our own tables.
NAMES = (
    *("bind", "worker*", "threads", "timeout", "*_disable", "accesslog", "loglevel"),  # gunicorn.conf.py
    *(
        "inherit_cache",
        "impl",
        "cache_ok",
        "process_bind_param",
        "process_result_value",
        "isolation_level",
    ),  # SQLAlchemy
    *("convert", "process_formdata", "render_option"),  # click, WTForms
    *("log_exception", "jinja_environment", "template_class"),  # Flask, Jinja
    *(
        "is_active",
        "is_anonymous",
        "get_id",
        "to_python",
        "part_isolating",
        "max_content_length",
    ),  # flask-login, werkzeug
    *("max_connection_wait_time", "dequeue_timeout", "_install_signal_handlers", "death_penalty_class"),  # rq
    *("setup_death_penalty", "cancel_death_penalty"),  # rq
    "_readbuf",  # imaplib, from Python 3.14 on
    *("get_jobs_to_queue", "tick", "upkeep", "retain"),  # rq-scheduler, and the schedule, which names its tasks
    *(
        "max_content_length",
        "max_request_body_size",
        "parser_class",
        "part_isolating",
        "mtime",
        "auto_open",
        "response_class",
    ),  # waitress, werkzeug, tarfile, http.client
    *("trust_env", "max_redirects", "pool_classes_by_scheme", "cert_verify", "_new_conn", "ConnectionCls"),  # requests
    *("_create_socket", "_create_IMAP4", "debug", "header_encoding"),  # IMAPClient, poplib, email
    "token_endpoint_auth_method",  # Authlib
    *(
        "collect",
        "handlers",
        "justify",
        "render",
        "accepting",
        "channel_class",
        "BufferingWorker",
    ),  # Prometheus, logging, rich, waitress
    *("AGENT", "SYSTEM", "INVALID_TEMPORARILY"),  # read by their values
    *("sla", "responsible", "customer_id", "last_run", "follow_up_of", "read_at"),  # columns that tables of ours name
    *("ignored", "rejected", "already_recorded"),  # columns that OUTCOMES names
    *("session_interface", "__init_subclass__"),  # Flask, Python
    "readinto",  # io
    "incident_id",  # a foreign key by which rows are deleted
    *("disabled", "nameservers"),  # dkimpy, dnspython
    "confined",  # postmaster/confined.py runs it by its file
    "__path__",  # of a package: Python
)


def names_in_templates(top: Path) -> set[str]:
    """All names that templates speak of."""
    syntax = Environment(autoescape=True)
    trees = [syntax.parse(path.read_text()) for path in (top / "templates").rglob("*.html")]
    names = {node.name for tree in trees for node in tree.find_all(nodes.Name)}
    return names | {node.attr for tree in trees for node in tree.find_all(nodes.Getattr)}


def unused_names(top: Path) -> list[str]:
    """A line for each, with its place."""
    vulture = Vulture(ignore_names=NAMES, ignore_decorators=DECORATORS)
    vulture.scavenge([str(top / name) for name in SOURCES if (top / name).exists()], exclude=["*/versions/*"])
    used = [f"any.{name}" for name in names_in_templates(top) if not iskeyword(name)]
    vulture.scan("\n".join(used), filename="templates")
    return [item.get_report().replace(f"{top}/", "") for item in vulture.get_unused_code(min_confidence=60)]


def main() -> int:
    """Print what is unused; 1 if anything is."""
    found = unused_names(TOP)
    print("\n".join(found) or "Nothing is unused.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
