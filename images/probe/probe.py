"""A web application that tells what it runs with, for tests of images and clusters."""

import os
import sys

from aiohttp import web

routes = web.RouteTableDef()


@routes.get("/")
async def who(_: web.Request) -> web.Response:
    """Say who answers: behind a Service, that is the Pod's name."""
    return web.Response(text=f"hello from {os.uname().nodename}\n")


@routes.get("/env")
async def environment(_: web.Request) -> web.Response:
    """Tell all environment variables, and which user and Python this is."""
    return web.json_response(
        {"env": dict(os.environ), "uid": os.getuid(), "gid": os.getgid(), "python": sys.version.split()[0]}
    )


@routes.get("/healthz")
async def healthy(_: web.Request) -> web.Response:
    """Answer a probe."""
    return web.Response(text="ok\n")


def main() -> None:
    """Serve on PORT (8080) until SIGTERM."""
    application = web.Application()
    application.add_routes(routes)
    web.run_app(application, port=int(os.environ.get("PORT", "8080")), print=None)


if __name__ == "__main__":
    main()
