"""An MCP client on the SDK: makes the calls that it reads, and writes what it was handed for each."""

import asyncio
import json
import sys
import warnings

import httpx2
from mcp import Client, MCPError
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult

warnings.simplefilter("ignore")
job = json.load(sys.stdin)
seen = []


def transport():
    if job["transport"] == "stdio":
        return stdio_client(StdioServerParameters(command=job["bridge"], args=["mcp", "connect", job["url"]]))
    if job["transport"] == "sse":
        return sse_client(job["url"], headers=job["headers"], sse_read_timeout=20)
    client = httpx2.AsyncClient(headers=job["headers"], timeout=30, auth=authorization())
    return streamable_http_client(job["url"], http_client=client)


class Storage:
    """Tokens, for as long as the process runs."""

    tokens = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return None

    async def set_client_info(self, info):
        pass


def authorization():
    if not job["oauth"]:
        return None
    return ClientCredentialsOAuthProvider(server_url=job["url"], storage=Storage(), **job["oauth"])


async def progress(done, total, message):
    seen.append(f"progress: {message}")


async def logged(params):
    seen.append(f"log: {params.data}")


async def elicited(context, params):
    seen.append(f"asked: {params.message}")
    return ElicitResult(action="accept", content={"agreed": True})


async def make(client, call):
    kind, name, arguments = call["kind"], call.get("name"), call.get("arguments", {})
    if kind == "tool":
        answer = await client.call_tool(name, arguments, progress_callback=progress)
    elif kind == "resource":
        answer = await client.read_resource(name)
    elif kind == "prompt":
        answer = await client.get_prompt(name, arguments)
    elif kind == "tools":
        answer = await client.list_tools()
    elif kind == "prompts":
        answer = await client.list_prompts()
    elif kind == "templates":
        answer = await client.list_resource_templates()
    return answer.model_dump(mode="json", by_alias=True, exclude_none=True)


async def main():
    made = []
    async with Client(
        transport(),
        mode=job["mode"],
        logging_callback=logged,
        elicitation_callback=elicited,
        read_timeout_seconds=20,
    ) as client:
        for call in job["calls"]:
            seen.clear()
            try:
                made.append({"value": await make(client, call), "seen": list(seen)})
            except MCPError as error:
                told = {"type": "MCPError", "code": error.code, "message": error.message, "data": error.data}
                made.append({"error": told, "seen": list(seen)})
            except Exception as error:
                made.append({"error": {"type": type(error).__name__, "message": str(error)}, "seen": list(seen)})
    json.dump({"version": "", "made": made}, sys.stdout)


asyncio.run(main())
