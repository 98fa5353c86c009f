//! `netaio subscribe` and `netaio publish`, as commands.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};

use common::server::Server;
use common::subscriber::Subscriber;
use common::{RUNTIMES, json_lines, run, start, stop};
use netaio_core::Message;
use netaio_core::types::SUBSCRIBE_URI;
use netaio_driver::Remote;
use netaio_tests::python::{Outer, Python, PythonError, PythonServer, ServerOptions};

#[test]
fn subscribers_are_told_what_happens() {
    let server = Server::start(&["--secret", "s"]);
    let addr = server.addr.to_string();
    let common = ["--server", &addr, "--secret", "s"];
    let ask = |args: &[&str]| run(&[args, &common].concat(), b"");
    let mut both = Subscriber::start(&[&["a", "b", "--no-reconnect"], &common[..]].concat());
    let one = Subscriber::start(&[&["b", "--json", "--count", "1"], &common[..]].concat());
    assert_eq!(
        ask(&["create", "a", "--content", "first"]).stdout,
        b"stored"
    );
    assert_eq!(both.line(), "a first\n");
    assert_eq!(
        ask(&["update", "a", "--content", "second"]).stdout,
        b"stored"
    );
    assert_eq!(both.line(), "a second\n");
    assert_eq!(ask(&["delete", "a"]).stdout, b"deleted");
    assert_eq!(both.line(), "a \n");
    assert_eq!(ask(&["publish", "b", "--content", "news"]).stdout, b"2");
    assert_eq!(both.line(), "b news\n");
    assert_eq!(
        ask(&["publish", "nobody's", "--content", "news"]).stdout,
        b"0"
    );
    let (status, printed) = one.end();
    assert_eq!(status, Some(0));
    let news = &json_lines(printed.as_bytes())[0];
    assert_eq!(
        (&news["name"], &news["uri"]),
        (&"NOTIFY_URI".into(), &"b".into())
    );
    assert_eq!(
        (&news["content_hex"], news.get("verified")),
        (&"6e657773".into(), None)
    );
    // The one that has ended is subscribed no more.
    while ask(&["publish", "b", "--content", "more"]).stdout != b"1" {
        assert_eq!(both.line(), "b more\n");
    }
    assert_eq!(both.line(), "b more\n");
    assert_eq!(server.stop("-TERM"), Some(0));
    assert_eq!(both.end(), (Some(4), String::new()));
}

/// A burst of more than may wait for one subscriber slows its publishers down, and reaches who
/// reads, though another subscriber beside it never does.
#[test]
fn a_burst_reaches_whoever_reads() {
    const MESSAGES: usize = 5000;
    const PUBLISHERS: usize = 8;
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    let count = MESSAGES.to_string();
    let mut subscriber = Subscriber::start(&["news", "--count", &count, "--server", &addr]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let connect = || {
        runtime.block_on(async {
            let client = netaio_tokio::Client::builder().build().unwrap();
            let connection = client.connect(&addr).await.unwrap();
            (client, connection)
        })
    };
    // Nobody takes what its stream has, so that it reads no more.
    let (never, connection) = connect();
    let unread = never.messages();
    runtime.block_on(async { connection.subscribe("news").request().await.unwrap() });
    let publishing: Vec<_> = (0..PUBLISHERS).map(|_| connect()).collect();
    let publishers = publishing
        .iter()
        .enumerate()
        .map(|(first, (_, publisher))| {
            let publisher = publisher.clone();
            runtime.spawn(async move {
                for number in (first..MESSAGES).step_by(PUBLISHERS) {
                    let content = format!("{number:010000}");
                    let publish = Message::publish("news", content);
                    let answer = publisher.request_message(publish).await.unwrap();
                    answer.into_result().unwrap();
                }
            })
        });
    let publishers: Vec<_> = publishers.collect();
    let mut numbers: Vec<usize> = (0..MESSAGES)
        .map(|_| subscriber.line().trim().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..MESSAGES));
    for publisher in publishers {
        runtime.block_on(publisher).unwrap();
    }
    assert_eq!(subscriber.end(), (Some(0), String::new()));
    drop(unread);
    assert_eq!(server.stop("-TERM"), Some(0));
}

