//! `netaio serve --metrics`.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use common::folder::Folder;
use common::server::Server;
use common::subscriber::Subscriber;
use common::{RUNTIMES, Ran, run};

fn ask(server: &Server, args: &[&str]) -> Ran {
    let addr = server.addr.to_string();
    run(&[args, &["--server", &addr]].concat(), b"")
}

/// The head and the body of an answer.
fn get(addr: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The samples of a page, each of which has to be described before.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let (mut types, mut found) = (BTreeMap::new(), BTreeMap::new());
    for line in page.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').unwrap();
            assert!(
                types.insert(name.to_owned(), kind.to_owned()).is_none(),
                "{line}"
            );
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let bare = name.split('{').next().unwrap();
            let of_histogram = ["_bucket", "_sum", "_count"];
            let of_histogram = of_histogram.iter().find_map(|end| bare.strip_suffix(end));
            assert!(
                types.contains_key(bare) || types.contains_key(of_histogram.unwrap_or_default()),
                "{line}"
            );
            assert!(
                found
                    .insert(name.to_owned(), value.parse().unwrap())
                    .is_none(),
                "{line}"
            );
        }
    }
    found
}

#[test]
fn counters_are_served_on_every_runtime() {
    let folder = Folder::new("metrics");
    for runtime in RUNTIMES {
        let store = folder.path(runtime);
        for options in [&[][..], &["--store", &store]] {
            let options = [&["--runtime", runtime][..], options].concat();
            let server = Server::start_on(&["tcp", "udp", "metrics"], &options);
            let metrics = server.metrics.unwrap();
            let addr = server.addr.to_string();
            let _subscriber = Subscriber::start(&["news", "--server", &addr]);
            assert_eq!(ask(&server, &["create", "a", "--content", "123"]).status, 0);
            assert_eq!(ask(&server, &["request", "a"]).stdout, b"123");
            let (head, page) = get(metrics, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert!(
                head.contains("\r\nContent-Type: text/plain; version=0.0.4"),
                "{head}"
            );
            assert!(
                head.contains(&format!("\r\nContent-Length: {}\r\n", page.len())),
                "{head}"
            );
            let found = samples(&page);
            for (name, value) in [
                ("netaio_connections_total{node=\"tcp\"}", 3.0),
                ("netaio_received_messages_total{node=\"tcp\"}", 3.0),
                ("netaio_subscribed_keys{node=\"tcp\"}", 1.0),
                ("netaio_handler_seconds_count{node=\"tcp\"}", 3.0),
                ("netaio_received_messages_total{node=\"udp\"}", 0.0),
                ("netaio_store_resources", 1.0),
                ("netaio_store_bytes", 260.0),
            ] {
                assert_eq!(found.get(name), Some(&value), "{name}\n{page}");
            }
            if cfg!(target_os = "linux") {
                assert!(found["process_resident_memory_bytes"] > 1e6, "{page}");
                assert!(found["process_cpu_seconds_total"] > 0.0, "{page}");
            }
            assert!(found["process_start_time_seconds"] > 1.7e9, "{page}");
            let commits = found.get("netaio_store_commits_total");
            assert_eq!(commits.is_some(), options.len() > 2, "{page}");
            let (head, body) = get(metrics, "GET /healthz HTTP/1.0\r\n\r\n");
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert_eq!(body, "ok\n");
            let (head, body) = get(metrics, "HEAD /metrics HTTP/1.1\r\n\r\n");
            assert!(
                head.starts_with("HTTP/1.1 200 OK\r\n") && body.is_empty(),
                "{head}"
            );
            assert_eq!(server.stop("-TERM"), Some(0));
        }
    }
}

#[test]
fn curl_understands_it() {
    let server = Server::start_on(&["tcp", "metrics"], &[]);
    let url = format!("http://{}/metrics", server.metrics.unwrap());
    let curl = [
        "--silent",
        "--show-error",
        "--fail",
        "--noproxy",
        "*",
        "--max-time",
        "60",
        &url,
        &url,
    ];
    let Ok(ran) = std::process::Command::new("curl").args(curl).output() else {
        println!("SKIPPED: there is no curl");
        return;
    };
    assert!(ran.status.success(), "{ran:?}");
    let pages = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(
        pages
            .matches("# TYPE netaio_connections_total counter\n")
            .count(),
        2
    );
}

#[test]
fn who_asks_strangely_or_not_at_all_keeps_nobody_out() {
    let server = Server::start_on(&["tcp", "metrics"], &[]);
    let metrics = server.metrics.unwrap();
    for (request, status) in [
        ("GET /other HTTP/1.1\r\n\r\n", "404"),
        (
            "POST /metrics HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi",
            "405",
        ),
        ("hello\n\n", "400"),
        (
            &format!("GET /metrics HTTP/1.1\r\nA: {}", "x".repeat(20_000)),
            "431",
        ),
    ] {
        let (head, _) = get(metrics, request);
        assert_eq!(&head[9..12], status, "{head}");
    }
    // As many as may be: the next one is closed, and there is room again once one has gone.
    let connect = || TcpStream::connect(metrics).unwrap();
    let silent: Vec<_> = (0..32).map(|_| connect()).collect();
    let mut closed = connect();
    assert_eq!(closed.read(&mut [0]).unwrap_or(0), 0);
    for stream in silent {
        let mut stream = stream;
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    let (head, _) = get(metrics, "GET /healthz HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    // The address is taken.
    let taken = run(
        &[
            "serve",
            "--tcp",
            "127.0.0.1:0",
            "--metrics",
            &metrics.to_string(),
        ],
        b"",
    );
    let error = format!("netaio: cannot listen on {metrics}: ");
    assert!(taken.stderr.starts_with(&error), "{}", taken.stderr);
    assert_eq!(taken.status, 1);
}
