"""Judges messages to Slack by Slack's own SDK: slack.py FILE…

Beside what the SDK checks: every key must be one that it knows, and the limits that its classes do not check, from Slack's pages
"Reference: Blocks" and "Secondary message attachments".
"""

from judge import judge_json
from slack_sdk.models.blocks import Block

MESSAGE = {
    "text", "blocks", "attachments", "thread_ts", "mrkdwn", "channel", "metadata",
    "unfurl_links", "unfurl_media", "reply_broadcast", "username", "icon_emoji", "icon_url",
}  # fmt: skip
TEXT, ALL_BLOCKS, BLOCKS, FIELD, ELEMENTS, ATTACHMENTS = 40_000, 13_200, 50, 2_000, 10, 100


def texts(value):
    """Everything that is shown or followed below `text`, `url` and the like."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "type":
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def differences(source, back, path):
    """What the SDK does not give back as it took it."""
    if isinstance(source, dict) and isinstance(back, dict):
        for key in source:
            if key not in back:
                yield f"{path}.{key} is unknown to Slack"
            else:
                yield from differences(source[key], back[key], f"{path}.{key}")
    elif isinstance(source, list) and isinstance(back, list) and len(source) == len(back):
        for n, pair in enumerate(zip(source, back)):
            yield from differences(*pair, f"{path}[{n}]")
    elif source != back:
        yield f"{path} becomes {back!r}"


def of_blocks(blocks, path):
    if len(blocks) > BLOCKS:
        yield f"{path}: {len(blocks)} blocks, more than {BLOCKS}"
    if (length := sum(map(len, texts(blocks)))) > ALL_BLOCKS:
        yield f"{path}: {length} characters, more than {ALL_BLOCKS} in all"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(ids) != len(set(ids)):
        yield f"{path}: a block_id comes twice"
    for n, source in enumerate(blocks):
        at = f"{path}[{n}]"
        for m, field in enumerate(source.get("fields") or []):
            if not 0 < len(field.get("text", "")) <= FIELD:
                yield f"{at}.fields[{m}].text must have 1 to {FIELD} characters"
        if source.get("type") == "context" and len(source.get("elements", [])) > ELEMENTS:
            yield f"{at}.elements: more than {ELEMENTS}"
        if source.get("type") == "section" and not source.get("text") and not source.get("fields"):
            yield f"{at}: neither text nor fields"
        if isinstance(source.get("text"), dict) and not source["text"].get("text"):
            yield f"{at}.text is empty"
        try:
            block = Block.parse(source)
            if block is None:
                yield f"{at}: Slack knows no block {source.get('type')!r}"
                continue
            # Checks the limits.
            block.validate_json()
            yield from differences(source, block.to_dict(), at)
        except Exception as error:
            yield f"{at}: {type(error).__name__}: {error}"


def faults(message):
    found = [f"{key} is unknown to Slack" for key in message if key not in MESSAGE]
    if not message.get("text"):
        found.append("no text, which notifications show")
    if len(message.get("text") or "") > TEXT:
        found.append(f"text: more than {TEXT} characters")
    found.extend(of_blocks(message.get("blocks") or [], "blocks"))
    attachments = message.get("attachments") or []
    if len(attachments) > ATTACHMENTS:
        found.append(f"attachments: more than {ATTACHMENTS}")
    for n, attachment in enumerate(attachments):
        found.extend(of_blocks(attachment.get("blocks") or [], f"attachments[{n}].blocks"))
    return found


judge_json(faults)