/// What a server says that it has dropped is said, before what came next.
#[test]
fn what_is_missing_is_said() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    // It tells before it confirms.
    let tell = |remote: Remote| async move {
        for (content, lost) in [("1", 0), ("5", 3)] {
            let news = Message::notify("a", content).with_gap(lost);
            remote.send(news).await.unwrap();
        }
        ""
    };
    let server = netaio_tokio::Server::builder().on(SUBSCRIBE_URI, tell);
    let server = runtime.block_on(server.bind("127.0.0.1:0")).unwrap();
    let node = netaio_tokio::UdpNode::builder().on(SUBSCRIBE_URI, tell);
    let node = runtime
        .block_on(node.no_group().bind("127.0.0.1:0"))
        .unwrap();
    for (address, udp) in [(server.local_addr(), false), (node.local_addr(), true)] {
        let address = address.to_string();
        let udp: &[&str] = if udp { &["--udp"] } else { &[] };
        let args = ["subscribe", "a", "--count", "2", "--server", &address];
        let ran = run(&[&args[..], udp].concat(), b"");
        assert_eq!((ran.status, &ran.stdout[..]), (0, &b"1\n5\n"[..]));
        let said = "the server has lost at least 3 notifications before the next one\n";
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn a_python_server_tells_them_too() -> Result<(), PythonError> {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let outer = Outer {
        secret: Some("s".into()),
        key: Some("k".into()),
        plain_uri: false,
    };
    let options = ServerOptions {
        outer,
        ..ServerOptions::default()
    };
    let server = PythonServer::start(&python, &options)?;
    let addr = server.addr.to_string();
    let common = ["--server", &addr, "--secret", "s", "--key", "k"];
    let subscriber = Subscriber::start(&[&["a", "--count", "2"], &common[..]].concat());
    for news in ["one", "two"] {
        let told = run(
            &[&["publish", "a", "--content", news], &common[..]].concat(),
            b"",
        );
        assert_eq!(told.stdout, b"1", "{}", told.stderr);
    }
    assert_eq!(subscriber.end(), (Some(0), "one\ntwo\n".into()));
    Ok(())
}

/// Whatever came before the end of the connection is printed, and the end is told behind it.
#[test]
fn the_end_is_told_behind_the_last_notification() {
    const NEWS: usize = 300;
    let line = |number| format!("{number:04}{}", ".".repeat(1000));
    let mut sent = r#"{"type":"CONFIRM_SUBSCRIBE","uri":"a"}"#.to_owned();
    for number in 0..NEWS {
        let news = line(number);
        sent += &format!("\n{{\"type\":\"NOTIFY_URI\",\"uri\":\"a\",\"content\":\"{news}\"}}");
    }
    let frames = run(&["encode"], sent.as_bytes()).output();
    for runtime in RUNTIMES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().to_string();
        let args = ["subscribe", "a", "--no-reconnect", "--server", &server];
        let args = [&args[..], &["--runtime", runtime]].concat();
        let child = start(&args);
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 8]).unwrap();
        stream.write_all(&frames).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // Only now is its output read, which is more than a pipe holds.
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{runtime}");
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(
            printed.lines().eq((0..NEWS).map(line)),
            "{runtime}: {}",
            printed.len()
        );
    }
}

/// One is as the lines of its notifications say it, and several are told apart.
#[test]
fn what_is_subscribed_to_is_quoted_where_it_is_no_plain_word() {
    let server = Server::start(&[]);
    let addr = server.addr.to_string();
    let mut child = start(&["subscribe", "a", "b c, d", "x\ny", "--server", &addr]);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "subscribed to a, \"b c, d\", \"x\\ny\"\n");
    assert_eq!(stop(&mut child, "-TERM"), Some(0));
}
