"""An MCP server on the SDK's own transport: streamable HTTP, on a port of the kernel's choice."""

import asyncio
import os
import socket

import uvicorn
from mcp.server.mcpserver import Context, MCPServer

EMAIL = "tamsel.wrenfold@example.org"
TOLD = f"Write to {EMAIL}; the SSN is 536-22-8471. The order ships on Tuesday."

server = MCPServer("tests")


@server.tool()
async def lookup(customer: str, context: Context) -> dict[str, str]:
    """Looks a customer up."""
    await context.report_progress(1, 2, f"asking {EMAIL}")
    return {"customer": customer, "note": TOLD}


@server.tool()
def fail() -> str:
    """Fails, and says too much about it."""
    raise ValueError(f"no such customer: {EMAIL}")


@server.resource("notes://customer")
def notes() -> str:
    """What is known."""
    return TOLD


def keyed(app):
    """Takes nobody who does not show SERVER_KEY, where there is one, and repeats it to who does."""
    wanted = f"Bearer {os.environ.get('SERVER_KEY')}".encode()

    async def guarded(scope, receive, send):
        shown = dict(scope.get("headers", [])).get(b"authorization")
        if "SERVER_KEY" not in os.environ or scope["type"] != "http":
            return await app(scope, receive, send)

        async def repeated(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-shown", shown or b"")]}
            await send(message)

        if shown == wanted:
            return await app(scope, receive, repeated)
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return guarded


async def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(keyed(server.streamable_http_app()), log_level="warning")
    await uvicorn.Server(config).serve(sockets=[listener])


asyncio.run(main())
