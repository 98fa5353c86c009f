//! The dissector for Wireshark, by tshark, on what the command itself sends.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use common::capture::{End, Format, LINKS, Packet, file, udp};
use common::run;
use common::server::Server;

const CLIENT: &str = "10.0.0.1:50000";
const SERVER: &str = "10.0.0.2:8888";

/// What went by, and whether it was to the server.
type Traffic = Arc<Mutex<Vec<(bool, Vec<u8>)>>>;

fn copy(mut from: TcpStream, mut to: TcpStream, is_request: bool, traffic: &Traffic) {
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = buffer[..count].to_vec();
        traffic.lock().unwrap().push((is_request, bytes.clone()));
        let _ = to.write_all(&bytes);
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// What a command and a server say to each other over TCP.
fn over_tcp(server: SocketAddr, args: &[&str]) -> Vec<(bool, Vec<u8>)> {
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = relay.local_addr().unwrap().to_string();
    let traffic = Traffic::default();
    let seen = traffic.clone();
    let relaying = thread::spawn(move || {
        let (client, _) = relay.accept().unwrap();
        let server = TcpStream::connect(server).unwrap();
        let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let answers = seen.clone();
        let answering = thread::spawn(move || copy(back.0, back.1, false, &answers));
        copy(client, server, true, &seen);
        answering.join().unwrap();
    });
    run(&[args, &["--server", &address]].concat(), b"");
    relaying.join().unwrap();
    Arc::into_inner(traffic).unwrap().into_inner().unwrap()
}

/// The same over UDP: a request and its answer.
fn over_udp(server: SocketAddr, args: &[&str]) -> Vec<(bool, Vec<u8>)> {
    let relay = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = relay.local_addr().unwrap().to_string();
    let relaying = thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        let (count, client) = relay.recv_from(&mut buffer).unwrap();
        let request = buffer[..count].to_vec();
        relay.send_to(&request, server).unwrap();
        let (count, _) = relay.recv_from(&mut buffer).unwrap();
        let answer = buffer[..count].to_vec();
        relay.send_to(&answer, client).unwrap();
        vec![(true, request), (false, answer)]
    });
    run(&[args, &["--udp", "--server", &address]].concat(), b"");
    relaying.join().unwrap()
}

/// Packets of a connection, in segments of at most 1,000 bytes.
fn connection(port: u16, traffic: &[(bool, Vec<u8>)]) -> Vec<Packet> {
    let (mut client, server): (SocketAddr, SocketAddr) =
        (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    client.set_port(port);
    let mut ends = [
        End::new(server, client, 9000),
        End::new(client, server, 100),
    ];
    let [back, forth] = &mut ends;
    let mut packets = vec![forth.syn(), back.syn()];
    for (is_request, bytes) in traffic {
        let end = &mut ends[usize::from(*is_request)];
        packets.extend(bytes.chunks(1000).map(|part| end.send(part)));
    }
    packets
}

fn tshark(capture: &Path, args: &[&str]) -> Vec<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/wireshark/netaio.lua");
    let output = Command::new("tshark")
        .arg("-X")
        .arg(format!("lua_script:{}", script.display()))
        .arg("-r")
        .arg(capture)
        .args(["-Y", "netaio", "-T", "fields", "-E", "occurrence=a"])
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("Lua"), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("Lua Error"), "{text}");
    let lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    lines.map(Iterator::collect).collect()
}

