"""Names as Kubernetes allows them: DNS labels and subdomains, keys and values of labels."""

import re

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_LABEL = re.compile(_LABEL)
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LONGEST_LABEL, _LONGEST_NAME = 63, 253


def dns_label(name: str) -> bool:
    """Whether a name can be one part of a host's."""
    return len(name) <= _LONGEST_LABEL and bool(_DNS_LABEL.fullmatch(name))


def dns_1035(name: str) -> bool:
    """Whether a name can be one part of a host's and begins with a letter."""
    return len(name) <= _LONGEST_LABEL and bool(_DNS_1035.fullmatch(name))


def dns_subdomain(name: str) -> bool:
    """Whether a name can be that of a host."""
    return len(name) <= _LONGEST_NAME and bool(_SUBDOMAIN.fullmatch(name))


def label_value(value: str) -> bool:
    """Whether a text can be the value of a label."""
    return not value or (len(value) <= _LONGEST_LABEL and bool(_VALUE.fullmatch(value)))


def qualified_name(key: str) -> bool:
    """Whether a text can be the key of a label or annotation: a name, with or without a domain before it."""
    domain, slash, name = key.rpartition("/")
    if slash and not dns_subdomain(domain):
        return False
    return bool(name) and label_value(name)
