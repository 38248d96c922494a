"""A dump of a desk with many tickets, as mysqldump writes it, to measure ``flask import otrs --conversations``.

python -m bench.conversations 1000000 | flask import otrs --conversations -
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator

HEAD = """-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
INSERT INTO `queue` (`id`, `name`) VALUES (1,'Postmaster'),(2,'Raw'),(3,'Junk'),(4,'Misc');
INSERT INTO `ticket_state` (`id`, `name`, `type_id`) VALUES (1,'new',1),(2,'closed successful',3),(4,'open',2);
INSERT INTO `ticket_priority` (`id`, `name`) VALUES (3,'3 normal');
CREATE TABLE `article` (`id` bigint, `ticket_id` bigint, `article_sender_type_id` smallint,
  `communication_channel_id` bigint, `is_visible_for_customer` smallint, `search_index_needs_rebuild` smallint,
  `insert_fingerprint` varchar(64), `create_time` datetime, `create_by` int, `change_time` datetime, `change_by` int);
CREATE TABLE `article_data_mime` (`id` bigint, `article_id` bigint, `a_from` mediumtext, `a_reply_to` mediumtext,
  `a_to` mediumtext, `a_cc` mediumtext, `a_bcc` mediumtext, `a_subject` text, `a_message_id` text,
  `a_message_id_md5` varchar(32), `a_in_reply_to` mediumtext, `a_references` mediumtext, `a_content_type` varchar(250),
  `a_body` mediumtext, `incoming_time` int, `content_path` varchar(250), `create_time` datetime, `create_by` int,
  `change_time` datetime, `change_by` int);
CREATE TABLE `ticket` (`id` bigint, `tn` varchar(50), `title` varchar(255), `queue_id` int, `ticket_lock_id` smallint,
  `type_id` smallint, `service_id` int, `sla_id` int, `user_id` int, `responsible_user_id` int,
  `ticket_priority_id` smallint, `ticket_state_id` smallint, `customer_id` varchar(150),
  `customer_user_id` varchar(250), `timeout` int, `until_time` int, `escalation_time` int,
  `escalation_update_time` int, `escalation_response_time` int, `escalation_solution_time` int,
  `archive_flag` smallint, `create_time` datetime, `create_by` int, `change_time` datetime, `change_by` int);
"""

TIMES = "'2026-11-20 09:00:00',1,'2026-11-20 09:00:00',1"
BODY = 'Hello,\\r\\n\\r\\nit\\\'s about what we ordered. \\"Soon\\", you said.\\r\\n' * 8

# Rows of a statement, and articles of a ticket.
EXTENDED = 1000
ARTICLES = 2


def rows(count: int) -> Iterator[tuple[str, Iterable[str]]]:
    """The tables with their rows, in the order in which mysqldump has them."""
    articles = range(1, count * ARTICLES + 1)
    yield (
        "article",
        (f"({at},{1 + (at - 1) // ARTICLES},{1 if at % ARTICLES == 0 else 3},1,1,0,'x',{TIMES})" for at in articles),
    )
    yield (
        "article_data_mime",
        (
            f"({at},{at},'Ann {at} <ann{at}@example.net>',NULL,'desk@example.org',NULL,NULL,'Order {at}',"
            f"'<{at * 7919 % 1_000_003}.{at}@mail.example.net>',NULL,NULL,NULL,'text/plain','{BODY}',"
            f"1700000000,'2026/11/20',{TIMES})"
            for at in articles
        ),
    )
    yield (
        "ticket",
        (
            f"({at},'20261120{10_000_000 + at}','Order {at}',{1 + at % 4},1,1,NULL,NULL,1,1,3,{(1, 4)[at % 2]},'c{at}',"
            f"'ann{at}@example.net',0,0,0,0,0,0,0,{TIMES})"
            for at in range(1, count + 1)
        ),
    )


def write(count: int) -> None:
    """Print the dump of ``count`` tickets."""
    sys.stdout.write(HEAD)
    for table, values in rows(count):
        for place, value in enumerate(values):
            first = place % EXTENDED == 0
            opening = f"{';' if place else ''}\nINSERT INTO `{table}` VALUES " if first else ","
            sys.stdout.write(opening + value)
        sys.stdout.write(";\n")
    sys.stdout.write("-- Dump completed\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tickets", type=int)
    write(parser.parse_args().tickets)
