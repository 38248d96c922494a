"""Dumps of a small desk with the tables of each product, in each form that databases write. The data is made up."""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Callable, Mapping, Sequence

import zstandard

from tests.otrs.facts import COLUMNS

Row = Sequence[object]
Tables = Mapping[str, tuple[str, Sequence[Row]]]  # by name: the columns, and rows with values for the first of them

# Who wrote a row when.
STAMPS = {"create_time": "2024-01-08 09:00:00", "create_by": 1, "change_time": "2024-01-08 09:00:00", "change_by": 1}

QUEUE = (
    "id name group_id unlock_timeout first_response_time first_response_notify update_time update_notify "
    "solution_time solution_notify system_address_id calendar_name default_sign_key salutation_id signature_id "
    "follow_up_id follow_up_lock comments valid_id"
)
SETTING = (
    "id sysconfig_default_id name user_id is_valid user_modification_active effective_value is_dirty reset_to_default"
)
ACCOUNT = (
    "id login pw host account_type queue_id trusted imap_folder authentication_type oauth2_token_config_id comments "
    "valid_id"
)


def queue(number: int, name: str, follow_up: int = 1, valid: int = 1, escalation: object = 0) -> Row:
    """A queue; those of OTRS have more columns than count here."""
    return (
        number,
        name,
        1,
        0,
        escalation,
        0,
        0,
        0,
        0,
        0,
        1,
        None,
        "",
        1,
        1,
        follow_up,
        0,
        "It's \\ one\tof ours",
        valid,
    )


def setting(number: int, name: str, value: str) -> Row:
    """A value of the system configuration, which the database has as bytes."""
    return (number, 100 + number, name, None, 1, 0, value.encode(), 0, 0)


COMMON: Tables = {
    "valid": ("id name", [(1, "valid"), (2, "invalid"), (3, "invalid-temporarily")]),
    "follow_up_possible": (
        "id name comments valid_id",
        [(1, "possible", None, 1), (3, "new ticket", None, 1)],
    ),
    "ticket_state_type": ("id name comments", [(1, "new", ""), (2, "open", ""), (3, "closed", "")]),
    "ticket_state": (
        "id name comments type_id valid_id",
        [(1, "new", "", 1, 1), (4, "open", "", 2, 1), (12, "wartet auf Müller", "", 2, 1), (13, "alt", "", 3, 2)],
    ),
    "ticket_type": ("id name valid_id", [(1, "Unclassified", 1), (2, "Incident", 1)]),
    "service": ("id name valid_id comments", [(1, "Mail", 1, ""), (2, "Mail::Inbound; all", 1, "")]),
    "sla": (
        "id name calendar_name first_response_time first_response_notify update_time update_notify solution_time "
        "solution_notify valid_id comments",
        [(1, "Gold", "", 60, 0, 0, 0, 0, 0, 1, "")],
    ),
    "users": (
        "id login pw title first_name last_name valid_id",
        [(1, "root@localhost", "x", "", "Admin", "OTRS", 1), (7, "grace", "x", "", "Grace", "Hopper", 1)],
    ),
    "dynamic_field": (
        "id internal_field name label field_order field_type object_type config valid_id",
        [
            (1, 1, "ProcessManagementProcessID", "P", 1, "ProcessID", "Ticket", b"---\n{}\n", 1),
            (2, 0, "Rechnung", "R", 2, "Text", "Ticket", b"---\nDefaultValue: ''\n", 1),
            (3, 0, "Kanal", "K", 3, "Text", "Article", b"---\n{}\n", 1),
            (4, 0, "Firma", "F", 4, "Text", "CustomerCompany", b"---\n{}\n", 1),
        ],
    ),
    "queue": (
        QUEUE,
        [queue(1, "Postmaster"), queue(2, "Raw"), queue(5, "Verkauf::Über"), queue(6, "Alt", 3, 2, 60)],
    ),
    "system_address": (
        "id value0 value1 value2 value3 queue_id comments valid_id",
        [(1, "verkauf@firma.example", "Verkauf „Ü“", None, None, 5, None, 1)],
    ),
    "auto_response_type": ("id name comments valid_id", [(1, "auto reply", "", 1)]),
    "auto_response": (
        "id name text0 text1 type_id system_address_id content_type comments valid_id",
        [(1, "Danke", "Wir haben's.\nBald mehr", "Re:", 1, 1, "text/plain", "", 1)],
    ),
    "queue_auto_response": ("id queue_id auto_response_id", [(1, 5, 1), (2, 2, 1)]),
    "mail_account": (
        ACCOUNT,
        [(1, "verkauf", "it's; a \\ secret", "imap.firma.example", "IMAPS", 5, 1, "INBOX", "password", None, None, 1)],
    ),
    "postmaster_filter": (
        "f_name f_stop f_type f_key f_value f_not",
        [
            ("01 Rechnung", 0, "Match", "Subject", r"Rechnung\s+(?<nr>\d{4,})", 0),
            ("01 Rechnung", 0, "Set", "X-OTRS-DynamicField-Rechnung", r"[** \nr **]", 0),
            ("01 Rechnung", 0, "Set", "X-OTRS-StateID", "12", 0),
            ("01 Rechnung", 0, "Set", "X-OTRS-Weather", "fine", 0),
            ("02 Spam", 1, "Match", "X-Spam-Flag", "^yes", 1),
            ("02 Spam", 1, "Set", "X-OTRS-Owner", "grace", None),
        ],
    ),
    "sysconfig_modified": (
        SETTING,
        [
            setting(1, "Ticket::Hook", "--- Fall#\n"),
            setting(2, "PostmasterDefaultState", "--- wartet auf Müller\n"),
            setting(3, "SendNoAutoResponseRegExp", "--- noreply@\n"),
            setting(4, "SystemID", "--- '45'\n"),
            setting(
                5,
                "Daemon::SchedulerCronTaskManager::Task###MailAccountFetch",
                "---\nTaskName: MailAccountFetch\nSchedule: '*/5 * * * *'\n",
            ),
            setting(
                6, "PostMaster::PreFilterModule###000-Mine", "---\nModule: Kernel::System::PostMaster::Filter::Mine\n"
            ),
            setting(7, "ProductName", "--- Our Desk\n"),
        ],
    ),
}

