"""A real netaio TCPClient that does what JSON lines on its standard input say.

Prints `connected HOST PORT` first (or `failed TEXT` and ends), then one JSON line for each
command, in order. It ends with its standard input.

    {"op": "request"|"create"|"update"|"delete", "uri": hex, "content": hex, "timeout": s,
     "inner_secret": str|null, "inner_key": str|null}
        -> {"type": n, "name": str, "uri": hex, "content": hex}, {"timeout": true}
    {"op": "send", "type": n (also the custom 31 to 255), "uri": hex, "content": hex, "inner_secret", "inner_key"}
        -> {"sent": true}
    {"op": "next", "timeout": s}     the next message that no request waited for
        -> as for request
    {"op": "close"}
        -> {"closed": true}, and it ends

Anything wrong -> {"error": text}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys

from netaio import TCPClient
from netaio.common import Body, Message, MessageType

import steps


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret", help="outer HMAC")
    parser.add_argument("--key", help="outer stream cipher")
    parser.add_argument("--plain-uri", action="store_true", help="encrypt_uri off")
    parser.add_argument("--verbose", action="store_true", help="netaio's log on standard error")
    return parser.parse_args()


def say(answer: dict) -> None:
    print(json.dumps(answer, separators=(",", ":")), flush=True)


def shown(message: Message) -> dict:
    kind = message.header.message_type
    return {
        "type": int(kind),
        "name": kind.name,
        "uri": message.body.uri.hex(),
        "content": message.body.content.hex(),
    }


async def obey(client: TCPClient, unasked: asyncio.Queue, command: dict) -> dict:
    get = command.get
    op = command["op"]
    if op == "next":
        return shown(await asyncio.wait_for(unasked.get(), get("timeout", 10.0)))
    uri = bytes.fromhex(get("uri", ""))
    content = bytes.fromhex(get("content", ""))
    inner = {
        "auth_plugin": steps.inner_hmac(get("inner_secret")),
        "cipher_plugin": steps.inner_cipher(get("inner_key")),
    }
    if op == "send":
        await client.send(Message.prepare(Body.prepare(content, uri), command["type"]), **inner)
        return {"sent": True}
    kinds = {
        "request": MessageType.REQUEST_URI,
        "create": MessageType.CREATE_URI,
        "update": MessageType.UPDATE_URI,
        "delete": MessageType.DELETE_URI,
    }
    return shown(
        await client.request(
            uri,
            timeout=get("timeout", 10.0),
            message_type=kinds[op],
            content=content,
            **inner,
        )
    )


async def run(args: argparse.Namespace) -> None:
    steps.use_types(steps.ALL_TYPES)
    client = TCPClient(
        args.host,
        args.port,
        message_type_class=steps.ALL_TYPES,
        auth_plugin=steps.hmac_plugin(args.secret),
        cipher_plugin=steps.cipher_plugin(args.key, not args.plain_uri),
    )
    unasked: asyncio.Queue = asyncio.Queue()
    for kind in steps.ALL_TYPES:
        # A request's own handlers have more specific keys and go first.
        client.add_handler(kind, lambda message, _writer: unasked.put_nowait(message))
    try:
        await client.connect()
    except OSError as error:
        print("failed", error, flush=True)
        return
    # Before any request: without a loop of its own, a request with inner plugins
    # applies them twice to the answer.
    await client.start_receive_loop()
    print("connected", args.host, args.port, flush=True)

    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            command = json.loads(line)
            if command["op"] == "close":
                await client.close()
                say({"closed": True})
                return
            say(await obey(client, unasked, command))
        except (TimeoutError, asyncio.TimeoutError):
            say({"timeout": True})
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"})


def main() -> None:
    args = options()
    if args.verbose:
        for name in ("netaio.server", "netaio.client"):
            logging.getLogger(name).setLevel(logging.DEBUG)
    else:
        steps.quiet()
    asyncio.run(run(args))


if __name__ == "__main__":
    main()
