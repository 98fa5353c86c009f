//! `netaio serve` under a service manager: sockets that it is handed, and what it tells.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::time::Duration;

use common::activation::{activate, start};
use common::folder::Folder;
use common::server::Server;
use common::{ECHO, RUNTIMES, Ran, run};

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Another descriptor of the same socket: systemd keeps its own one.
fn copy(listener: &TcpListener) -> OwnedFd {
    listener.try_clone().unwrap().into()
}

fn echo(address: SocketAddr, options: &[&str]) -> String {
    let address = address.to_string();
    let args = ["request", "echo", "--content", "hi", "--server", &address];
    let ran = run(&[&args, options].concat(), b"");
    assert_eq!(ran.status, 0, "{ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

/// What a command that does not serve has left.
fn ran(child: std::process::Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code().unwrap(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn it_serves_on_a_socket_that_it_is_handed() {
    for runtime in RUNTIMES {
        let (listener, address) = listener();
        // Nothing serves yet, and nobody is refused.
        let mut early = TcpStream::connect(address).unwrap();
        early.write_all(ECHO).unwrap();
        let options = ["serve", "--runtime", runtime];
        let server = activate("netaio.socket", vec![copy(&listener)], &options);
        let server = Server::of(server, &["tcp"]);
        assert_eq!(server.addr, address);
        let mut answer = [0; ECHO.len()];
        early.read_exact(&mut answer).unwrap();
        assert!(answer.ends_with(b"echohi"), "{answer:?}");
        assert_eq!(echo(address, &[]), "hi");
        assert_eq!(server.stop("-TERM"), Some(0));
        // Nor while another one is started.
        let mut between = TcpStream::connect(address).unwrap();
        between.write_all(ECHO).unwrap();
        let next = activate("netaio.socket", vec![copy(&listener)], &options);
        let _next = Server::of(next, &["tcp"]);
        between.read_exact(&mut answer).unwrap();
        assert!(answer.ends_with(b"echohi"), "{answer:?}");
    }
}

#[test]
fn sockets_of_each_kind_are_told_apart() {
    for runtime in RUNTIMES {
        let ((first, tcp), (page, metrics)) = (listener(), listener());
        // At all addresses an answer has to leave from the one that it was asked at.
        let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
        let at = SocketAddr::from(([127, 0, 0, 2], udp.local_addr().unwrap().port()));
        let sockets = vec![udp.into(), page.into(), first.into()];
        let options = ["serve", "--tcp", "127.0.0.1:0", "--runtime", runtime];
        let server = activate("net:metrics:net", sockets, &options);
        // The one that is asked for by an option is there besides.
        let server = Server::of(server, &["tcp", "tcp", "udp", "metrics"]);
        assert_eq!(server.metrics, Some(metrics));
        for (address, options) in [(server.addr, &[][..]), (tcp, &[]), (at, &["--udp"])] {
            assert_ne!(address.port(), 8888);
            assert_eq!(echo(address, options), "hi");
        }
        let mut health = TcpStream::connect(metrics).unwrap();
        health.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        health.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    }
    // With one of UDP alone there is no TCP.
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = activate("net", vec![udp.into()], &["serve"]);
    let server = Server::of(server, &["udp"]);
    assert_eq!(echo(server.addr, &["--udp"]), "hi");
}

#[cfg(feature = "tls")]
#[test]
fn tls_is_served_on_a_socket_that_is_handed_over() {
    let folder = Folder::new("activated");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = folder.private("crt", made.cert.pem());
    let key = folder.private("key", made.signing_key.serialize_pem());
    let (listener, address) = listener();
    let options = ["serve", "--tls-cert", &certificate, "--tls-key", &key];
    let server = activate("netaio.socket", vec![listener.into()], &options);
    let _server = Server::of(server, &["tcp"]);
    assert_eq!(echo(address, &["--ca", &certificate]), "hi");
}

#[test]
fn what_is_handed_over_to_another_process_is_left_alone() {
    let (listener, address) = listener();
    let parent = std::process::id().to_string();
    let environment = [("LISTEN_FDS", "1"), ("LISTEN_PID", &parent)];
    let options = ["serve", "--tcp", "127.0.0.1:0"];
    let server = start(&environment, vec![listener.into()], &options);
    let server = Server::of(server, &["tcp"]);
    assert_ne!(server.addr, address);
    assert_eq!(echo(server.addr, &[]), "hi");
    // None at all are none for any process, and those without one are for nobody.
    for environment in [
        &[("LISTEN_FDS", "0"), ("LISTEN_PID", "$$")][..],
        &[("LISTEN_FDS", "1")],
    ] {
        let server = start(environment, Vec::new(), &options);
        let server = Server::of(server, &["tcp"]);
        assert_eq!(echo(server.addr, &[]), "hi");
    }
}

#[test]
fn what_cannot_be_served_on_is_said() {
    let (ready, address) = listener();
    let connection: OwnedFd = TcpStream::connect(address).unwrap().into();
    let file: OwnedFd = File::open("/dev/null").unwrap().into();
    let datagrams: OwnedFd = UdpSocket::bind("127.0.0.1:0").unwrap().into();
    let for_it = ("LISTEN_PID", "$$");
    let serve = &["serve"][..];
    for (environment, sockets, options, problem) in [
        (
            &[("LISTEN_FDS", "two"), for_it][..],
            vec![],
            serve,
            "LISTEN_FDS is 'two', and is to say how many sockets are handed over, 64 at most",
        ),
        (
            &[("LISTEN_FDS", "1000000000"), for_it],
            vec![],
            serve,
            "LISTEN_FDS is '1000000000', and is to say how many sockets are handed over, 64 at most",
        ),
        (
            &[("LISTEN_FDS", "1"), ("LISTEN_PID", "me")],
            vec![],
            serve,
            "LISTEN_PID is 'me', and is to be the number of the process that LISTEN_FDS is for",
        ),
        (
            &[("LISTEN_FDS", "1"), for_it, ("LISTEN_FDNAMES", "a:b")],
            vec![],
            serve,
            "LISTEN_FDNAMES has 2 names, and LISTEN_FDS says 1 sockets",
        ),
        (
            // There is no such descriptor.
            &[("LISTEN_FDS", "2"), for_it],
            vec![copy(&ready)],
            serve,
            "descriptor 4 (unknown), which was handed over, is no socket of TCP or UDP",
        ),
        (
            &[("LISTEN_FDS", "1"), for_it, ("LISTEN_FDNAMES", "null")],
            vec![file],
            serve,
            "descriptor 3 (null), which was handed over, is no socket of TCP or UDP",
        ),
        (
            &[("LISTEN_FDS", "1"), for_it],
            vec![connection],
            serve,
            "descriptor 3 (unknown), which was handed over, is of TCP and does not listen",
        ),
        (
            &[
                ("LISTEN_FDS", "2"),
                for_it,
                ("LISTEN_FDNAMES", "metrics:metrics"),
            ],
            vec![copy(&ready), copy(&ready)],
            serve,
            "descriptor 4 is a second socket for --metrics; one can be handed over",
        ),
        (
            &[("LISTEN_FDS", "1"), for_it, ("LISTEN_FDNAMES", "metrics")],
            vec![copy(&ready)],
            &["serve", "--metrics", "127.0.0.1:0"],
            "a socket for --metrics was handed over, and is not to be given by that option besides",
        ),
        (
            &[("LISTEN_FDS", "1"), for_it],
            vec![datagrams],
            &["serve", "--udp", "127.0.0.1:0"],
            "a UDP socket was handed over, and is not to be given by --udp besides",
        ),
    ] {
        let ran = ran(start(environment, sockets, options));
        assert_eq!(ran.stderr, format!("netaio: {problem}\n"));
        assert_eq!(ran.status, 2, "{problem}");
    }
}

/// A service manager that listens.
struct Manager {
    socket: UnixDatagram,
    folder: Folder,
}

impl Manager {
    fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let socket = UnixDatagram::bind(folder.path("notify")).unwrap();
        // It hangs, or is told.
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self { socket, folder }
    }

    fn told(&self) -> String {
        let mut told = [0; 4096];
        let len = self.socket.recv(&mut told).unwrap();
        String::from_utf8(told[..len].to_vec()).unwrap()
    }
}

#[test]
fn a_service_manager_is_told_how_it_does() {
    for runtime in RUNTIMES {
        let manager = Manager::new(&format!("manager-{runtime}"));
        let socket = manager.folder.path("notify");
        let store = manager.folder.path("store");
        let environment = [
            ("NOTIFY_SOCKET", socket.as_str()),
            ("WATCHDOG_USEC", "100000"),
            ("WATCHDOG_PID", "$$"),
        ];
        let options = ["serve", "--tcp", "127.0.0.1:0", "--udp", "127.0.0.1:0"];
        let options = [&options[..], &["--store", &store, "--runtime", runtime]].concat();
        let server = start(&environment, Vec::new(), &options);
        let server = Server::of(server, &["tcp", "udp"]);
        let (tcp, udp) = (server.addr, server.udp.unwrap());
        let listening = format!("STATUS=listening on tcp {tcp}, udp {udp}");
        assert_eq!(manager.told(), format!("READY=1\n{listening}"));
        // It has the addresses as long as it listens.
        let sign = |connections| format!("WATCHDOG=1\n{listening}; connections: {connections}");
        assert_eq!(manager.told(), sign(0));
        let connection = TcpStream::connect(server.addr).unwrap();
        while manager.told() != sign(1) {}
        drop(connection);
        while manager.told() != sign(0) {}
        assert_eq!(server.stop("-TERM"), Some(0));
        let stopping = "STOPPING=1\nSTATUS=answering what has come";
        while manager.told() != stopping {}
    }
}

#[test]
fn no_signs_of_life_are_given_for_another_process() {
    for (name, environment) in [
        ("none", &[][..]),
        (
            "other",
            &[("WATCHDOG_USEC", "20000"), ("WATCHDOG_PID", "1")],
        ),
        ("strange", &[("WATCHDOG_USEC", "soon")]),
    ] {
        let manager = Manager::new(&format!("no-signs-{name}"));
        let socket = manager.folder.path("notify");
        let environment = [&[("NOTIFY_SOCKET", socket.as_str())], environment].concat();
        let options = ["serve", "--tcp", "127.0.0.1:0"];
        let server = Server::of(start(&environment, Vec::new(), &options), &["tcp"]);
        assert!(manager.told().starts_with("READY=1\n"));
        assert_eq!(echo(server.addr, &[]), "hi");
        assert_eq!(server.stop("-TERM"), Some(0));
        assert!(manager.told().starts_with("STOPPING=1\n"));
    }
}

#[test]
fn the_socket_of_a_service_manager_may_have_no_path_or_be_none() {
    let name = format!("netaio-test-{}", std::process::id());
    let address = UnixAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let options = ["serve", "--tcp", "127.0.0.1:0"];
    let environment = [("NOTIFY_SOCKET", &*format!("@{name}"))];
    let _server = Server::of(start(&environment, Vec::new(), &options), &["tcp"]);
    let mut told = [0; 8];
    assert_eq!(socket.recv(&mut told).unwrap(), told.len());
    assert_eq!(&told, b"READY=1\n");
    // Where nobody listens, or the address is none, it serves nevertheless.
    for address in ["/nowhere/at/all", "notify"] {
        let environment = [("NOTIFY_SOCKET", address)];
        let mut child = start(&environment, Vec::new(), &options);
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let server = Server::of(child, &["tcp"]);
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let problem = format!("the service manager cannot be told address=\"{address}\"");
        assert!(line.contains(&problem), "{line}");
        assert_eq!(echo(server.addr, &[]), "hi");
    }
}