# Tables that nothing, or only a hint, is taken of.
DROPPED_ROWS: Tables = {
    "ticket_priority": ("id name valid_id color", [(3, "3 normal", 1, "#CDCDCD"), (6, "6 Notfall", 1, "#F00")]),
    "salutation": ("id name text content_type valid_id", [(1, "Hallo", "Guten Tag", "text/plain", 1)]),
    "signature": ("id name text content_type valid_id", [(1, "Gruß", "Ihr Team", "text/plain", 1)]),
    "standard_template": ("id name text template_type valid_id", [(1, "leer", "", "Answer", 1)]),
    "queue_standard_template": ("queue_id standard_template_id", [(5, 1)]),
    "queue_preferences": ("queue_id preferences_key preferences_value", [(5, "Colour", "blue")]),
    "service_customer_user": ("customer_user_login service_id", [("<DEFAULT>", 1)]),
    "service_sla": ("service_id sla_id", [(1, 1)]),
    "customer_user": ("id login email customer_id first_name last_name valid_id",
                      [(1, "ann", "ann@kunde.example", "K1", "Ann", "Arm", 1)]),
    "customer_company": ("customer_id name valid_id", [("K1", "Kunde", 1)]),
    "customer_user_customer": ("user_id customer_id", [("ann", "K2")]),
    "mail_queue": ("id attempts sender recipient raw_message", [(1, 2, "a@firma.example", "b@kunde.example", b"x")]),
    "sendmail_config": ("id sendmail_module host port auth_user auth_password valid_id",
                        [(1, "SMTPTLS", "smtp.firma.example", 587, "desk", "hidden", 1)]),
    "ticket_loop_protection": ("sent_to sent_date", [("b@kunde.example", "2024-01-08")]),
    "ticket_number_counter": ("id counter counter_uid", [(1, 17, "x")]),
    "generic_agent_jobs": ("job_name job_key job_value", [("x", "ScheduleDays", "1"), ("x", "NewStateID", "2")]),
    "notification_event": ("id name valid_id", [(1, "Neues Ticket", 1)]),
    "communication_log": ("id transport direction status", [(1, "Email", "Incoming", "Successful")]),
    "smime_keys": ("id key_hash key_type file_name", [(1, "ab", "cert", "ab.0")]),
    "smime_signer_cert_relations": ("id cert_hash", [(1, "ab")]),
    "ticket": ("id tn title queue_id ticket_state_id", [(1, "2024010810000017", "Alt", 5, 4)]),
    "article": ("id ticket_id article_sender_type_id", [(1, 1, 3)]),
    "article_data_mime": ("id article_id a_from a_message_id", [(1, 1, "ann@kunde.example", "<1@kunde.example>")]),
    "article_data_mime_plain": ("id article_id body", [(1, 1, b"From: ann")]),
    "article_data_mime_attachment": ("id article_id filename content", [(1, 1, "a.txt", b"a")]),
    "article_data_mime_send_error": ("id article_id log_message", [(1, 1, "no route")]),
    "article_version": ("id ticket_id source_article_id", [(1, 1, 1)]),
    "dynamic_field_value": ("id field_id object_id value_text", [(1, 2, 1, "4711")]),
    "auth_token": ("account_type account_id token_type token", [("MailAccount", "2", "refresh_token", "hidden")]),
}  # fmt: skip

