"""https://docs.djangoproject.com/en/5.2/ref/databases/#postgresql-notes: psycopg 3 and its connection pool."""

import os
from urllib.parse import unquote, urlsplit

database = urlsplit(os.environ["DATABASE_URL"])
size = int(os.environ.get("POOL_SIZE", "20"))

ROOT_URLCONF = "django_psycopg"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database.path[1:],
        "USER": unquote(database.username or ""),
        "PASSWORD": unquote(database.password or ""),
        "HOST": database.hostname,
        "PORT": database.port,
        "OPTIONS": {"pool": {"min_size": size, "max_size": size}},
    }
}
