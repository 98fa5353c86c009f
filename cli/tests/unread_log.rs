//! `netaio serve` goes on where nobody reads its standard error.
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{ECHO, RUNTIMES, stop};

/// A server whose standard error nobody reads, with these limits of the shell's.
fn serve(limits: &str, options: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new("sh")
        .args(["-c", &format!("{limits} exec \"$0\" serve \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_netaio"))
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

/// Where it says that it listens.
fn address(out: &mut BufReader<ChildStdout>) -> SocketAddr {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let (_, address) = line.trim_end().rsplit_once(' ').unwrap();
    address.parse().unwrap()
}

/// Running out of descriptors is a warning; the server accepts again once there are some.
#[test]
fn a_warning_that_nobody_reads_does_not_end_the_acceptor() {
    for runtime in RUNTIMES {
        let options = ["--tcp", "127.0.0.1:0", "--runtime", runtime];
        let (mut child, mut out) = serve("ulimit -n 24;", &options);
        let address = address(&mut out);
        let many: Vec<_> = (0..40).map(|_| TcpStream::connect(address)).collect();
        // Those that were accepted before are served.
        let mut first = many.into_iter().map(Result::unwrap);
        let mut stream = first.next().unwrap();
        let echo = |stream: &mut TcpStream| {
            stream.write_all(ECHO).unwrap();
            stream.read_exact(&mut [0; ECHO.len()]).unwrap();
        };
        echo(&mut stream);
        // The last one waits for a descriptor.
        let mut last = first.next_back().unwrap();
        drop(first);
        echo(&mut last);
        echo(&mut stream);
        assert_eq!(stop(&mut child, "-TERM"), Some(0), "{runtime}");
    }
}

/// A `CREATE_URI` whose content is as long as a datagram takes: longer than anybody can be
/// notified of, which is a warning.
fn create(uri: &str, content: usize) -> Vec<u8> {
    let uri_len = u16::try_from(uri.len()).unwrap();
    let body = [&uri_len.to_be_bytes(), uri.as_bytes(), &vec![b'x'; content]].concat();
    let mut crc = u32::MAX;
    for byte in &body {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let body_len = u16::try_from(body.len()).unwrap();
    let header = [
        &[2, 0, 3][..],
        &body_len.to_be_bytes(),
        &(!crc).to_be_bytes(),
    ]
    .concat();
    [&header, &b"\x4d\x40\0"[..], &body].concat()
}

/// Nor does it matter to a node that subscribers cannot be told.
#[test]
fn a_warning_that_nobody_reads_does_not_end_the_node() {
    for runtime in RUNTIMES {
        let options = ["--udp", "127.0.0.1:0", "--runtime", runtime];
        let (mut child, mut out) = serve("", &options);
        let server = address(&mut out);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut answer = [0; 65_536];
        let mut ask = |datagram: &[u8]| {
            socket.send_to(datagram, server).unwrap();
            let length = socket.recv(&mut answer).unwrap();
            answer[..length].to_vec()
        };
        for uri in ["a", "b"] {
            let stored = ask(&create(uri, 65_480));
            assert!(stored.starts_with(&[10]) && stored.ends_with(b"stored"));
        }
        assert!(ask(ECHO).ends_with(b"echohi"));
        assert_eq!(stop(&mut child, "-TERM"), Some(0), "{runtime}");
    }
}
