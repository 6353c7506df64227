"""Judges a mail by Python's parser and by RFC 5322, 2045 and 2047: mail.py FILE

Prints as JSON what a reader sees: `headers` (decoded, in order, as pairs), `parts` (type, charset, filename and text of each).
"""

import email
import email.policy
import json
import sys

from judge import judge

ONCE = [
    "date", "from", "sender", "reply-to", "to", "cc", "message-id", "in-reply-to", "references",
    "subject", "mime-version", "content-type", "content-transfer-encoding",
]  # fmt: skip
WANTED = ["date", "from", "to", "message-id", "subject"]
LINE = 998


def of_bytes(data):
    """What a parser puts up with, but a mail server on the way need not."""
    if b"\n" in data.replace(b"\r\n", b"") or b"\r" in data.replace(b"\r\n", b""):
        yield "a line does not end with CR LF"
    for n, line in enumerate(data.split(b"\r\n"), 1):
        if len(line) > LINE:
            yield f"line {n} has more than {LINE} bytes"
    head = data.split(b"\r\n\r\n", 1)[0]
    if not head.isascii():
        yield "a header has bytes beyond ASCII: see RFC 2047"
    if b"\0" in data:
        yield "a zero byte"


def of_headers(mail):
    names = [name.lower() for name in mail.keys()]
    for name in WANTED:
        if name not in names:
            yield f"no header {name}"
    for name in ONCE:
        if names.count(name) > 1:
            yield f"the header {name} comes more than once"
    for name, value in mail.items():
        for defect in getattr(value, "defects", ()):
            yield f"{name}: {type(defect).__name__}: {defect}"
        if "=?" in value and "?=" in value:
            yield f"{name}: an encoded word that no reader decodes: {value}"
    if "date" in mail and mail["date"].datetime is None:
        yield f"date: not a date: {mail['date']}"


def text_of(part):
    """The text, or why it cannot be read."""
    if part.is_multipart() or part.get_content_maintype() != "text":
        return None, None
    encoding = str(part.get("content-transfer-encoding", "7bit")).lower()
    raw = part.get_payload(decode=True)
    if encoding == "7bit" and not raw.isascii():
        return None, f"{part.get_content_type()}: bytes beyond ASCII as 7bit"
    try:
        return raw.decode(part.get_content_charset("us-ascii")), None
    except (UnicodeDecodeError, LookupError) as error:
        return None, f"{part.get_content_type()}: {error}"


def faults(path):
    with open(path, "rb") as file:
        data = file.read()
    mail = email.message_from_bytes(data, policy=email.policy.default)
    found = [*of_bytes(data), *of_headers(mail)]
    parts = []
    for part in mail.walk():
        for defect in part.defects:
            found.append(f"{part.get_content_type()}: {type(defect).__name__}: {defect}")
        text, fault = text_of(part)
        if fault:
            found.append(fault)
        parts.append(
            {
                "type": part.get_content_type(),
                "charset": part.get_content_charset(),
                "filename": part.get_filename(),
                "text": text,
            }
        )
    if not found:
        headers = [[name, str(value)] for name, value in mail.items()]
        json.dump({"headers": headers, "parts": parts}, sys.stdout)
    return found


judge(faults)
