"""An MCP server on the SDK's own transport: streamable HTTP, on a port of the kernel's choice."""

import asyncio
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


async def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(server.streamable_http_app(), log_level="warning")
    await uvicorn.Server(config).serve(sockets=[listener])


asyncio.run(main())
