//! What the subscribers of `netaio serve` are told, and by whom.
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use common::server::Server;
use common::subscriber::Subscriber;
use common::{Ran, json_lines, run};
use netaio_tests::puppet::Answer;
use netaio_tests::python::{Inner, Outer, Python, PythonClient, PythonError};

fn ask(server: &Server, args: &[&str]) -> Ran {
    let addr = server.addr.to_string();
    run(&[args, &["--server", &addr]].concat(), b"")
}

/// Publishes as a client of one's own may, with an auth field of the store's.
fn forge(server: &Server, uri: &str, content: &str, change: &str) {
    // A packed string: its type, the length of its length, its length.
    let len = u8::try_from(change.len()).unwrap();
    let packed = [&[0x43, len], change.as_bytes()].concat();
    let hex: String = packed.iter().map(|byte| format!("{byte:02x}")).collect();
    let line = format!(
        r#"{{"type":"PUBLISH_URI","uri":"{uri}","content":"{content}","auth":{{"change":{{"packify":"{hex}"}}}}}}"#
    );
    let frame = run(&["encode"], line.as_bytes()).output();
    let read = json_lines(&run(&["decode", "--json"], &frame).output());
    assert_eq!(read[0]["auth"]["change"]["packify"], *hex);
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.write_all(&frame).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = json_lines(&run(&["decode", "--json"], &answer).output());
    assert_eq!(answer[0]["name"], "OK");
}

#[test]
fn what_others_publish_is_never_the_stores_own_news() {
    let server = Server::start_on(&["tcp", "udp"], &["--admin-secret", "admin"]);
    let (tcp, udp) = (server.addr.to_string(), server.udp.unwrap().to_string());
    let mut lines = Subscriber::start(&["a", "--changes", "--server", &tcp]);
    let count = ["--count", "6", "--json"];
    let json = Subscriber::start(&[&["a", "--server", &tcp], &count[..]].concat());
    let over_udp = Subscriber::start(&[&["a", "--udp", "--server", &udp], &count[..]].concat());
    let admin = ["--admin-secret", "admin"];
    let change = |args: &[&str]| assert_eq!(ask(&server, &[args, &admin].concat()).status, 0);
    change(&["create", "a", "--content", "1"]);
    assert_eq!(lines.line(), "created 1\n");
    assert_eq!(
        ask(&server, &["publish", "a", "--content", "1"]).stdout,
        b"3"
    );
    assert_eq!(lines.line(), "published 1\n");
    change(&["update", "a", "--content", "2"]);
    assert_eq!(lines.line(), "updated 2\n");
    forge(&server, "a", "3", "updated");
    assert_eq!(lines.line(), "published 3\n");
    forge(&server, "a", "", "deleted");
    assert_eq!(lines.line(), "published \n");
    change(&["delete", "a"]);
    assert_eq!(lines.line(), "deleted \n");
    for subscriber in [json, over_udp] {
        let (status, printed) = subscriber.end();
        assert_eq!(status, Some(0));
        let news = json_lines(printed.as_bytes());
        let changes: Vec<_> = news.iter().map(|news| news["change"].as_str()).collect();
        let expected = [
            Some("created"),
            None,
            Some("updated"),
            None,
            None,
            Some("deleted"),
        ];
        assert_eq!(changes, expected);
        let fields = news.iter().map(|news| news["auth"].get("change"));
        assert!(
            fields
                .map(|field| field.is_some())
                .eq(expected.map(|e| e.is_some()))
        );
    }
}

#[test]
fn an_admin_alone_publishes_where_that_is_wanted() {
    let outer = ["--secret", "s"];
    let options = ["--admin-secret", "admin", "--admin-publish"];
    let server = Server::start(&[&outer[..], &options].concat());
    let addr = server.addr.to_string();
    let mut subscriber = Subscriber::start(&[&["a", "--server", &addr], &outer[..]].concat());
    let publish = |content: &str, options: &[&str]| {
        let args = ["publish", "a", "--content", content];
        ask(&server, &[&args, &outer[..], options].concat())
    };
    let denied = publish("1", &[]);
    assert_eq!(denied.status, 1);
    assert!(denied.stderr.starts_with("AUTH_ERROR"), "{denied:?}");
    assert_eq!(publish("2", &["--admin-secret", "guess"]).status, 1);
    let told = publish("3", &["--admin-secret", "admin"]);
    assert_eq!((told.status, &told.stdout[..]), (0, &b"1"[..]), "{told:?}");
    assert_eq!(subscriber.line(), "3\n");
    let wrong = run(&["serve", "--admin-publish"], b"");
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("--admin-secret"), "{}", wrong.stderr);
}

/// The next notification: its content, and what it says has happened.
fn news(client: &mut PythonClient) -> Result<(String, Option<String>), PythonError> {
    match client.next()? {
        Answer::Message {
            name,
            content,
            change,
            ..
        } => {
            assert_eq!(name, "NOTIFY_URI");
            Ok((String::from_utf8_lossy(&content).into(), change))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_python_subscriber_understands_the_news_and_forges_none() -> Result<(), PythonError> {
    const SUBSCRIBE_URI: u8 = 5;
    const PUBLISH_URI: u8 = 7;
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    for outer in [
        &[][..],
        &["--secret", "s"],
        &["--secret", "s", "--key", "k"],
    ] {
        let option = |name| outer.iter().position(|option| *option == name);
        let value = |name| option(name).map(|at| outer[at + 1].to_owned());
        let layers = Outer {
            secret: value("--secret"),
            key: value("--key"),
            plain_uri: false,
        };
        let options = ["--admin-secret", "admin", "--admin-publish"];
        for admin_publish in [false, true] {
            let options = &options[..if admin_publish { 3 } else { 2 }];
            let server = Server::start(&[outer, options].concat());
            let mut client = PythonClient::connect(&python, server.addr, &layers)?;
            let none = Inner::default();
            client.send(SUBSCRIBE_URI, b"a", b"", &none)?;
            assert_eq!(client.next()?.message()?, ("CONFIRM_SUBSCRIBE", &b""[..]));
            let change = |args: &[&str]| {
                let admin = ["--admin-secret", "admin"];
                let ran = ask(&server, &[args, &admin, outer].concat());
                assert_eq!(ran.status, 0, "{ran:?}");
            };
            change(&["create", "a", "--content", "1"]);
            assert_eq!(news(&mut client)?, ("1".into(), Some("created".into())));
            change(&["update", "a", "--content", "2"]);
            assert_eq!(news(&mut client)?, ("2".into(), Some("updated".into())));
            // It publishes, and says what it cannot say.
            client.send_with_change(PUBLISH_URI, b"a", b"3", "updated", &none)?;
            if admin_publish {
                // Errors of failed checks are not sealed: a plain client with an outer layer
                // takes none.
                if outer.is_empty() {
                    assert_eq!(client.next()?.message()?.0, "AUTH_ERROR");
                }
                let admin = Inner {
                    secret: Some("admin".into()),
                    key: None,
                };
                client.send_with_change(PUBLISH_URI, b"a", b"3", "updated", &admin)?;
            }
            // The answer, which it did not wait for, is there before the news.
            assert_eq!(client.next()?.message()?.0, "OK");
            assert_eq!(news(&mut client)?, ("3".into(), None));
            change(&["delete", "a"]);
            assert_eq!(news(&mut client)?, (String::new(), Some("deleted".into())));
            client.close()?;
        }
    }
    Ok(())
}