GOOGLE = {
    "ClientID": "1.apps.example",
    "ClientSecret": "shh",
    "Scope": "https://mail.google.com/",
    "Requests": {"TokenByRefreshToken": {"Request": {"URL": "https://oauth2.googleapis.com/token"}}},
}
BY_TOKEN = (ACCOUNT, [
    *COMMON["mail_account"][1],
    (2, "a@gmail.example", "-", "imap.gmail.example", "IMAPTLS", 0, 0, None, "oauth2_token", 1, None, 1),
])  # fmt: skip
BY_GRAPH = (3, "b@firma.example", "-", "graph.microsoft.com", "MSGraph", 5, 0, None, "oauth2_token", 9, None, 1)
OAUTH: Tables = {
    "oauth2_token_config": ("id name config valid_id", [(1, "Gmail", json.dumps(GOOGLE), 1)]),
    "oauth2_token": ("id token_config_id config_id token", [(1, 1, 1, "stale")]),
    "mail_account": BY_TOKEN,
}
ADDED: Tables = {
    **OAUTH,
    "z4o_mail_account": ("mail_account_id authentication_type oauth2_token_config_id", [(2, "oauth2_token", 1)]),
}
PACKAGED: Tables = {
    "mail_account": (ACCOUNT, [*COMMON["mail_account"][1], (2, "a@gmail.example", "-", "imap.gmail.example",
                                                            "IMAPTLSOAuth2", 0, 0, None, None, None, None, 1)]),
}  # fmt: skip
ZNUNY: Tables = {**OAUTH, "mail_account": (ACCOUNT, [*BY_TOKEN[1], BY_GRAPH])}

# What each product has beside what all have.
_OWN: Mapping[str, Tables] = {
    "OTRS 6, Znuny4OTRS": ADDED,
    "OTRS CE 6.0.41": OAUTH,
    "Znuny 6.5": ZNUNY,
    "Znuny 7": ZNUNY,
    "Znuny 7, upgraded": ZNUNY,
    "OTOBO 10, MailAccount-OAuth2": PACKAGED,
}


def _arranged(product: str) -> Tables:
    """The data of a desk in the tables of a product, with all columns that it has there."""
    data = {**COMMON, **DROPPED_ROWS, **_OWN.get(product, {})}
    tables = {}
    for table, columns in COLUMNS[product].items():
        if table in data:
            named = [dict(zip(data[table][0].split(), row, strict=True)) for row in data[table][1]]
            tables[table] = (" ".join(columns), [_whole(columns, row, place) for place, row in enumerate(named, 1)])
    return tables


