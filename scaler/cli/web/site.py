"""The site: addresses, the checks of a request, and the headers of every answer. GET only, and no script anywhere."""

import re
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scaler.cli.web.figures import Watcher
from scaler.cli.web.pages import first_page, machine_page, runbook_page, sorry_page
from scaler.cli.web.runbook import ADDRESS
from scaler.errors import ScalerError
from scaler.model.instance import VmId

_STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
_VM_ID = re.compile(r"[0-9a-z._-]{1,64}")
_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Names under which a browser of this machine calls the page. Another Host is another site's (DNS rebinding)."""
_OURS = frozenset({"same-origin", "none"})
"""Sec-Fetch-Site of a link on the page, and of an address that was typed."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def site(watcher: Watcher) -> Starlette:
    """The application."""

    def first(request: Request) -> Response:
        return HTMLResponse(first_page(watcher.figures(azure=_wants_azure(request))))

    def machine(request: Request) -> Response:
        vm_id = str(request.path_params["vm_id"])
        known = _VM_ID.fullmatch(vm_id) is not None
        seen = watcher.machine(VmId(vm_id), azure=_wants_azure(request)) if known else None
        if seen is None:
            return HTMLResponse(sorry_page("Redis knows no such machine: it is gone, or never was."), 404)
        return HTMLResponse(machine_page(seen))

    def runbook(_: Request) -> Response:
        return HTMLResponse(runbook_page())

    def style(_: Request) -> Response:
        return Response(_STYLE, media_type="text/css")

    def not_done(_: Request, error: Exception) -> Response:
        return HTMLResponse(sorry_page(str(error)), 503)

    def unknown(_: Request, error: Exception) -> Response:
        return HTMLResponse(sorry_page("There is no such page."), getattr(error, "status_code", 404))

    pages: dict[str, Any] = {"/": first, "/machine/{vm_id}": machine, ADDRESS: runbook, "/style.css": style}
    return Starlette(
        routes=[Route(path, page, methods=["GET"]) for path, page in pages.items()],
        middleware=[Middleware(_Guard)],
        exception_handlers={ScalerError: not_done, 404: unknown, 405: unknown},
    )


def _wants_azure(request: Request) -> bool:
    """Whether the operator asked for a look at Azure: not a foreign page that links here to use up ARM's budget."""
    return request.query_params.get("azure") == "1" and request.headers.get("sec-fetch-site", "none") in _OURS


class _Guard:
    """Refuses requests under a foreign name, and adds the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        host = Request(scope).headers.get("host", "")
        if re.sub(r":\d+$", "", host) not in _NAMES:
            refused = HTMLResponse(sorry_page("This page is for a browser on this machine: open it as localhost."), 421)
            await refused(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)
