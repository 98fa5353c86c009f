#!/usr/bin/env python3
"""What NATS adds to one `netaio serve`, as ratios: docs/scale.md has the figures.

    python3 docs/scale.py target/release/netaio nats-server [ROUNDS [SECONDS]]

Linux. Both servers are there all the time, on free ports of 127.0.0.1, and are measured in turns: one round
of each, ROUNDS times (3), of SECONDS (2). What is printed is the median of each, and of the ratios of the rounds.
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
LOADS = [
    ("requests for `echo`, 4 connections, 64 in flight on each", [], "requests"),
    ("reads", ["--ask", "read"], "requests"),
    ("updates", ["--ask", "update"], "requests"),
    ("publications to 1 subscriber", ["--fanout", "1"], "requests"),
    ("deliveries to 100 subscribers", ["--fanout", "100"], "deliveries"),
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


def main():
    netaio, nats_server = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    seconds = sys.argv[4] if len(sys.argv) > 4 else "2"
    nats_port = free_port()
    with tempfile.TemporaryDirectory() as store:
        nats = [nats_server, "-a", "127.0.0.1", "-p", str(nats_port), "-js", "-sd", store]
        nats = subprocess.Popen(nats, stderr=subprocess.DEVNULL)
        while True:
            try:
                socket.create_connection(("127.0.0.1", nats_port)).close()
                break
            except OSError:
                time.sleep(0.05)
        servers = [serve(netaio, []), serve(netaio, ["--nats", f"127.0.0.1:{nats_port}"])]
        try:
            print("| what | alone | before NATS | ratio |")
            print("| --- | --- | --- | --- |")
            memory = [idle(netaio, *server) for server in servers]
            print(
                f"| memory of each of {IDLE:,} connections, KiB | {memory[0]:.1f} "
                f"| {memory[1]:.1f} | {memory[1] / memory[0]:.2f} |"
            )
            common = ["--connections", "4", "--in-flight", "64", "--secs", seconds]
            for name, options, part in LOADS:
                figures = [
                    [
                        bench(netaio, address, common + options)[part]["per_second"]
                        for _, address in servers
                    ]
                    for _ in range(rounds)
                ]
                alone, shared = (statistics.median(column) for column in zip(*figures))
                ratio = statistics.median(shared / alone for alone, shared in figures)
                print(f"| {name}, a second | {alone:,.0f} | {shared:,.0f} | {ratio:.2f} |", flush=True)
        finally:
            for server, _ in servers:
                server.terminate()
                server.wait()
            nats.terminate()
            nats.wait()


if __name__ == "__main__":
    main()
