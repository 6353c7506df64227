"""Judges Sentry's envelopes by Relay's normaliser, the schema of events, and Relay's scrubber: sentry.py FILE…

The normaliser must find nothing to cut, and the scrubber nothing that this crate's redaction left over.
"""

import json
import re

import jsonschema
from judge import judge
from schema import faults_of, schema
from sentry_relay.processing import (
    StoreNormalizer,
    convert_datascrubbing_config,
    pii_strip_event,
)

spec = schema("sentry-event.schema.json")
validator = jsonschema.validators.validator_for(spec)(spec)
scrubbing = convert_datascrubbing_config({"scrubData": True, "scrubDefaults": True})
OURS = "[redacted]"
# The scrubber takes out all of a text that has `password` in it, also where the value is gone.
GONE = re.compile(r"""[\w-]+\\?["']?\s*[=:]\s*\\?["']?\[redacted\]""")
# In a message the scrubber takes out mail addresses too, which are no secrets: the privacy mode decides about them.
EMAIL = re.compile(r"""[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)+""")


def without_gone(value):
    if isinstance(value, dict):
        return {key: without_gone(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_gone(inner) for inner in value]
    return GONE.sub(OURS, value) if isinstance(value, str) else value


def items(data):
    """The header of the envelope, then each item's header and payload."""
    head, _, rest = data.partition(b"\n")
    yield json.loads(head), b""
    while rest.strip():
        head, _, rest = rest.partition(b"\n")
        header = json.loads(head)
        if "length" in header:
            length = header["length"]
            if len(rest) < length:
                raise ValueError(f"{header} is longer than the envelope")
            payload, rest = rest[:length], rest[length:]
            if rest and not rest.startswith(b"\n"):
                raise ValueError(f"no line end behind the payload of {header}")
            rest = rest[1:]
        else:
            payload, _, rest = rest.partition(b"\n")
        yield header, payload


def without_emails(value):
    return EMAIL.sub("[email]", value) if isinstance(value, str) else value


def scrubbed(before, after, path="$"):
    """Where the scrubber took something out that was not taken out already."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before:
            if key != "_meta":
                yield from scrubbed(before[key], after.get(key), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for n, pair in enumerate(zip(before, after)):
            yield from scrubbed(*pair, f"{path}[{n}]")
    elif before != after and before != OURS and without_emails(before) != after:
        yield f"the scrubber takes out {path}: it makes {after!r} of it"


def cut(meta, path="$"):
    """Where Relay kept less of a value than there was."""
    for key, inner in meta.items():
        if key:
            yield from cut(inner, f"{path}.{key}")
        elif "len" in inner:
            yield f"relay keeps less than the {inner['len']} of {path}"


def faults(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        parts = list(items(data))
    except ValueError as error:
        return [f"not an envelope: {error}"]
    header, found, events = parts[0][0], [], 0
    for head, payload in parts[1:]:
        if head.get("type") not in ("event", "transaction"):
            continue
        events += 1
        try:
            event = json.loads(payload)
        except ValueError as error:
            found.append(f"not JSON: {error}")
            continue
        if header.get("event_id") != event.get("event_id"):
            found.append("the envelope and its event have different event_id")
        normalizer = StoreNormalizer(
            project_id=1, client_ip="127.0.0.1", key_id="1", protocol_version="7"
        )
        normal = normalizer.normalize_event(event=json.loads(payload))
        cutter = StoreNormalizer(project_id=1, enable_trimming=True)
        short = cutter.normalize_event(event=json.loads(payload))
        found.extend(cut(short.get("_meta") or {}))
        for error in normal.get("errors") or []:
            found.append(f"relay: {json.dumps(error)}")
        bare = {key: value for key, value in event.items() if key != "_meta"}
        found.extend(f"schema: {fault}" for fault in faults_of(validator, bare))
        normal.pop("errors", None)
        normal = without_gone(normal)
        found.extend(scrubbed(normal, pii_strip_event(scrubbing, normal)))
    if not events:
        found.append("no event in it")
    return found


judge(faults)
