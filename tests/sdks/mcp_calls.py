"""The MCP SDK: tools, resources, progress and errors over streamable HTTP, in both of its modes."""

import asyncio
import json

from mcp import Client
from report import URL, calls, failed, finish


async def call(name, mode, function, url=f"{URL}/mcp"):
    seen = []
    try:
        async with Client(url, mode=mode) as client:
            calls[name] = {"value": await function(client, seen)}
    except BaseException as error:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        calls[name] = failed(error, seen)


async def lookup(client, seen):
    async def progress(done, total, message):
        seen.append(f"{done:g}/{total:g} {message} ")

    answer = await client.call_tool("lookup", {"customer": "C-771"}, progress_callback=progress)
    return "".join(seen) + answer.content[0].text + json.dumps(answer.structured_content)


async def fail(client, seen):
    answer = await client.call_tool("fail", {})
    return f"{answer.is_error} {answer.content[0].text}"


async def read(client, seen):
    return (await client.read_resource("notes://customer")).contents[0].text


async def tools(client, seen):
    return " ".join(tool.name for tool in (await client.list_tools()).tools)


async def main():
    for mode in ("auto", "legacy"):
        for function in (lookup, fail, read, tools):
            await call(f"{function.__name__}_{mode}", mode, function)
        await call(f"refused_{mode}", mode, tools, f"{URL}/closed")


asyncio.run(main())
finish()
