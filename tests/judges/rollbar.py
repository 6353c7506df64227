"""Judges payloads for Rollbar by the schema of its items: rollbar.py FILE…

The schema has neither `data.person` nor the `timestamp_ms` of telemetry, which Rollbar's own senders send, and wants the
token in the body, where its header does as well. Lengths are from Rollbar's page "Create item".
"""

import jsonschema
from judge import judge_json
from schema import faults_of, schema

spec = schema("rollbar-payload.schema.json")
payload = spec["$defs"]["RollbarPayload"]
payload["required"].remove("access_token")
data = payload["properties"]["data"]["properties"]
data.setdefault(
    "person",
    {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string", "maxLength": 40},
            "username": {"type": "string", "maxLength": 255},
            "email": {"type": "string", "maxLength": 255},
        },
    },
)
LENGTHS = {"environment": 255, "context": 255, "code_version": 40, "framework": 255, "title": 255}
for name, length in LENGTHS.items():
    if isinstance(data.get(name), dict):
        data[name] = {"allOf": [data[name], {"type": "string", "maxLength": length}]}
# As it is, the schema asks the body of telemetry for its type, which stands beside it, and so wants the fields of every type.
telemetry = data["body"]["oneOf"][0]["properties"]["telemetry"]["items"]
telemetry["properties"]["timestamp_ms"] = {"type": "integer"}
telemetry["allOf"] = [
    {"if": rule["if"], "then": {"properties": {"body": rule["then"]}}}
    for rule in telemetry["properties"]["body"].pop("allOf")
]
spec["$ref"] = "#/$defs/RollbarPayload"
validator = jsonschema.Draft201909Validator(spec)
judge_json(lambda payload: faults_of(validator, payload))
