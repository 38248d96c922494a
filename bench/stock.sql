{#- A desk that has been in use for years: see bench/stock.py. Rows follow from their numbers `n`, which `series` counts.
    `p` is the place of a message among those of the tickets that are kept: four of five open a ticket, the fifth
    belongs to any. Senders, words and outcomes are those of bench/vocabulary.py. -#}

{% macro sender() %}CASE WHEN n = {{ once }} THEN 'once@lonely.example' WHEN n % 5000 = 2500 THEN 'seldom@rare.example'
  WHEN n % 8 = 3 THEN 'orders@bigcorp.example'
  ELSE lower(f.word || '.' || l.word || '@company' || (n % 499) || '.example') END{% endmacro %}

{% macro outcome() %}CASE WHEN n % 5000 = 1 THEN 'quarantined' WHEN n % 50 = 7 THEN 'ignored'
  WHEN n % 200 = 11 THEN 'rejected' WHEN n % 5 = 4 THEN 'follow-up' ELSE 'new' END{% endmacro %}

{% macro ticket() %}CASE WHEN p % 5 < 4 THEN p - p / 5 ELSE 1 + (p * 7919) % {{ tickets }} END{% endmacro %}

{% macro customer() %}CASE WHEN n % 8 = 3 THEN 'orders@bigcorp.example'
  ELSE 'person' || (n % 10007) || '@example.net' END{% endmacro %}

{% macro account() %}1 + n % {{ accounts }}{% endmacro %}

{% macro label() %}'user' || ({{ account() }}) || '@mail' || (({{ account() }}) % 97) || '.example.com'{% endmacro %}

INSERT INTO queue (name, followup_policy, customer_of_forward, validity, comment, changed_at, revision)
SELECT 'Support::Team ' || n, 'possible', 'forwarder', 'valid', '', {{ moment("0") }}, 1
FROM {{ series(1, queues) }};

INSERT INTO mailbox (id, host, login, folder, broken_runs)
SELECT n, 'mail' || (n % 97) || '.example.com', 'user' || n || '@shop.example', 'INBOX', 0
FROM {{ series(1, accounts) }};

INSERT INTO ticket (id, number, title, queue_id, sender_name, sender_address, state, priority, type, lock,
  customer_user, dynamic_fields, created_at, changed_at)
SELECT n, CAST(2026010100000 + n AS VARCHAR(30)), 'Label printer in hall ' || (n % 97) || ' prints blank labels',
  CASE WHEN n % 2 = 0 THEN 1 + n / 2 % 4 ELSE 5 + n % {{ queues }} END, 'Person ' || (n % 10007), {{ customer() }},
  CASE WHEN n % 200 = 0 THEN 'new' WHEN n % 50 = 1 THEN 'open' WHEN n % 500 = 3 THEN 'pending reminder'
    ELSE 'closed successful' END,
  '3 normal', 'Unclassified', 'unlock', 'person' || (n % 10007), {{ json("'{}'") }},
  {{ moment("(%s - n) * 60" % tickets) }}, {{ moment("(%s - n) * 60" % tickets) }}
FROM {{ series(1, tickets) }};

INSERT INTO raw_mail (id, size, encoding, data)
SELECT n, 12, 'raw', {{ bytes("'Subject: ' || n") }} FROM {{ series(1, mails + held) }};

INSERT INTO article (id, ticket_id, sender_address, raw_id, sender_type, visible, loop, automatic, header, text,
  has_html, created_at)
SELECT p, t, {{ customer() }}, p,
  CASE WHEN p % 10 = 4 OR t % 50 = 1 AND p < {{ mails * 49 // 50 }} THEN 'agent' ELSE 'customer' END,
  {{ true }}, NOT {{ true }}, NOT {{ true }},
  {{ json('\'{"subject": "blank labels", "from": {"name": "", "address": "a@example.net"}, "to": [], "cc": [], "reply_to":
    [], "date": null, "message_id": null, "in_reply_to": [], "references": []}\'') }},
  'Since this morning the printer has been printing blank labels. Number ' || p, NOT {{ true }},
  {{ moment("(%s - p) * 48" % mails) }}
FROM (SELECT p, {{ ticket() }} AS t, p AS n FROM (SELECT n AS p FROM {{ series(1, mails) }}) AS numbers) AS s
WHERE t BETWEEN 1 AND {{ tickets }};

INSERT INTO thread_key (key, ticket_id, own)
SELECT {{ key }} || '@mail.example.net', n, {{ true }} FROM {{ series(1, tickets) }};

INSERT INTO fetch_run (id, account_id, mailbox_id, label, started_by, started_at, finished_at, status, expected, found,
  already_recorded, gone, "left", left_reasons, bytes, new, follow_up, ignored, rejected, quarantined)
SELECT n, {{ run_account }}, {{ account() }}, {{ label() }}, 'worker', {{ moment("(%s - n) * 30 + 2" % runs) }},
  {{ moment("(%s - n) * 30" % runs) }}, CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'ok' END, 20, 20, 0, 0, 0,
  {{ json("'{}'") }}, 900000, 16, 4, 0, 0, 0
FROM {{ series(1, runs) }};

INSERT INTO inbound_mail (id, label, sender, sender_name, recipients, subject, message_id, mailbox_id, run_id, identity,
  occurrence, sha256, size, outcome, reason, trace, verdict, ticket_id, recorded_at, waited, deletion, deleted_at)
SELECT n, {{ label() }}, {{ sender() }}, f.word || ' ' || l.word, {{ json("'[\"' || r.word || '\"]'") }},
  a.word || ' ' || b.word || ' item' || (n % 997) || ' ref' || (n % 50021) || ' ' || n, n || '@mail.example.net',
  {{ account() }}, CASE WHEN n > {{ rows - runs * 20 }} THEN 1 + (n - {{ rows - runs * 20 }} - 1) / 20 END,
  'imap:1:' || n, 0, {{ sha256 }}, 45000, {{ outcome() }}, 'dispatched-by-address',
  {{ json('\'[{"stage": "dispatch", "text": "Sales", "reason": "dispatched-by-address", "queue": "Sales"}]\'') }},
  CASE WHEN n % 2 = 1 THEN NULL WHEN n % 100 = 0 THEN {{ json('\'{"verdict": "fail"}\'') }}
    ELSE {{ json('\'{"verdict": "pass"}\'') }} END,
  CASE WHEN p > 0 AND n % 50 <> 7 AND n % 5000 <> 1 THEN {{ ticket() }} END, {{ moment("(%s - n) * 6" % rows) }},
  n % 600, 'confirmed', {{ moment("(%s - n) * 6" % rows) }}
FROM (SELECT n, n - {{ rows - mails }} AS p FROM {{ series(1, rows) }}) AS s
CROSS JOIN bench_word AS a CROSS JOIN bench_word AS b CROSS JOIN bench_word AS f CROSS JOIN bench_word AS l
CROSS JOIN bench_word AS r
WHERE a.list = 'a' AND a.i = n % 7 AND b.list = 'b' AND b.i = n % 31 AND f.list = 'f' AND f.i = n % 97
  AND l.list = 'l' AND l.i = n % 499 AND r.list = 'r' AND r.i = n % 4;

INSERT INTO quarantine (id, inbound_id, account_id, raw_id, label, reason, error, sender, subject, size, created_at)
SELECT n, 1 + (n - 1 + {{ rows // 5000 - held }}) * 5000, {{ run_account }}, {{ mails }} + n, {{ label() }}, 'unreadable',
  'It cannot be read.', 'person' || n || '@example.net', 'item ' || n, 12, {{ moment("(%s - n) * 600" % held) }}
FROM {{ series(1, held) }};

INSERT INTO event (id, key, type, created_at, ticket_id, article_id, inbound_id, account_id, queue_id, data)
SELECT n, 'key' || n, CASE WHEN n % 5 = 4 THEN 'article.added' ELSE 'ticket.created' END,
  {{ moment("(%s - n) * 5" % events) }}, 1 + n % {{ tickets }}, 1 + n % {{ mails }}, {{ rows - events }} + n, NULL,
  1 + n % 4, {{ json("'{}'") }}
FROM {{ series(1, events) }};

INSERT INTO audit_event (at, actor, action, noun, label, detail, record_id, batch)
SELECT {{ moment("(%s - n) * 300" % audits) }}, 'user' || (n % 50), 'change', 'account', {{ label() }},
  {{ json("'{}'") }}, {{ account() }}, NULL
FROM {{ series(1, audits) }};

INSERT INTO mail_hour (account_id, hour, new, follow_up, ignored, rejected, quarantined)
SELECT {{ account() }}, {{ hour("n / %s * 3" % accounts) }}, 10, 2, 1, 0, 0
FROM {{ series(0, accounts * 66 - 1) }};

INSERT INTO queue_hour (hour, queue_id, mails)
SELECT {{ hour("n / %s" % queues) }}, 1 + n % {{ queues }}, 10 FROM {{ series(0, queues * 199) }};

INSERT INTO waiting_hour (hour, seconds, mails)
SELECT {{ hour("n / 4") }}, 15 * (1 + n % 4), 10 FROM {{ series(0, 4 * 199) }} WHERE n % 4 <> 3;
{% if stocked_accounts %}
INSERT INTO outage (id, account_id, began_at, ended_at, failed)
SELECT n, {{ account() }}, {{ moment("n * 60 + 600") }}, {{ moment("n * 60") }}, {{ true }}
FROM {{ series(1, accounts * 10) }};

INSERT INTO incident (id, condition, subject, sentence, path, opened_at, closed_at)
SELECT n, 'silence', CAST({{ account() }} AS VARCHAR(30)), 'No mail.', '/accounts', {{ moment("n * 600 + 600") }},
  {{ moment("n * 600") }}
FROM {{ series(1, accounts) }};
{% endif %}
