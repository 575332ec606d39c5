"""What a store of App Configuration answers to its REST API's list of key-values."""

from urllib.parse import parse_qs, urlsplit

from wire.scripted_arm import Asked, Said, json_said

KEYS = [
    ("scaler:min", None, "4"),
    ("scaler:min", "First", "6"),
    ("scaler:paused", "first", "true"),
    ("scaler:unknown", None, "1"),
    ("TOTAL_NODES", None, "9"),
    ("colour", None, "red"),
]


def row(key: str, label: str | None, value: str | None) -> dict[str, object]:
    """A key-value as the store writes it."""
    return {"etag": "e", "key": key, "label": label, "content_type": "", "value": value, "tags": {}, "locked": False}


def listing(asked: Asked, per_page: int = 100) -> Said:
    """The store's list of KEYS that fit the filter, page by page."""
    query = parse_qs(urlsplit(asked.path).query)
    wanted, after = query["key"][0], int(query.get("after", ["0"])[0])
    fits = [each for each in KEYS if each[0] == wanted or (wanted[-1] == "*" and each[0].startswith(wanted[:-1]))]
    page: dict[str, object] = {"items": [row(*each) for each in fits[after : after + per_page]]}
    if after + per_page < len(fits):
        page["@nextLink"] = f"/kv?api-version=2023-11-01&key={wanted}&after={after + per_page}"
    return json_said(page, content_type="application/vnd.microsoft.appconfig.kvset+json; charset=utf-8")
