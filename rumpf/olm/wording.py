"""Whether a text is what it is meant as: an e-mail address, the address of a page, an icon."""

import re
from email.headerregistry import Address
from urllib.parse import urlsplit

_BARE = re.compile(r"[^\s<>]+@[^\s<>]+")
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>\s*")


def is_email(text: str) -> bool:
    """Whether a text is the address of a mailbox; a name before it, as in `A <a@b.c>`, is no harm."""
    named = _NAMED.fullmatch(text.strip())
    address = named["address"] if named else text.strip()
    if not _BARE.fullmatch(address):
        return False
    try:
        parsed = Address(addr_spec=address)
    except (ValueError, IndexError):
        return False
    return bool(parsed.username and parsed.domain)


def is_url(text: str) -> bool:
    """Whether a text is the whole address of a page, or a path from a root."""
    if any(each.isspace() or ord(each) < ord(" ") for each in text):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return text.startswith("/") or bool(parts.scheme and (parts.netloc or parts.path))


def is_svg(data: bytes) -> bool:
    """Whether bytes begin as an SVG does, whatever comment or declaration stands before."""
    start = re.sub(rb"<\?.*?\?>|<!--.*?-->|<!DOCTYPE.*?>", b"", data, flags=re.DOTALL).lstrip()
    return start.startswith(b"<svg") and b"</svg>" in data
