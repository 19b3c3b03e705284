"""A proxy with Presidio in it, for `cargo xtask bench --peers`: what people build who have nothing else.

Forwards requests to the address in its argument, and in each answer replaces what the stock pattern recognizers find.
Says on a line of its own where it listens.
"""

import asyncio
import sys

from aiohttp import ClientSession, TCPConnector, web
from presidio_anonymizer import AnonymizerEngine

from presidio import engine

UPSTREAM = sys.argv[1]
# Of an answer nothing else goes on.
KEPT = ("content-type", "cache-control", "etag")

anonymizer = AnonymizerEngine()


async def forward(request: web.Request) -> web.Response:
    session = request.app["session"]
    url = f"http://{UPSTREAM}{request.path_qs}"
    async with session.request(request.method, url, data=await request.read()) as answer:
        text = await answer.text(encoding="utf-8")
        found = engine.analyze(text=text, language="en", score_threshold=0.4)
        redacted = anonymizer.anonymize(text=text, analyzer_results=found).text
        headers = {name: answer.headers[name] for name in KEPT if name in answer.headers}
        return web.Response(status=answer.status, body=redacted.encode(), headers=headers)


async def main() -> None:
    app = web.Application()
    app["session"] = ClientSession(connector=TCPConnector(limit=0))
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    print(f"{host}:{port}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
