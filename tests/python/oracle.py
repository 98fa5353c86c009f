"""Says what netaio's TCPServer would do with a frame: one JSON line in, one out.

In:  {"frame": hex, "secret": str|null, "key": str|null, "plain_uri": bool,
      "inner_secret": str|null, "inner_key": str|null, "all_types": bool}
     (everything but the frame may be left out; all_types makes 31 to 255 known)
Out: {"ok": true, "type": n, "uri": hex, "content": hex, "auth": [[hex, hex], ...], "rest": n}
     `auth` is null when it is no dict, or too deep to pack again; `rest` counts the bytes
     behind the frame
     {"ok": false, "stage": step, "effect": what the server does then, "error": text}
     with the stages of steps.py; "incomplete" means that it would wait for more bytes
     {"ok": false, "stage": "question", ...} when the line itself is wrong
"""

from __future__ import annotations

import json
import sys

import steps


def answer(line: str) -> dict:
    try:
        question = json.loads(line)
        get = question.get
        frame = bytes.fromhex(question["frame"])
        types = steps.ALL_TYPES if get("all_types") else steps.BASE_TYPES
        plugins = (
            steps.hmac_plugin(get("secret")),
            steps.cipher_plugin(get("key"), not get("plain_uri")),
            steps.inner_hmac(get("inner_secret")),
            steps.inner_cipher(get("inner_key")),
        )
    except Exception as error:
        return {"ok": False, "stage": "question", "effect": "none", "error": repr(error)}
    steps.use_types(types)
    try:
        wire, message, rest = steps.receive(frame, *plugins, types=types)
    except steps.Refused as end:
        return {"ok": False, "stage": end.stage, "effect": end.effect, "error": end.error}
    return {
        "ok": True,
        "type": int(message.header.message_type),
        "uri": message.body.uri.hex(),
        "content": message.body.content.hex(),
        "auth": steps.packed_fields(wire),
        "rest": rest,
    }


def main() -> None:
    steps.quiet()
    out = sys.stdout
    for line in iter(sys.stdin.readline, ""):
        out.write(json.dumps(answer(line), separators=(",", ":")) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
