"""An icon for an operator that has none of its own: its letter, in a colour that follows from its name."""

import hashlib


def default_icon(name: str) -> bytes:
    """Return an SVG: the same one for the same name."""
    hue = int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big") % 360
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 80" role="img">'
        f"<title>{name}</title>"
        f'<rect width="80" height="80" rx="16" fill="hsl({hue} 55% 38%)"/>'
        '<text x="40" y="56" font-family="sans-serif" font-size="44" font-weight="700" fill="#fff"'
        f' text-anchor="middle">{name[:1].upper()}</text></svg>\n'
    ).encode()
