"""Django's ORM on psycopg 3, under gunicorn (`gunicorn.conf.py`, `django_settings.py`).

https://docs.djangoproject.com/en/5.2/ref/models/querysets/ (create, bulk_create) and
https://docs.djangoproject.com/en/5.2/topics/db/transactions/ (atomic)
"""

import os
import time

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "django_settings"
application = get_wsgi_application()

from django.db import models, transaction
from django.http import JsonResponse
from django.urls import path

TEXT = "a row of the insert test"


class SimpleText(models.Model):
    id = models.BigAutoField(primary_key=True)
    text = models.TextField()

    class Meta:
        app_label = "peer"
        db_table = "simple_text"
        managed = False


def test_insert(request):
    start = time.perf_counter()
    rows = int(request.GET.get("rows", "1"))
    if not 1 <= rows <= 1000:
        return JsonResponse({"error": "rows: from 1 to 1000"}, status=400)
    if "bulk" in request.GET:
        created = SimpleText.objects.bulk_create([SimpleText(text=TEXT) for _ in range(rows)])
    elif rows == 1:
        created = [SimpleText.objects.create(text=TEXT)]
    else:
        with transaction.atomic():
            created = [SimpleText.objects.create(text=TEXT) for _ in range(rows)]
    duration = time.perf_counter() - start
    return JsonResponse({"id": created[0].id, "duration": duration, "cpu_duration": None})


urlpatterns = [
    path("ping/", lambda request: JsonResponse({"ping": "pong"})),
    path("test-insert", test_insert),
]
