"""The API server, asked asynchronously: a verified connection, requests, server-side apply, watches."""

from rumpf.api.client import Api
from rumpf.api.connection import Connection, connect

__all__ = ["Api", "Connection", "connect"]
