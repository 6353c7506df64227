"""Bugsink as the tests run it: one project, no limits, and everything digested before the answer. All data is in the folder
that BUGSINK_FOLDER names."""

import os

from bugsink.settings.default import *  # noqa: F403

FOLDER = os.environ["BUGSINK_FOLDER"]

SECRET_KEY = "only for tests, on the loopback: " + "x" * 30
ALLOWED_HOSTS = ["*"]
DATABASES["default"]["NAME"] = f"{FOLDER}/db.sqlite3"  # noqa: F405
DATABASES["snappea"]["NAME"] = f"{FOLDER}/snappea.sqlite3"  # noqa: F405
SNAPPEA = {"TASK_ALWAYS_EAGER": True}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
BUGSINK = {
    "BASE_URL": "http://127.0.0.1",
    "SINGLE_USER": True,
    "SINGLE_TEAM": True,
    "PHONEHOME": False,
    "VALIDATE_ON_DIGEST": "strict",
    "INGEST_STORE_BASE_DIR": f"{FOLDER}/ingestion",
    "MAX_EVENTS_PER_PROJECT_PER_5_MINUTES": 10**6,
    "MAX_EVENTS_PER_PROJECT_PER_HOUR": 10**6,
    "MAX_EVENTS_PER_5_MINUTES": 10**6,
    "MAX_EVENTS_PER_HOUR": 10**6,
}
