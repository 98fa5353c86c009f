#!/usr/bin/env python3
"""What a store and NATS add to one `netaio serve`, as ratios: docs/scale.md has the figures.

    python3 docs/scale.py target/release/netaio nats-server [ROUNDS [SECONDS]]

Linux; a build with the feature `nats`. The servers are there all the time, on free ports of 127.0.0.1, their files in the
folder for temporary ones, and are measured in turns: one round of each, ROUNDS times (5), of SECONDS (2). What is
printed is the median of each, and of the ratios of the rounds with the least and the most.
"""

import json
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

# What is measured: a name, the arguments of `netaio bench`, and what is taken from its report.
MANY = ["--connections", "4", "--in-flight", "64"]
ONE = ["--connections", "1", "--in-flight", "1"]
LOADS = [
    ("requests for `echo`", MANY, "requests"),
    ("reads", ["--ask", "read", *MANY], "requests"),
    ("updates", ["--ask", "update", *MANY], "requests"),
    ("updates, 64 connections", ["--ask", "update", "--connections", "64"], "requests"),
    ("reads, one at a time", ["--ask", "read", *ONE], "requests"),
    ("updates, one at a time", ["--ask", "update", *ONE], "requests"),
    ("publications to 1 subscriber", ["--fanout", "1", *MANY], "requests"),
    ("deliveries to 100 subscribers", ["--fanout", "100", *MANY], "deliveries"),
]
IDLE = 2_000


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def serve(netaio, options):
    """A server, and its address."""
    command = [netaio, "serve", "--tcp", "127.0.0.1:0", *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return server, server.stdout.readline().split()[-1]


def resident(server):
    """The memory of a process, in KiB."""
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])


def bench(netaio, address, options):
    command = [netaio, "bench", "--server", address, "--json", *options]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def idle(netaio, server, address):
    """The memory of each of many connections, in KiB."""
    before = resident(server)
    options = ["--connections", str(IDLE), "--in-flight", "1", "--secs", "3", "--rate", "500"]
    thread = threading.Thread(target=bench, args=(netaio, address, options))
    thread.start()
    most = before
    while thread.is_alive():
        most = max(most, resident(server))
        time.sleep(0.02)
    return (most - before) / IDLE


def spread(ratios):
    return f"{statistics.median(ratios):.3f} ({min(ratios):.3f}..{max(ratios):.3f})"


def measure(netaio, servers, rounds, seconds):
    print("| what | alone | `--store` | beside it | before NATS | beside it |")
    print("| --- | --- | --- | --- | --- | --- |")
    memory = [idle(netaio, *server) for server in servers]
    cells = [f"{size:.1f} KiB | {size / memory[0]:.2f}" for size in memory[1:]]
    print(f"| memory of each of {IDLE:,} connections | {memory[0]:.1f} KiB | {' | '.join(cells)} |")
    for name, options, part in LOADS:
        options = [*options, "--secs", seconds]
        figures = [
            [bench(netaio, address, options)[part]["per_second"] for _, address in servers]
            for _ in range(rounds)
        ]
        alone, *others = zip(*figures)
        cells = [
            f"{statistics.median(other):,.0f}/s | "
            + spread([theirs / ours for theirs, ours in zip(other, alone)])
            for other in others
        ]
        print(f"| {name} | {statistics.median(alone):,.0f}/s | {' | '.join(cells)} |", flush=True)


def main():
    netaio, nats_server = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    seconds = sys.argv[4] if len(sys.argv) > 4 else "2"
    nats_port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        nats = [nats_server, "-a", "127.0.0.1", "-p", str(nats_port), "-js", "-sd", f"{folder}/nats"]
        nats = subprocess.Popen(nats, stderr=subprocess.DEVNULL)
        while True:
            try:
                socket.create_connection(("127.0.0.1", nats_port)).close()
                break
            except OSError:
                time.sleep(0.05)
        options = [[], ["--store", f"{folder}/store"], ["--nats", f"127.0.0.1:{nats_port}"]]
        servers = [serve(netaio, more) for more in options]
        try:
            measure(netaio, servers, rounds, seconds)
        finally:
            for server, _ in servers:
                server.terminate()
                server.wait()
            nats.terminate()
            nats.wait()


if __name__ == "__main__":
    main()
