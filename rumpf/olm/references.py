"""Names of images: whether a container runtime understands one, and the same image named by its digest."""

import re

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_NAME = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*")
_LONGEST = 255
_BARE_DIGEST = re.compile(r"[a-f0-9]{64}")


def understood(reference: str) -> bool:
    """Whether a text names an image: a repository, with a tag or a digest or both or neither."""
    rest, at, digest = reference.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return False
    name, tag = _apart(rest)
    if tag is not None and not _TAG.fullmatch(tag):
        return False
    if _BARE_DIGEST.fullmatch(name):
        return False
    return len(name) <= _LONGEST and bool(_NAME.fullmatch(name))


def pinned(reference: str) -> bool:
    """Whether a text names an image by its digest."""
    _, at, digest = reference.partition("@")
    return bool(at) and bool(_SHA256.fullmatch(digest)) and understood(reference)


def by_digest(reference: str, digest: str) -> str:
    """Return the name of the same repository's image with this digest; no tag, which could say another."""
    return f"{_apart(reference.partition('@')[0])[0]}@{digest}"


def is_digest(text: str) -> bool:
    """Whether a text is a digest as registries make them."""
    return bool(_SHA256.fullmatch(text))


def _apart(name_and_tag: str) -> tuple[str, str | None]:
    name, colon, tag = name_and_tag.rpartition(":")
    # A colon before a slash is that of a port.
    return (name, tag) if colon and "/" not in tag else (name_and_tag, None)
