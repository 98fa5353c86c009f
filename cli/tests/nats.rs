//! Two servers of the command in front of one NATS, and Python's clients at both.
#![cfg(feature = "nats")]
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use common::nats::Nats;
use common::run;
use common::server::Server;
use common::subscriber::Subscriber;
use netaio_tests::python::{Inner, Op, Outer, Python, PythonClient, PythonError};

type Result = std::result::Result<(), PythonError>;

#[test]
fn python_clients_at_two_servers_share_resources_and_news() -> Result {
    let Some(nats) = Nats::start() else {
        return Ok(());
    };
    let servers = [(); 2].map(|()| Server::start(&["--nats", &nats.url]));
    let addresses = servers.each_ref().map(|server| server.addr.to_string());
    let [here, there] = [&addresses[0], &addresses[1]];
    let done = run(
        &["create", "greeting", "--content", "hello", "--server", here],
        b"",
    );
    assert_eq!(done.status, 0, "{}", done.stderr);
    let read = run(&["request", "greeting", "--server", there], b"");
    assert_eq!(read.stdout, b"hello");
    // A uri with bytes that NATS has other uses for.
    let done = run(
        &["create", "a b.*/>", "--content", "odd", "--server", there],
        b"",
    );
    assert_eq!(done.status, 0, "{}", done.stderr);
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let mut clients = Vec::new();
    for server in &servers {
        clients.push(PythonClient::connect(
            &python,
            server.addr,
            &Outer::default(),
        )?);
    }
    let subscriber = Subscriber::start(&["greeting", "--count", "2", "--server", there]);
    let none = Inner::default();
    // Which client, what it asks for, and what is answered.
    for (client, op, uri, content, expected) in [
        (0, Op::Request, "greeting", "", ("RESPOND_URI", "hello")),
        (1, Op::Request, "a b.*/>", "", ("RESPOND_URI", "odd")),
        (
            1,
            Op::Create,
            "greeting",
            "x",
            ("ERROR", "cannot overwrite"),
        ),
        (1, Op::Update, "greeting", "from there", ("OK", "stored")),
        (
            0,
            Op::Request,
            "greeting",
            "",
            ("RESPOND_URI", "from there"),
        ),
        (0, Op::Delete, "greeting", "", ("OK", "deleted")),
        (1, Op::Request, "greeting", "", ("NOT_FOUND", "not found")),
        (1, Op::Delete, "greeting", "", ("NOT_FOUND", "not found")),
    ] {
        let answer = clients[client].request_with(op, uri.as_bytes(), content.as_bytes(), &none)?;
        let (name, text) = expected;
        assert_eq!(answer.message()?, (name, text.as_bytes()), "{op:?} {uri}");
    }
    let news = subscriber.end();
    assert_eq!(news, (Some(0), "from there\n\n".to_owned()));
    for client in clients {
        client.close()?;
    }
    Ok(())
}

#[test]
fn cached_reads_see_what_another_server_has_stored() {
    let Some(nats) = Nats::start() else {
        return;
    };
    let there = Server::start(&["--nats", &nats.url]);
    let here = Server::start(&["--nats", &nats.url, "--nats-cached-reads", "0.5"]);
    let [there, here] = [&there, &here].map(|server| server.addr.to_string());
    for (verb, content) in [("create", "1"), ("update", "2")] {
        let done = run(&[verb, "r", "--content", content, "--server", &there], b"");
        assert_eq!(done.status, 0, "{}", done.stderr);
        while run(&["request", "r", "--server", &here], b"").stdout != content.as_bytes() {}
    }
}
