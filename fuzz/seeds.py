"""Makes the seed corpora: python fuzz/seeds.py

A few of the test vectors for each target, with the choices that the target
takes off the front of its input, and scripts for the link target. The same
files every time; what a fuzzer found worth keeping is left alone.
"""

import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent / "tests" / "data"
# Longer ones are mutated too rarely to be worth their room.
LONGEST = 700


def seed(target, name, data):
    path = HERE / "corpus" / target / f"seed-{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(data))


def vectors(file):
    for line in (DATA / file).read_text().splitlines():
        vector = json.loads(line)
        vector["frame"] = bytes.fromhex(vector["frame"])
        if len(vector["frame"]) <= LONGEST:
            yield vector


def thinned(vectors, count):
    """As many, from all over the list."""
    vectors = list(vectors)
    return vectors[:: max(1, -(-len(vectors) // count))]


def auth_section(frame):
    auth_len = struct.unpack_from("!H", frame, 1)[0]
    return frame[9 : 9 + auth_len]


def packify():
    fields = [v for v in vectors("frames.jsonl") if len(v["frame"]) > 12 and v["auth"]]
    for vector in thinned(fields, 24):
        seed("packify", vector["name"], b"\0" + auth_section(vector["frame"]))
    refused = [v for v in vectors("refused.jsonl") if v["layer"] == "auth"]
    for vector in thinned(refused, 16):
        seed("packify", vector["name"], b"\1" + auth_section(vector["frame"]))
    # One of each kind to be built: see `Input::value`.
    for kind in range(14):
        seed("packify", f"built-{kind}", [2, kind, 3, 5, 3, 1, 65, 9, 4, 7, 3, 2, 66, 67])


def frame():
    accepted = thinned(vectors("frames.jsonl"), 18)
    for vector in accepted:
        seed("frame", vector["name"], b"\0" + vector["frame"])
    for vector in thinned(vectors("refused.jsonl"), 18):
        seed("frame", vector["name"], b"\1" + vector["frame"])
    # Several frames, cut into pieces of 3 and 20 bytes, checksums made right.
    stream = b"".join(vector["frame"] for vector in accepted if len(vector["frame"]) < 120)
    seed("frame", "stream", b"\x25\x03\x14" + stream)
    # A type, an auth section as it is (its length first) and a body; twice.
    assembled = b"\0\0\x03\x4d\x40\0\x08\0\4echohi"
    seed("frame", "assembled", b"\x08" + 2 * assembled)
    seed("frame", "assembled-cut", b"\x0d" + assembled)
    # The same in a format of one's own: see `Apart`.
    seed("frame", "own-format", b"\x0a\0\0\x03\x4d\x40\0\x09\4echo\0hi\0")
    # A type and an auth section with one field, a str and a bool.
    seed("frame", "assembled-auth", b"\x08\0\1\1\3\2ts\6\1\x08\0\4echohi")


def plugins():
    """The vectors were sealed with other secrets; the changes are to messages
    that the target seals itself."""
    sealed = [v for v in vectors("frames.jsonl") if v["secret"] or v["key"]]
    for at, vector in enumerate(thinned(sealed, 14)):
        seed("plugins", vector["name"], bytes([2 * (at % 7)]) + vector["frame"])
    refused = [v for v in vectors("refused.jsonl") if v["layer"] in ("hmac", "cipher")]
    for at, vector in enumerate(thinned(refused, 14)):
        seed("plugins", vector["name"], bytes([2 * (at % 7)]) + vector["frame"])
    # The front of the body, moved into the timestamp, leaves a body that can be read.
    seed("plugins", "moved-into-ts", b"\1\3uri\7\0\1bcdef\0\x08\x09")
    for layers in range(9):
        # uri, content, no field of one's own; then changes: see `change`.
        for name, changes in {
            "untouched": [],
            "bits": [0, 30, 1, 1, 3, 128],
            # Each lands in another field; the MACs are the longest.
            **{f"bit-{at}": [0, at, 1] for at in range(20, 240, 40)},
            "body-bit": [1, 20, 128],
            "type": [2, 30],
            "shorter-ts": [8, 2],
            "longer-ts": [8, 6],
            "mac-as-list": [7, 4, 0, 0],
            "mac-removed": [7, 5, 0, 0],
            "nonce-as-bytearray": [7, 12, 1, 0],
            "ts-as-int": [7, 8, 2, 0],
            "trailing": [5, 0, 3, 1, 2, 3],
        }.items():
            if layers in (0, 3) or name in ("untouched", "longer-ts", "body-bit"):
                seed(
                    "plugins",
                    f"{name}-{layers}",
                    bytes([1 + 2 * layers, 3]) + b"uri\7content\0" + bytes(changes),
                )


# The operations of `Play::operation`; one for each end, the client's first.
REQUEST, CANCEL, SEND, LARGE, DELIVER, DELIVER_SOME = 0, 8, 10, 12, 14, 22
TAMPER, INTRUDE, STRANGE, TIME, DEADLINE, EOF = 28, 30, 32, 34, 36, 38
CLOSE, REPLY, REPLY_NTH, REGISTER, REMOVE, RELEASE, SELDOM = 40, 42, 44, 46, 58, 60, 62
# Of `Play::seldom`; 16 for each second of a drain's grace.
DROP, DROP_LAST, NO_ANSWER, REPLY_ERROR, OTHER_LINK, DRAIN, ABORT, FAIL = range(8)
NOT_FOUND, TO_OWNER, TO_HANDLER, TO_DEFERRED, DROP_ALL, PAUSE, RESUME = range(8, 15)
TABLES = 0xE0
CLIENT, SERVER = 0, 1
THERE, BACK = [DELIVER + CLIENT], [DELIVER + SERVER]


def register(how=0, key=0, at=SERVER):
    """`how`: what the handler does, 8 for a one-time one, the inner layer from
    16 up; `key`: a request type, 16 for each uri, 128 for by uri."""
    return [REGISTER + at, how, key]


def request(kind=0, how=0, at=CLIENT):
    """`kind`: a request type, 16 for each uri; `how`: the inner layer, 16 for
    each second of its timeout."""
    return [REQUEST + at, kind, how]


def link():
    answered = request() + THERE + BACK
    unrouted_twice = 2 * request(16) + THERE + BACK
    in_flight = register(2) + 2 * request() + THERE
    told = [SEND + SERVER, 8, 0, 3, 1, 2, 3]
    resumed = [SELDOM + CLIENT, RESUME]
    paused = [SELDOM + CLIENT, PAUSE] + told + BACK
    scripts = {
        "echo": register() + answered,
        "fifo": register() + 4 * request() + THERE + BACK,
        "all-types": sum((register(0, kind) + request(kind) for kind in range(8)), []) + THERE + BACK,
        "unrouted": answered,
        "unrouted-twice": unrouted_twice,
        "deferred": register(2) + 3 * request() + THERE + [REPLY + SERVER] + BACK,
        "ignored": register(3) + request() + THERE + [DEADLINE + CLIENT],
        "too-large": register(4) + answered,
        "once": register(8) + register(3) + 2 * request() + THERE + BACK,
        "by-uri": register(0, 128 + 16) + register(3, 0) + request(16) + THERE + BACK,
        "inner": register(8 * 16) + request(0, 8) + THERE + BACK,
        "inner-both": register(10 * 16) + request(0, 10) + THERE + BACK,
        "inner-once-forged": register(8 * 16 + 8) + request() + request(0, 8) + THERE + BACK,
        "cancelled": register() + 2 * request() + [CANCEL, 0] + THERE + BACK,
        "timed-out": request(0, 16) + [TIME, 41] + THERE + BACK,
        "late": request(0, 0) + [TIME, 60] + THERE + BACK,
        "pieces": register() + request() + 9 * [DELIVER_SOME, 5] + THERE + 9 * [DELIVER_SOME + 1, 4] + BACK,
        "frame-timeout": request() + [DELIVER_SOME, 5, DEADLINE + SERVER],
        "changed": register() + request() + [TAMPER, 200, 11] + THERE + BACK,
        "lost": register() + request() + [TAMPER, 0, 4] + THERE + BACK,
        "repeated": register() + request() + [TAMPER, 64, 255] + THERE + BACK,
        "noise": [INTRUDE + SERVER, 4, 1, 2, 3, 4] + BACK,
        "bad-checksums": 9 * [STRANGE + SERVER, 0, 1] + BACK,
        "strangers": 9 * [STRANGE + SERVER, 0, 0] + BACK,
        "unsealed-error": request() + [STRANGE + CLIENT, 20, 0x30],
        "full-queue": register(2) + request() + THERE + 4 * [LARGE + SERVER, 255] + [REPLY + SERVER] + BACK,
        "client-floods": 4 * [LARGE + CLIENT, 255] + request() + THERE,
        "eof": request() + THERE + [EOF + CLIENT],
        "eof-within": register() + request() + THERE + [DELIVER_SOME + 1, 9, EOF + CLIENT],
        "closed": register(2) + request() + THERE + [CLOSE + SERVER, REPLY + SERVER] + BACK,
        "notify": [SEND + SERVER, 8, 0, 3, 1, 2, 3] + BACK,
        "own-fields": [SEND + CLIENT, 8, 0x80, 0, 3, 2, 116, 115, 4, 9] + THERE,
        "server-asks": register(0, 0, CLIENT) + request(0, 0, SERVER) + BACK + THERE,
        "both-ask": register() + register(0, 0, CLIENT) + request() + request(0, 0, SERVER) + THERE + BACK + THERE + BACK,
        "dropped": register(5) + request() + THERE + BACK,
        "dropped-late": in_flight + [SELDOM + SERVER, DROP] + BACK + [SELDOM + SERVER, DROP_LAST] + BACK,
        "all-dropped": in_flight + [SELDOM + SERVER, DROP_ALL] + BACK,
        "no-answer": in_flight + [SELDOM + SERVER, NO_ANSWER] + BACK + [DEADLINE + CLIENT],
        "refused": in_flight + [SELDOM + SERVER, REPLY_ERROR] + BACK,
        "another-link": in_flight + [SELDOM + SERVER, OTHER_LINK, REPLY + SERVER] + BACK,
        "drained": in_flight + [SELDOM + SERVER, DRAIN + 16 * 5, REPLY + SERVER] + BACK + [DEADLINE + SERVER],
        "drained-too-long": in_flight + [SELDOM + SERVER, DRAIN + 16, DEADLINE + SERVER, REPLY + SERVER] + BACK,
        "drained-client": in_flight + [SELDOM + CLIENT, DRAIN + 16 * 9] + request() + [REPLY + SERVER] + BACK,
        "aborted": in_flight + [SELDOM + SERVER, ABORT, REPLY + SERVER] + BACK,
        "reset": in_flight + [SELDOM + CLIENT, FAIL, REPLY + SERVER] + BACK,
        "garbage-in-flight": in_flight + [INTRUDE + SERVER, 3, 255, 255, 255, REPLY + SERVER] + BACK + [REPLY + SERVER],
        "eof-in-flight": in_flight + [EOF + SERVER, REPLY + SERVER] + BACK + [REPLY + SERVER] + BACK,
        "unrouted-delivered": [SELDOM + SERVER, TO_OWNER] + answered,
        "unrouted-handled": [SELDOM + SERVER, TO_HANDLER] + answered + [SELDOM + SERVER, NOT_FOUND] + answered,
        "unrouted-deferred": [SELDOM + SERVER, TO_DEFERRED] + answered + [REPLY + SERVER] + BACK,
        "written-in-part": register() + request() + THERE + 12 * [DELIVER_SOME + SERVER, 3] + request() + THERE + BACK,
        "released": register() + request() + [DELIVER_SOME, 9, RELEASE + SERVER] + THERE + [RELEASE + SERVER] + BACK,
        "removed": register() + [REMOVE + SERVER, 0] + answered,
        # Of `Tables::operation`: what to do, a key or an id, who, and data.
        "subscriptions": sum(([TABLES, 0, key % 6, key % 5] for key in range(12)), [])
        + [TABLES, 3, 0, 0, TABLES, 3, 0, 0, TABLES, 4, 0, 1],
        "peers": sum(([TABLES, 5, at % 6, at % 5, 3] for at in range(12)), [])
        + [TABLES, 7, 2, 3, TABLES, 7, 2, 2, TABLES, 8, 0, 3, TIME, 41, TABLES, 9, 3, 4],
        "anonymous-uri": register(0, 0) + request(32) + request(48) + THERE + BACK,
        # Of `Finder::operation`: what to do, an id (200 and above: take no events),
        # an address; of a message, its type and app id, then data.
        "discovery": sum(([TABLES, 128, 0, 2 + at, at % 6, 64 + at % 3, 1, 2] for at in range(12)), [])
        + [TIME, 41, TABLES, 128, 6, 0, 2, TIME, 60, TABLES, 128, 13, 0, 0],
        "discovery-by-hand": [TABLES, 128, 11, 1, 2, TABLES, 128, 10, 3, 1, 5, 5, TABLES, 128, 10, 3, 2, 6, 6]
        + [TABLES, 128, 9, 0, 1, TABLES, 128, 12, 3, 0, TABLES, 128, 11, 0, 0, TABLES, 128, 0, 5, 1, 65, 1, 1]
        + [TABLES, 128, 7, 0, 1],
        "paused": paused + resumed,
        "paused-server": [SELDOM + SERVER, PAUSE] + register() + 2 * request() + THERE + [SELDOM + SERVER, RESUME] + BACK,
        "paused-answered": register() + request() + paused + THERE + told + BACK + resumed,
        "paused-left": request() + paused + [EOF + CLIENT] + resumed,
        "paused-drained": request() + paused + [SELDOM + CLIENT, DRAIN + 16 * 5] + told + BACK + resumed,
        "paused-for-long": request() + paused + THERE + told + BACK + [TIME, 61] + resumed,
        "paused-closed": paused + [CLOSE + SERVER] + BACK + [DEADLINE + CLIENT],
    }
    for at, (name, script) in enumerate(scripts.items()):
        # Every layer comes in turn, with the limits loose or tight.
        seed("link", name, [at % 8, 0] + script)
    for layer in (1, 3):
        for name in ("echo", "inner-both", "cancelled"):
            seed("link", f"{name}-{layer}", [layer, 0xFF] + scripts[name])
    # News, which an even length makes of a large message: dropped from either end,
    # or the end of the link, at once or after a while.
    news = 5 * [LARGE + SERVER, 254]
    for name, limits in (("cut", 0), ("oldest", 0xC0), ("newest", 0x30)):
        seed("link", f"slow-{name}", [0, limits] + register() + news + answered)
        late = news[:4] + [TIME, 13] + news[:2]
        seed("link", f"slow-{name}-late", [0, limits] + late + answered)
    # Requests that carry ids: of both ends, or of the client to a plain server.
    three = register(2) + 3 * request() + THERE
    nth = [REPLY_NTH + SERVER, 2, REPLY_NTH + SERVER, 1, REPLY_NTH + SERVER, 0]
    late = three + [TIME, 60] + 2 * request() + THERE + nth + BACK
    named = {
        "out-of-order": three + nth + BACK,
        "overtaken": three + register() + request() + THERE + BACK + nth + BACK,
        "late": late,
        "cancelled": register() + request() + THERE + BACK + three + [CANCEL, 0] + nth + BACK,
        "mixed": register(2) + request() + request(0, 15) + request() + THERE + nth + BACK,
        "both-ask": scripts["both-ask"],
        "unrouted": 2 * request(16) + THERE + BACK,
        "inner": register(10 * 16 + 2) + 3 * request(0, 10) + THERE + nth + BACK,
        "unsealed-error": three + [STRANGE + CLIENT, 20, 0x32] + BACK,
        "custom": register(2, 7) + 2 * request(7) + THERE + nth + BACK,
    }
    for name, script in named.items():
        for mode in (0x80, 0x81, 0x83, 0xC0):
            seed("link", f"ids-{name}-{mode:x}", [mode, 0] + script)
    seed("link", "ids-few", [0x80, 0xFF] + late)
    seed("link", "another-secret", [0x38 + 1, 0] + answered)


def budget():
    """Of `budget::Play`: two rates, the amplification, the senders; then what is done,
    an address and 8 for each byte, times 1, 1, 16 or 4,096, and of time how much."""

    def received(who, count=31, scale=2):
        return [0, who + 8 * count, scale]

    def allow(who, count=4, scale=0):
        return [3, who + 8 * count, scale]

    def ask(who):
        return [6, who, 0]

    def time(count, scale=1):
        return [7, count, 0, scale]

    def back(count, scale=1):
        return [9, count, 0, scale]

    limits = [3, 5, 3, 2]
    scripts = {
        "one": limits + received(0) + 5 * allow(0) + time(50) + 5 * allow(1),
        "all": [7, 3, 3, 5] + sum((received(who) + allow(who) for who in range(8)), []),
        "amplified": limits + received(2, 10, 0) + allow(2, 31) + allow(2, 30) + allow(2, 1),
        "full": limits + sum((received(who) + ask(who) for who in range(8)), []),
        "forgotten": limits + received(0) + allow(0) + time(101, 2) + 2 * received(2) + allow(0),
        "late": [3, 5, 3, 2] + received(0) + time(99, 2) + 3 * allow(0) + time(10) + 2 * received(0) + 3 * allow(0),
        "networks": limits + received(4) + allow(5) + allow(6) + received(7) + allow(7),
        "asked": limits + received(0) + 4 * (ask(0) + allow(0)) + time(100) + ask(0),
        "back": limits + received(0) + 3 * allow(0) + back(100, 2) + ask(0) + time(101) + ask(0) + allow(0),
        "back-far": [7, 9, 2, 1] + received(0) + back(255, 2) + received(2) + time(255, 2) + received(2) + allow(2),
        "no-rate": [0, 9, 2, 1] + received(0) + allow(0) + ask(0),
        "none-at-all": [9, 0, 2, 1] + received(0) + allow(0) + ask(0),
        "largest": limits + 3 * received(0, 31, 3) + allow(0, 31, 3) + allow(0, 31, 3) + allow(0, 31, 3),
    }
    for name, script in scripts.items():
        seed("budget", name, script)


def datagram():
    """Of `datagram::Play`: the layer, the limits, then operations, 32 for each node."""
    kinds = dict(request=0, cancel=4, send=5, multicast=6, publish=7, one=8, all=11, double=14)
    kinds |= dict(lose=15, tamper=16, spoof=17, misdirect=18, forge=19, garbage=21, time=22)
    kinds |= dict(deadline=23, reply=24, on=25, remove=29, seldom=30)

    def do(what, *data, at=0):
        return [kinds[what] + 32 * at, *data]

    def asks(kind=0, to=1, at=0):
        return do("request", kind, to + 16 * 3, at=at)

    everything = 2 * do("all", 0)
    echo = do("on", 0, 0, at=1) + asks() + everything
    deferred = do("on", 2, 0, at=1) + 2 * asks() + do("all", 0)
    subscribed = do("on", 0, 4, at=1) + asks(4) + everything
    flood = 4 * do("forge", 0xC0, 5, at=1)
    introductions = 3 * do("all", 0)
    scripts = {
        "echo": echo,
        "unrouted": asks() + everything,
        "deferred": deferred + 2 * do("reply", 1, at=1) + everything,
        "dropped": do("on", 5, 0, at=1) + asks() + everything,
        "dropped-late": deferred + do("seldom", 0, at=1) + everything,
        "no-answer": deferred + do("seldom", 1, at=1) + do("deadline"),
        "refused": deferred + do("seldom", 2, at=1) + everything,
        "another-link": deferred + do("seldom", 3, at=1) + do("reply", 0, at=1) + everything,
        "too-large": do("on", 4, 0, at=1) + asks() + everything,
        "drained": deferred + do("seldom", 4 + 16 * 2, at=1) + do("reply", 0, at=1) + do("deadline", at=1) + everything,
        "drained-then-floods": deferred + do("seldom", 4, at=1) + flood + asks() + everything,
        "blocked": do("seldom", 5, at=1) + echo + do("time", 5) + do("seldom", 5, at=1) + everything,
        "unrouted-delivered": do("seldom", 7, at=1) + asks() + everything,
        "unrouted-handled": do("seldom", 8, at=1) + asks() + everything,
        "once": do("on", 0, 128 + 16, at=1) + 2 * asks(16) + everything,
        "subscribed": subscribed + do("publish", 0, at=1) + everything + asks(5) + everything,
        "subscriber-leaves": introductions + subscribed + do("seldom", 10) + everything,
        "subscriber-falls-silent": introductions + subscribed + 3 * do("time", 60, at=1),
        "peers": introductions + do("time", 50) + introductions + do("time", 255) + introductions,
        "peer-by-hand": do("seldom", 11 + 16 * 3) + do("seldom", 12 + 16 * 3) + do("seldom", 11 + 16 * 1),
        "left-and-overtaken": introductions + do("time", 50) + do("seldom", 10) + do("one", 1) + do("all", 0),
        "lost": asks() + do("lose", 0) + do("deadline"),
        "doubled": do("on", 0, 0, at=1) + asks() + do("double", 0) + everything,
        "reordered": do("on", 0, 0, at=1) + 3 * asks() + do("one", 2) + do("one", 1) + everything,
        "changed": do("on", 0, 0, at=1) + asks() + do("tamper", 40, 9, 0) + everything,
        "cut": asks() + do("tamper", 12, 0, 0) + everything,
        "spoofed": asks() + do("spoof", 5, 0) + everything,
        "from-another": do("on", 0, 0, at=1) + asks() + do("all", 0) + do("spoof", 2, 0) + everything,
        "misdirected": echo + asks() + do("misdirect", 2, 0) + everything,
        "flood": flood,
        "flood-network": 3 * (do("forge", 0xC0, 2, at=1) + do("forge", 0xC0, 4, at=1)),
        "flood-in-time": flood + do("time", 10) + flood + do("time", 200) + flood,
        "forged-error": asks() + do("forge", 20, 1 + 0x30) + do("forge", 20, 1 + 0x20) + everything,
        "forged-id": asks() + do("forge", 20, 1 + 8 + 0x30) + everything,
        "forged-answer": asks() + do("forge", 1, 1) + everything,
        "garbage": do("garbage", 5, 3, 1, 2, 3) + do("garbage", 5, 0),
        "large": 2 * do("seldom", 13 + 16) + everything + do("send", 8, 1, 3, 1, 2, 3) + everything,
        "cancelled": do("on", 0, 0, at=1) + 2 * asks() + do("cancel", 0) + everything,
        "removed": echo + do("remove", 0, at=1) + asks() + everything,
        "multicast": do("multicast", 3, 1, 2, 3) + everything,
        "many": 4 * asks(0, 2) + do("on", 2, 0, at=2) + do("all", 0) + do("seldom", 15, at=2) + everything,
    }
    for at, (name, script) in enumerate(scripts.items()):
        seed("datagram", name, [at % 8, 0] + script)
    for layer, limits in ((0, 0xFF), (17, 0x17), (5, 0x60), (9, 3)):
        for name in ("flood-in-time", "forged-id", "many"):
            seed("datagram", f"{name}-{layer}", [layer, limits] + scripts[name])


def hub():
    """Of `hub::Play`: how the nodes are, the limits, then operations, 32 for each pipe
    and 128 for the server's end."""
    kinds = dict(request=0, requests=3, cancel=4, publish=5, send=6, some=7, run=10, cut=13)
    kinds |= dict(connect=14, reply=15, time=17, deadline=18, on=19, remove=23, stall=24)
    kinds |= dict(garbage=25, end=26, unrouted=27, seldom=28, pause=29, resume=30)

    def do(what, *data, pipe=0, server=False):
        return [kinds[what] + 32 * pipe + 128 * server, *data]

    def asks(kind=0, how=16 * 9, pipe=0, server=False):
        return do("request", kind, how, pipe=pipe, server=server)

    def many(count, kind=0, how=16 * 9, pipe=0):
        return do("requests", count - 1, kind, how, pipe=pipe)

    run = do("run")
    on = do("on", 0, 0, server=True)
    defers = do("on", 2, 0, server=True)
    in_flight = defers + 2 * asks() + run
    both = many(16) + many(16, pipe=1)
    subscribed = do("on", 0, 4, server=True) + asks(4) + asks(4, pipe=1) + run
    news = 3 * do("publish", 1, server=True)
    reply = do("reply", 0, server=True)
    scripts = {
        "echo": on + asks() + run,
        "default": asks() + run,
        "deferred": in_flight + reply + run + reply + run,
        "out-of-order": in_flight + do("reply", 1, server=True) + reply + run,
        "dropped": do("on", 5, 0, server=True) + asks() + run,
        "dropped-late": in_flight + do("seldom", 0, server=True) + run,
        "no-answer": in_flight + do("seldom", 2, server=True) + do("deadline"),
        "refused": in_flight + do("seldom", 3, server=True) + run,
        "another-hub": in_flight + do("seldom", 4, server=True) + reply + run,
        "all-dropped": in_flight + do("seldom", 6, server=True) + run,
        "too-large": do("on", 4, 0, server=True) + asks() + run,
        "many": on + both + run,
        "many-in-pieces": on + both + do("cut", 6) + run,
        "many-deferred": defers + both + run + 4 * reply + run + 9 * reply,
        "handlers-wait": defers + 3 * asks() + 3 * asks(pipe=1) + run + 3 * (reply + run),
        "subscribed": subscribed + do("publish", 0, server=True) + run,
        "news": subscribed + news + run,
        "slow": subscribed + do("stall", server=True) + news + run + news + do("time", 30) + do("stall", server=True) + run,
        "slow-for-long": subscribed + do("stall", server=True) + news + news + do("deadline", server=True) + run,
        "unsubscribed": subscribed + asks(5) + run + news + run,
        "subscriber-closes": subscribed + do("end", 0) + run + news + run,
        "closed": in_flight + do("end", 0, server=True) + reply + run,
        "closed-by-client": in_flight + do("end", 0) + run + reply + run,
        "reset": in_flight + do("end", 1, server=True) + reply + run,
        "eof": in_flight + do("end", 2, server=True) + run + reply + run + reply + run,
        "cut": in_flight + do("end", 3) + run + reply,
        "garbage": in_flight + do("garbage", 0, 255) + run + reply + run + reply + run,
        "changed": asks() + do("garbage", 9, 3) + run,
        "drained": in_flight + do("seldom", 5 + 16 * 9, server=True) + reply + run + reply + run,
        "drained-too-long": in_flight + do("seldom", 5 + 16, server=True) + do("deadline", server=True) + run + reply,
        "client-drained": in_flight + do("seldom", 5 + 16 * 9) + reply + run + asks() + run,
        "server-asks": asks(server=True) + asks(pipe=1, server=True) + run,
        "both-ask": defers + do("on", 2, 0) + asks() + asks(server=True) + run + reply + do("reply", 0) + run,
        "too-many": 3 * do("connect") + do("connect", server=True) + asks(pipe=2) + asks(pipe=3) + run,
        "some": on + asks() + do("some", 9, 2) + do("some", 255, 200) + do("some", 10, 9, server=True) + run,
        "stalled": on + do("stall") + asks() + run + do("stall") + run,
        "timed-out": in_flight + do("time", 255) + run + reply + run,
        "large": 4 * do("send", 1) + 2 * do("send", 1, pipe=1) + asks() + run,
        "large-unread": defers + asks() + run + 4 * do("send", 1) + asks(pipe=1) + run + reply + run,
        "cancelled": in_flight + do("cancel", 0) + reply + run,
        "not-found": do("unrouted", 0, server=True) + asks() + run,
        "delivered": do("unrouted", 1, server=True) + asks() + run,
        "removed": on + do("remove", 0, server=True) + asks() + run,
        "once": do("on", 8, 0, server=True) + 2 * asks() + run,
        "paused": on + do("pause", server=True) + asks() + asks(pipe=1) + run + do("resume", server=True) + run,
        "paused-answered": subscribed + do("pause") + news + asks() + run + do("resume") + run,
        "paused-large": do("unrouted", 1) + do("pause") + asks() + 4 * do("send", 1, server=True) + run + do("resume") + run,
        "paused-closed": subscribed + do("pause") + news + do("end", 0, server=True) + run + do("deadline"),
        "paused-left": subscribed + do("pause") + news + run + do("end", 2) + run + do("resume") + run,
    }
    for at, (name, script) in enumerate(scripts.items()):
        seed("hub", name, [at % 8, 0] + script)
    for mode, limits in ((0, 0xFF), (0x41, 0x0F), (0x2A, 0), (0xB3, 0x0E)):
        for name in ("many-deferred", "slow", "handlers-wait"):
            seed("hub", f"{name}-{mode:x}", [mode, limits] + scripts[name])


for target in (packify, frame, plugins, link, budget, datagram, hub):
    target()