def _whole(columns: Sequence[str], row: Mapping[str, object], place: int) -> list[object]:
    """A value for each column; what an add-on renamed has the same value."""
    renamed = {"auth_method": row.get("authentication_type")}
    return [{"id": place, **STAMPS, **renamed, **row}.get(column) for column in columns]


PRODUCTS: Mapping[str, Tables] = {product: _arranged(product) for product in COLUMNS}


def _mysql_value(value: object, *, hexadecimal: bool) -> str:
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    if isinstance(value, bytes) and hexadecimal:
        return f"0x{value.hex().upper()}" if value else "''"
    text = value.decode() if isinstance(value, bytes) else str(value)
    escaped = "".join({"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n"}.get(char, char) for char in text)
    return f"{'_binary ' if isinstance(value, bytes) else ''}'{escaped}'"


def mysqldump(tables: Tables, *, hexadecimal: bool = False) -> str:
    """As mysqldump writes it, with extended inserts; ``hexadecimal``: with --hex-blob."""
    lines = [
        "/*M!999999\\- enable the sandbox mode */ ",
        "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)",
        "/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;",
        "/*!50503 SET NAMES utf8mb4 */;",
    ]
    for name, (columns, rows) in tables.items():
        defined = ",\n".join(f"  `{column}` varchar(200) NOT NULL COMMENT 'a, (b)'" for column in columns.split())
        values = ",".join(
            f"({','.join(_mysql_value(value, hexadecimal=hexadecimal) for value in row)})" for row in rows
        )
        lines += [
            f"DROP TABLE IF EXISTS `{name}`;",
            f"CREATE TABLE `{name}` (\n{defined},\n  PRIMARY KEY (`id`),\n  KEY `x` (`id`)\n) ENGINE=InnoDB;",
            f"LOCK TABLES `{name}` WRITE;",
            f"/*!40000 ALTER TABLE `{name}` DISABLE KEYS */;",
            f"INSERT INTO `{name}` VALUES {values};",
            f"/*!40000 ALTER TABLE `{name}` ENABLE KEYS */;",
            "UNLOCK TABLES;",
        ]
    return "\n".join([*lines, "-- Dump completed on 2026-11-23  9:00:00\n"])


def _copied(value: object) -> str:
    if value is None:
        return "\\N"
    text = f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _postgres_value(value: object) -> str:
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    text = str(value).replace("'", "''")
    return "E'" + text.replace("\\", "\\\\").replace("\t", "\\t") + "'" if "\\" in text else f"'{text}'"


def pg_dump(tables: Tables, *, inserts: bool = False) -> str:
    """As pg_dump writes it: COPY blocks, or with --inserts."""
    lines = ["\\restrict 5ecre7", "", "-- PostgreSQL database dump", "SET standard_conforming_strings = on;"]
    for name, (columns, rows) in tables.items():
        named = columns.split()
        lines.append(f"CREATE TABLE public.{name} (\n" + ",\n".join(f"    {each} text" for each in named) + "\n);")
        if inserts:
            values = (", ".join(map(_postgres_value, row)) for row in rows)
            lines += [f"INSERT INTO public.{name} VALUES ({row});" for row in values]
        else:
            lines.append(f"COPY public.{name} ({', '.join(named)}) FROM stdin;")
            lines += ["\t".join(map(_copied, row)) for row in rows]
            lines += ["\\.", ""]
    return "\n".join([*lines, "-- PostgreSQL database dump complete", "\\unrestrict 5ecre7", ""])


FORMS: Mapping[str, Callable[[Tables], bytes]] = {
    "mysqldump": lambda tables: mysqldump(tables).encode(),
    "mysqldump --hex-blob, gzip": lambda tables: gzip.compress(mysqldump(tables, hexadecimal=True).encode()),
    "pg_dump": lambda tables: pg_dump(tables).encode(),
    "pg_dump, zstd": lambda tables: zstandard.compress(pg_dump(tables).encode()),
    "pg_dump --inserts, bzip2": lambda tables: bz2.compress(pg_dump(tables, inserts=True).encode()),
}
