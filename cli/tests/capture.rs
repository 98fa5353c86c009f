//! `netaio decode` of captures, as a command.
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::io::{Read, Write};
use std::net::SocketAddr;

use common::capture::{End, FORMATS, Format, LINKS, Packet, file, fragments, udp};
use common::{ECHO, Ran, json_lines, run, start};
use serde_json::json;

const ECHO_LINE: &str = "REQUEST_URI echo 2 bytes \"hi\"";

fn ends() -> (SocketAddr, SocketAddr) {
    (
        "10.0.0.1:50000".parse().unwrap(),
        "10.0.0.2:8888".parse().unwrap(),
    )
}

fn pcap(packets: &[Packet]) -> Vec<u8> {
    file(Format::Pcap, LINKS[0], packets)
}

/// What is printed of a capture, each line without its time.
fn lines(ran: &Ran) -> Vec<String> {
    let text = String::from_utf8(ran.stdout.clone()).unwrap();
    let cut = |line: &str| line.split_once(' ').unwrap().1.to_owned();
    text.lines().map(cut).collect()
}

fn frame(uri: &str, content: &str, args: &[&str]) -> Vec<u8> {
    let line = json!({"type": "NOTIFY_URI", "uri": uri, "content": content}).to_string();
    run(&[&["encode"], args].concat(), line.as_bytes()).output()
}

#[test]
fn every_format_and_link_layer_is_read() {
    for format in FORMATS {
        for link in LINKS {
            for (from, to) in [
                ("10.0.0.1:50000", "10.0.0.2:8888"),
                ("[fe80::1]:50000", "[fe80::2]:8888"),
            ] {
                let (from, to): (SocketAddr, SocketAddr) =
                    (from.parse().unwrap(), to.parse().unwrap());
                let mut end = End::new(from, to, u32::MAX - 5);
                let packets = [
                    end.syn(),
                    end.send(&ECHO[..8]),
                    end.send(&ECHO[8..]),
                    udp(to, from, ECHO),
                ];
                let capture = file(*format, *link, &packets);
                let ran = run(&["decode"], &capture);
                let wanted = format!(
                    "2023-11-14T22:13:22.000002Z TCP {from} > {to} {ECHO_LINE}\n\
                     2023-11-14T22:13:23.000003Z UDP {to} > {from} {ECHO_LINE}\n"
                );
                let printed = String::from_utf8_lossy(&ran.stdout);
                assert_eq!(printed, wanted, "{format:?} {}: {}", link.0, ran.stderr);
                assert_eq!((ran.status, &*ran.stderr), (0, "4 packets, 2 frames\n"));
            }
        }
    }
}

#[test]
fn segments_are_put_in_order() {
    let (from, to) = ends();
    let mut end = End::new(from, to, 7);
    let stream: Vec<u8> = (0..20)
        .flat_map(|number| frame(&number.to_string(), "content", &[]))
        .collect();
    let mut packets = vec![end.syn()];
    let first = end.next;
    let mut parts: Vec<_> = stream.chunks(11).map(|part| end.send(part)).collect();
    // Every order that is wrong, and everything twice, and differently cut.
    parts.reverse();
    parts.rotate_left(5);
    packets.extend(parts);
    let again = stream.chunks(64).enumerate();
    packets.extend(again.map(|(index, part)| end.at(first + index as u32 * 64, part)));
    packets.push(end.fin());
    packets.push(end.at(first, &stream[..50]));
    let ran = run(&["decode"], &pcap(&packets));
    let wanted: Vec<_> = (0..20)
        .map(|number| format!("TCP {from} > {to} NOTIFY_URI {number} 7 bytes \"content\""))
        .collect();
    assert_eq!(lines(&ran), wanted, "{}", ran.stderr);
    let said = format!("{} packets, 20 frames, ", packets.len());
    assert!(ran.stderr.starts_with(&said), "{}", ran.stderr);
    assert!(
        ran.stderr.ends_with(" bytes came again over TCP\n"),
        "{}",
        ran.stderr
    );
}