#[test]
fn wireshark_shows_what_the_command_sends() {
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("SKIPPED: tshark is not installed: the dissector in docs/wireshark is not tested");
        return;
    }
    let keys = ["--secret", "s"];
    let server = Server::start_on(&["tcp", "udp"], &keys);
    let (tcp, datagrams) = (server.addr, server.udp.unwrap());
    let place = std::env::temp_dir().join(format!("netaio-wireshark-{}", std::process::id()));
    fs::create_dir_all(&place).unwrap();
    let long = place.join("long");
    fs::write(&long, "x".repeat(5000)).unwrap();
    let long = long.to_str().unwrap();
    let with = |args: &[&'static str]| [args, &keys].concat();
    let mut packets = connection(
        50_000,
        &over_tcp(tcp, &["create", "long", "--file", long, "--secret", "s"]),
    );
    packets.extend(connection(
        50_001,
        &over_tcp(tcp, &with(&["request", "long"])),
    ));
    packets.extend(connection(50_002, &over_tcp(tcp, &["request", "echo"])));
    let (client, server): (SocketAddr, SocketAddr) =
        (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    for (is_request, bytes) in over_udp(datagrams, &with(&["request", "none"])) {
        let (from, to) = if is_request {
            (client, server)
        } else {
            (server, client)
        };
        packets.push(udp(from, to, &bytes));
    }
    // One that was damaged, and one on another port.
    let frame = run(
        &["encode", "--key", "k"],
        br#"{"type": 200, "uri": "u", "content": "c"}"#,
    );
    let frame = frame.output();
    let mut damaged = frame.clone();
    *damaged.last_mut().unwrap() ^= 1;
    packets.push(udp(client, server, &damaged));
    packets.push(udp(
        "10.0.0.1:40001".parse().unwrap(),
        "10.0.0.2:40000".parse().unwrap(),
        &frame,
    ));
    let capture = place.join("traffic.pcap");
    fs::write(&capture, file(Format::Pcap, LINKS[0], &packets)).unwrap();

    let fields = [
        "-e",
        "netaio.name",
        "-e",
        "netaio.uri",
        "-e",
        "netaio.checksum.status",
    ];
    let shown = tshark(&capture, &fields);
    let wanted = [
        ["CREATE_URI", "long", "1"],
        ["OK", "long", "1"],
        ["REQUEST_URI", "long", "1"],
        ["RESPOND_URI", "long", "1"],
        ["REQUEST_URI", "echo", "1"],
        ["AUTH_ERROR", "ERROR", "1"],
        ["REQUEST_URI", "none", "1"],
        ["NOT_FOUND", "none", "1"],
    ];
    assert_eq!(shown[..wanted.len()], wanted);
    let rest: Vec<_> = shown[wanted.len()..]
        .iter()
        .map(|row| (&*row[0], &*row[2]))
        .collect();
    assert_eq!(rest, [("custom type 200", "0"), ("custom type 200", "1")]);
    let shown = tshark(
        &capture,
        &["-e", "netaio.auth.name", "-e", "netaio.content.text"],
    );
    let mut names: Vec<_> = shown[0][0].split(',').collect();
    names.sort_unstable();
    assert_eq!(names, ["hmac", "nonce", "rid", "ts"]);
    assert_eq!(shown[0][1], "x".repeat(5000));
    assert_eq!(shown[5], ["rid", "HMAC auth failed"]);
    assert_eq!(shown[8], ["iv", ""]);
    let shown = tshark(&capture, &["-e", "_ws.col.Info"]);
    assert_eq!(shown[3], ["RESPOND_URI long, 5000 bytes"]);
    assert!(
        shown[8][0].ends_with(", encrypted, wrong checksum"),
        "{:?}",
        shown[8]
    );

    // What `netaio decode` makes of the same.
    let ran = run(
        &[
            "decode",
            "--secret",
            "s",
            "--port",
            "8888",
            capture.to_str().unwrap(),
        ],
        b"",
    );
    let text = String::from_utf8(ran.stdout).unwrap();
    let found = |line: &str| text.lines().any(|shown| shown.contains(line));
    assert!(
        found("TCP 10.0.0.1:50000 > 10.0.0.2:8888 CREATE_URI long 5000 bytes"),
        "{text}"
    );
    assert!(
        found("UDP 10.0.0.2:8888 > 10.0.0.1:50000 NOT_FOUND none"),
        "{text}"
    );
    fs::remove_dir_all(&place).unwrap();
}

/// Whatever the bytes are, the script has no error.
#[test]
fn no_bytes_stop_the_dissector() {
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("SKIPPED: tshark is not installed: the dissector in docs/wireshark is not tested");
        return;
    }
    let frame = run(
        &["encode", "--secret", "s"],
        br#"{"type": 0, "uri": "uri", "content": "content", "auth": {"packify:4405": {"packify": "00"}}}"#,
    );
    let frame = frame.output();
    let (client, server): (SocketAddr, SocketAddr) =
        (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    let mut packets = Vec::new();
    for at in 0..frame.len() {
        for bits in [1, 0x40, 0xff] {
            let mut broken = frame.clone();
            broken[at] ^= bits;
            packets.push(udp(client, server, &broken));
        }
        packets.push(udp(client, server, &frame[..at]));
    }
    let place = std::env::temp_dir().join(format!("netaio-wireshark-{}.pcap", std::process::id()));
    fs::write(&place, file(Format::Pcap, LINKS[0], &packets)).unwrap();
    let shown = tshark(&place, &["-e", "netaio.type"]);
    assert!(
        shown.len() > packets.len() / 2,
        "{} of {}",
        shown.len(),
        packets.len()
    );
    fs::remove_file(&place).unwrap();
}
