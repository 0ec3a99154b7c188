"""Free ports of the machine's loopback."""

import socket


def free_port() -> int:
    """A port that is free now. It may be taken a moment later: whoever binds it must be ready for that."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