/// What was not captured is said, and the frames behind it are found.
#[test]
fn what_is_missing_is_said() {
    let (from, to) = ends();
    let frames: Vec<_> = (0..6)
        .map(|number| frame(&number.to_string(), "content", &[]))
        .collect();
    let shown = |number: u32| format!("TCP {from} > {to} NOTIFY_URI {number} 7 bytes \"content\"");
    let missing =
        |len: usize| format!("TCP {from} > {to} ! {len} bytes are missing in the capture");
    let mut end = End::new(from, to, 7);
    let mut packets = vec![end.syn(), end.send(&frames[0])];
    end.send(&frames[1]);
    packets.push(end.send(&frames[2]));
    let end_of_it = end.next;
    // At the end of the capture nothing more can come.
    let ran = run(&["decode"], &pcap(&packets));
    let wanted = [shown(0), missing(frames[1].len()), shown(2)];
    assert_eq!(lines(&ran), wanted);
    // Nor once the other end has it.
    packets.push(End::new(to, from, 99).acknowledge(end_of_it));
    packets.push(end.send(&frames[3][..9]));
    end.send(&frames[3][9..]);
    packets.push(end.send(&frames[4]));
    packets.push(end.send(&frames[5]));
    packets.push(End::new(to, from, 99).acknowledge(end.next));
    let ran = run(&["decode"], &pcap(&packets));
    let wanted = [
        &wanted[..],
        &[missing(frames[3].len() - 9), shown(4), shown(5)],
    ];
    assert_eq!(lines(&ran), wanted.concat());
    // A stream that ends within a frame.
    let mut end = End::new(from, to, 7);
    let cut = [
        end.syn(),
        end.send(&frames[0]),
        end.send(&frames[1][..10]),
        end.fin(),
    ];
    let ran = run(&["decode"], &pcap(&cut));
    assert_eq!(lines(&ran)[0], shown(0));
    assert!(
        lines(&ran)[1].contains("! ends within a frame: truncated: "),
        "{:?}",
        lines(&ran)
    );
    assert_eq!(ran.status, 0);
}

/// The start was not captured: the first frame that begins with a segment is found.
#[test]
fn a_capture_may_begin_within_a_stream() {
    let (from, to) = ends();
    let long = frame("long", &"x".repeat(3000), &[]);
    let mut end = End::new(from, to, 7);
    let packets = [
        end.send(&long[1400..2800]),
        end.send(&long[2800..]),
        end.send(ECHO),
        end.send(&long[..1400]),
        end.send(&long[1400..]),
    ];
    let ran = run(&["decode"], &pcap(&packets));
    let shown = lines(&ran);
    assert_eq!(shown[0], format!("TCP {from} > {to} {ECHO_LINE}"));
    assert!(shown[1].contains("NOTIFY_URI long 3000 bytes"), "{shown:?}");
    assert_eq!(shown.len(), 2);
}

#[test]
fn fragments_are_put_together() {
    let (from, to) = ends();
    let long = frame("long", &"x".repeat(60_000), &[]);
    let mut parts = fragments(&udp(from, to, &long), 1480);
    parts.reverse();
    let ran = run(&["decode"], &pcap(&parts));
    assert!(
        lines(&ran)[0].contains("NOTIFY_URI long 60000 bytes"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr, "41 packets, 1 frame\n");
    parts.remove(7);
    let ran = run(&["decode"], &pcap(&parts));
    assert!(ran.stdout.is_empty());
    let said = "40 packets, 0 frames, 1 IP packet has a part missing\n";
    assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
}

#[test]
fn what_is_no_netaio_is_left_out_unless_its_port_is_named() {
    let (from, to) = ends();
    let web: (SocketAddr, SocketAddr) = (
        "10.0.0.1:50001".parse().unwrap(),
        "10.0.0.2:80".parse().unwrap(),
    );
    let mut end = End::new(web.0, web.1, 7);
    let mut ours = End::new(from, to, 7);
    let mut broken = ECHO.to_vec();
    broken[19] ^= 1;
    let packets = [
        end.syn(),
        end.send(b"GET / HTTP/1.1\r\n\r\n"),
        udp(web.0, web.1, b"not ours"),
        ours.syn(),
        ours.send(ECHO),
        ours.send(&broken),
        ours.send(ECHO),
        udp(from, to, &broken),
    ];
    let capture = pcap(&packets);
    let way = format!("TCP {from} > {to}");
    let problem = "! no frame: checksum 339503ac does not match";
    let ran = run(&["decode"], &capture);
    let shown = lines(&ran);
    assert_eq!(shown[0], format!("{way} {ECHO_LINE}"));
    assert!(
        shown[1].starts_with(&format!("{way} {problem}")),
        "{shown:?}"
    );
    assert_eq!(shown[2], format!("{way} {ECHO_LINE}"));
    assert_eq!((shown.len(), ran.status), (3, 0));
    let ran = run(&["decode", "--port", "8888"], &capture);
    assert!(
        lines(&ran)[3].starts_with(&format!("UDP {from} > {to} {problem}")),
        "{ran:?}"
    );
    let ran = run(&["decode", "--port", "80"], &capture);
    let shown = lines(&ran);
    assert!(shown[0].contains("! no frame: "), "{shown:?}");
    assert!(
        shown[1].starts_with("UDP 10.0.0.1:50001 > 10.0.0.2:80 ! no frame: "),
        "{shown:?}"
    );
    assert_eq!(shown.len(), 2);
    let ran = run(&["decode", "--port", "9999"], &capture);
    assert_eq!(
        (&ran.stdout[..], &*ran.stderr),
        (&b""[..], "8 packets, 0 frames\n")
    );
    // Something else has no ports.
    let ran = run(&["decode", "--port", "80"], ECHO);
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.starts_with("netaio: --port is for captures"),
        "{}",
        ran.stderr
    );
}

