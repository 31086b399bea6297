"""One worker with as many threads as connections: https://docs.gunicorn.org/en/stable/design.html (threads)."""

import os

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
threads = int(os.environ.get("POOL_SIZE", "20"))
wsgi_app = "django_psycopg"
loglevel = "warning"
