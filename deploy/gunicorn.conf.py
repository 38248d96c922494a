"""How gunicorn serves the pages: ``gunicorn --config deploy/gunicorn.conf.py 'postmaster:create_app()'``.

WEB_CONCURRENCY is the number of processes, POSTMASTER_BIND the address; behind either stands a server that speaks TLS.
"""

import os

bind = os.environ.get("POSTMASTER_BIND", "127.0.0.1:5000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 8

# A page takes no longer than a connection test that a browser without JavaScript waits for; see web/accounts/looks.py.
timeout = 120
graceful_timeout = 30

# What gunicorn beats in must not wait for a disk.
worker_tmp_dir = "/dev/shm"

# Nobody controls it but by signals; and addresses hold signed links, so they stand in no log.
control_socket_disable = True
accesslog = None
loglevel = "warning"