#[test]
fn json_has_the_place_and_makes_the_frame_again() {
    let (from, to) = ends();
    let capture = pcap(&[udp(from, to, ECHO), udp(from, to, b"no frame")]);
    let ran = run(&["decode", "--json", "--port", "8888"], &capture);
    let shown = json_lines(&ran.stdout);
    assert_eq!(shown[0]["time"], "2023-11-14T22:13:20.000000Z");
    assert_eq!(
        (&shown[0]["transport"], &shown[0]["from"], &shown[0]["to"]),
        (
            &"UDP".into(),
            &from.to_string().into(),
            &to.to_string().into()
        )
    );
    assert_eq!(
        (&shown[0]["name"], &shown[0]["uri"]),
        (&"REQUEST_URI".into(), &"echo".into())
    );
    assert!(
        shown[1]["problem"]
            .as_str()
            .unwrap()
            .starts_with("no frame: ")
    );
    let line = ran.stdout.split(|byte| *byte == b'\n').next().unwrap();
    assert_eq!(run(&["encode"], line).output(), ECHO);
}

#[test]
fn layers_are_opened_and_what_does_not_pass_is_said() {
    let (from, to) = ends();
    let keys = ["--secret", "s", "--key", "k"];
    let sealed = frame("a", "b", &keys);
    let capture = pcap(&[udp(from, to, &sealed), udp(from, to, ECHO)]);
    let ran = run(&[&["decode"], &keys[..]].concat(), &capture);
    let shown = lines(&ran);
    assert!(
        shown[0].contains("NOTIFY_URI a 1 byte \"b\" auth{"),
        "{shown:?}"
    );
    assert!(shown[1].contains("! REQUEST_URI: "), "{shown:?}");
    assert_eq!(ran.status, 0);
}

#[test]
fn a_packet_is_printed_as_soon_as_it_is_there() {
    let (from, to) = ends();
    let capture = pcap(&[udp(from, to, ECHO), udp(from, to, ECHO)]);
    let mut child = start(&["decode"]);
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let half = capture.len() - 10;
    // Each byte by itself, the first ones too.
    for byte in &capture[..half] {
        input.write_all(&[*byte]).unwrap();
    }
    let line = format!("2023-11-14T22:13:20.000000Z UDP {from} > {to} {ECHO_LINE}\n");
    let mut read = vec![0; line.len()];
    output.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8_lossy(&read), line);
    drop(input);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("\nnetaio: capture at byte "), "{said}");
    assert!(said.contains("the file is cut off here"), "{said}");
}

/// Every truncation is either whole packets, or an error that says where.
#[test]
fn truncated_files_are_errors() {
    let (from, to) = ends();
    for format in [Format::Pcap, Format::NgBigEndian] {
        let capture = file(
            format,
            LINKS[0],
            &[udp(from, to, ECHO), udp(from, to, ECHO)],
        );
        for len in (4..capture.len()).step_by(7) {
            let ran = run(&["decode"], &capture[..len]);
            assert!(matches!(ran.status, 0 | 1), "{ran:?}");
            if ran.status == 1 {
                assert!(ran.stderr.contains("netaio: capture at byte "), "{ran:?}");
            }
        }
    }
}

#[test]
fn what_a_file_must_not_say_is_refused() {
    let (from, to) = ends();
    let capture = pcap(&[udp(from, to, ECHO)]);
    let with = |at: usize, bytes: &[u8]| {
        let mut capture = capture.clone();
        capture[at..at + bytes.len()].copy_from_slice(bytes);
        capture
    };
    // A packet of 4 GiB.
    let ran = run(&["decode"], &with(32, &[0xff; 4]));
    assert!(
        ran.stderr.ends_with(
            "netaio: capture at byte 24: a record of 4294967295 bytes; at most 16777216 are read\n"
        ),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.status, 1);
    // A link layer that nobody knows.
    let ran = run(&["decode"], &with(20, &[147, 0]));
    assert!(
        ran.stderr
            .contains("1 packet has the link type 147, which is not read"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.status, 0);
    // Blocks that are none.
    let ng = file(Format::Ng, LINKS[0], &[udp(from, to, ECHO)]);
    let with = |at: usize, bytes: &[u8]| {
        let mut ng = ng.clone();
        ng[at..at + bytes.len()].copy_from_slice(bytes);
        ng
    };
    for (capture, problem) in [
        (with(8, &[0; 4]), "capture at byte 0: this is no record"),
        (
            with(4, &[9, 0, 0, 0]),
            "capture at byte 0: this is no record",
        ),
        (
            with(4, &[0xff; 4]),
            "capture at byte 0: a record of 4294967295 bytes",
        ),
        (
            with(28, &[7]),
            "a packet of interface 0, which nothing has described",
        ),
    ] {
        let ran = run(&["decode"], &capture);
        assert_eq!(ran.status, 1, "{problem}");
        assert!(ran.stderr.contains(problem), "{problem}: {}", ran.stderr);
    }
}
