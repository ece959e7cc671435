"""What scripts/bench jobs compares with: an ASGI application under uvicorn that burns CPU time in
the handler, or in a ProcessPoolExecutor of two, whose workers may be nice.

    BENCH_BURN=inline | pool | nice python3 -m uvicorn --app-dir tests/bench uvicorn_app:app
"""
import asyncio
import concurrent.futures
import json
import os
import time
import urllib.parse

HOW = os.environ.get("BENCH_BURN", "pool")
PROCESSES = 2


def burn(ms):
    until = time.thread_time() + ms / 1000
    while time.thread_time() < until:
        pass


def nothing():
    pass


def be_nice():
    os.nice(19 if HOW == "nice" else 0)


POOL = None if HOW == "inline" else concurrent.futures.ProcessPoolExecutor(PROCESSES, initializer=be_nice)


async def empty(n, flight):
    """n empty jobs, so many of them at once."""
    loop = asyncio.get_running_loop()
    waits = []
    left = n

    async def work_through():
        nonlocal left
        while left > 0:
            left -= 1
            begin = time.perf_counter()
            await loop.run_in_executor(POOL, nothing)
            waits.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    await asyncio.gather(*(work_through() for _ in range(flight)))
    seconds = time.perf_counter() - begin
    waits.sort()
    return json.dumps({"done": n, "p50_us": waits[n // 2] * 1e6, "p99_us": waits[n * 99 // 100] * 1e6,
                       "rate": n / seconds}).encode() + b"\n"


async def answer(scope):
    path = scope["path"]
    if path.startswith("/burn/"):
        ms = int(path.removeprefix("/burn/"))
        if POOL:
            await asyncio.get_running_loop().run_in_executor(POOL, burn, ms)
        else:
            burn(ms)
        return b"%d ms burned\n" % ms
    if path == "/empty":
        query = dict(urllib.parse.parse_qsl(scope["query_string"].decode()))
        return await empty(int(query["n"]), int(query["flight"]))
    return b"hello, world\n"


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    body = await answer(scope)
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
