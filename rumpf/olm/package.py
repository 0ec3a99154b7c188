"""What people read who choose an operator in a catalog: words and an icon, which no manifest needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rumpf.errors import DeclarationError
from rumpf.olm.vocabulary import CAPABILITIES, CATEGORIES
from rumpf.olm.wording import is_email, is_url

_SVG = "image/svg+xml"


@dataclass(frozen=True)
class Package:
    """An operator as a catalog shows it. Checked when made; where nothing was said, it has no categories."""

    display_name: str
    description: str
    """Markdown: what it is for, and how it behaves. What its declaration says need not be said again."""
    icon: bytes
    """An SVG, or a PNG."""
    provider: str
    provider_url: str = ""
    categories: tuple[str, ...] = ()
    capabilities: str = "Basic Install"
    keywords: tuple[str, ...] = ()
    maintainers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names, and their e-mail addresses."""
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names, and their addresses."""
    repository: str = ""
    min_kubernetes: str = "1.28.0"

    def __post_init__(self) -> None:
        """Refuse what a catalog would refuse, or show as nonsense."""
        unknown = [each for each in self.categories if each not in CATEGORIES]
        checks = (
            (bool(self.display_name.strip()), "it has no display name", "write one"),
            (bool(self.provider.strip()), "it has no provider", "say who makes it"),
            (
                not unknown,
                f"no such category: {', '.join(unknown)}",
                f"use some of: {', '.join(sorted(CATEGORIES))}",
            ),
            (
                self.capabilities in CAPABILITIES,
                f"{self.capabilities!r} is no level of capabilities",
                f"use one of: {', '.join(CAPABILITIES)}",
            ),
            *(
                (bool(name) and is_email(email), f"{email!r} is no e-mail address", "write name@example.com")
                for name, email in self.maintainers.items()
            ),
            *(
                (bool(name) and is_url(url), f"{url!r} is no address", "write https://...")
                for name, url in self.links.items()
            ),
        )
        for holds, what, remedy in checks:
            if not holds:
                raise DeclarationError(what, where=f"Package({self.display_name!r})", remedy=remedy)

    @property
    def icon_type(self) -> str:
        """The media type of the icon."""
        return "image/png" if self.icon.startswith(b"\x89PNG") else _SVG
