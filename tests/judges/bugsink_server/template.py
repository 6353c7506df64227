"""Makes the data of an empty Bugsink with one project, and project.json with the project's key and a token for the API."""

import json
import os

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)
call_command("migrate", verbosity=0, database="snappea")

from bsmain.models import AuthToken  # noqa: E402
from projects.models import Project  # noqa: E402
from teams.models import Team  # noqa: E402

project = Project.objects.create(name="shop", team=Team.objects.create(name="shop"))
made = {"key": project.sentry_key.hex, "token": AuthToken.create_full_access().token}
with open(os.path.join(os.environ["BUGSINK_FOLDER"], "project.json"), "w") as file:
    json.dump(made, file)
