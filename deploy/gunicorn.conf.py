"""How gunicorn serves the pages, also in bin/start: ``gunicorn -c deploy/gunicorn.conf.py 'postmaster:create_app()'``.

WEB_CONCURRENCY is the number of processes, POSTMASTER_BIND the address; where others than this machine reach it, put a
server that speaks TLS before it.
"""

import os

bind = os.environ.get("POSTMASTER_BIND", "127.0.0.1:5000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 8

# It reads a request to its end before a thread gets it, and closes connections that keep it waiting for 20 seconds.
worker_class = "postmaster.web.serving.BufferingWorker"

# Open ones a process, of the 1024 files that it may usually have open.
worker_connections = 800

# A page takes no longer than a connection test that a browser without JavaScript waits for
# (operations/server_checks.py).
timeout = 120
graceful_timeout = 30

# What gunicorn beats in must not wait for a disk.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None

# Nobody controls it but by signals; and addresses hold signed links, so they stand in no log.
control_socket_disable = True
accesslog = None
loglevel = "warning"
