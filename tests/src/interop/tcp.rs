//! A client and a server.

use std::time::Instant;

use netaio_driver::core::Layer;
use netaio_driver::core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_driver::core::types::*;
use netaio_driver::{Client, ClientBuilder, Remote, Runtime, Server, ServerBuilder};

use super::cases::{inner, inner_layer, outer, types};
use super::exchanges::{
    assert_answer, assert_message, exchanges, many_at_once, many_for_one_uri, python_asks,
    python_hits_the_limit, python_is_told, we_are_told, we_ask, we_hit_the_limit,
};
use super::ids::{TURNS, after_turns, python_asks_side_by_side};
use super::table::{Passed, Side, Transport};
use super::{Case, SHORT, blocking};
use crate::puppet::{Answer, Op};
use crate::python::{Inner, Outer, Python, PythonClient, PythonServer};
use crate::store::store;

impl Case {
    /// A server that runs many handlers at once for those who send ids: others
    /// notice nothing of it.
    fn server<R: Runtime>(&self) -> ServerBuilder<R> {
        let server = Server::builder()
            .outer(self.layer())
            .types(types())
            .concurrent_handlers(8)
            .on((REQUEST_URI, TURNS), after_turns);
        store(server, inner_layer(&self.admin), inner_layer(&self.inner))
    }

    fn client<R: Runtime>(&self) -> ClientBuilder<R> {
        Client::builder().outer(self.layer()).types(types())
    }

    fn python_server(&self, python: &Python) -> PythonServer {
        PythonServer::start(python, &self.options()).unwrap()
    }
}

/// A Python client and our server.
pub async fn python_asks_ours<R: Runtime>(python: &Python, case: &Case) -> Passed {
    let started = Instant::now();
    let server = case.server::<R>().bind("127.0.0.1:0").await.unwrap();
    let (python, address) = (python.clone(), server.local_addr());
    let asked = case.clone();
    let exchanges = blocking(move || {
        let mut client = PythonClient::connect(&python, address, &asked.outer).unwrap();
        let exchanges = exchanges(&asked, asked.room());
        python_asks(&mut client, &exchanges);
        python_asks_side_by_side(&mut client);
        python_is_told(&mut client, b"");
        python_hits_the_limit(&mut client, asked.room());
        client.close().unwrap();
        exchanges.len()
    });
    let exchanges = exchanges.await;
    server.stop().await;
    Passed {
        transport: Transport::Tcp,
        asks: Side::Python,
        case: case.name,
        exchanges,
        time: started.elapsed(),
    }
}

/// Our client and a Python server.
pub async fn ours_asks_python<R: Runtime>(python: &Python, case: &Case) -> Passed {
    let started = Instant::now();
    let (python, asked) = (python.clone(), case.clone());
    let server = blocking(move || asked.python_server(&python)).await;
    let client = case.client::<R>().build().unwrap();
    let connection = client.connect(server.addr).await.unwrap();
    let (remote, exchanges) = (Remote::from(&connection), exchanges(case, case.room()));
    we_ask(&remote, &exchanges).await;
    let mut messages = client.messages();
    we_are_told(&remote, async || messages.next().await.unwrap().message).await;
    we_hit_the_limit(&remote, case.room()).await;
    many_at_once(&remote, &case.admin).await;
    many_for_one_uri(&remote).await;
    client.close().await;
    blocking(move || server.stop()).await;
    Passed {
        transport: Transport::Tcp,
        asks: Side::Ours,
        case: case.name,
        exchanges: exchanges.len(),
        time: started.elapsed(),
    }
}

/// Our client with wrong secrets and keys, and a Python server.
pub async fn python_refuses_ours<R: Runtime>(python: &Python) {
    let case = Case {
        outer: outer(true, false, false),
        admin: inner("admin", true, false),
        ..Case::default()
    };
    let (starter, asked) = (python.clone(), case.clone());
    let server = blocking(move || asked.python_server(&starter)).await;
    let wrong_layer = || Layer::new().with_auth(HmacAuth::new("wrong"));
    let wrong = Client::<R>::builder().outer(wrong_layer()).build().unwrap();
    let without = Client::<R>::builder().build().unwrap();
    for (client, verified) in [(wrong, false), (without, true)] {
        let connection = client.connect(server.addr).await.unwrap();
        let answer = connection.request("echo").await.unwrap();
        assert_message(&answer, AUTH_ERROR, "HMAC auth failed");
        // Where nothing is verified, everything counts as such.
        assert_eq!(answer.is_verified(), verified);
    }

    let client = case.client::<R>().build().unwrap();
    let connection = client.connect(server.addr).await.unwrap();
    let wrong_admin = inner_layer(&inner("wrong", true, false));
    for inner in [Layer::new(), wrong_admin] {
        let answer = connection.create("u", "x").inner(inner).await.unwrap();
        assert_message(&answer, AUTH_ERROR, "HMAC auth failed");
        assert!(!answer.is_verified());
    }
    let answer = connection.request("u").await.unwrap();
    assert_message(&answer, NOT_FOUND, "not found");

    let ciphered = Case {
        outer: outer(false, true, true),
        ..Case::default()
    };
    let (starter, asked) = (python.clone(), ciphered.clone());
    let server = blocking(move || asked.python_server(&starter)).await;
    let wrong_key = Sha256StreamCipher::new("wrong").with_plain_uri();
    let client = Client::<R>::builder().cipher(wrong_key).build().unwrap();
    let connection = client.connect(server.addr).await.unwrap();
    // A cipher proves nothing: what comes back is noise.
    let answer = connection
        .request("echo")
        .content("a content")
        .await
        .unwrap();
    assert_eq!(answer.message_type, RESPOND_URI);
    assert_ne!(answer.content, "a content");
}

/// A Python client with wrong secrets, and our server.
pub async fn ours_refuses_python<R: Runtime>(python: &Python) {
    let case = Case {
        outer: outer(true, false, false),
        admin: inner("admin", true, false),
        ..Case::default()
    };
    let server = case.server::<R>().bind("127.0.0.1:0").await.unwrap();
    let (starter, address) = (python.clone(), server.local_addr());
    blocking(move || {
        let mut wrong = case.outer.clone();
        wrong.secret = Some("wrong".into());
        let mut client = PythonClient::connect(&starter, address, &wrong).unwrap();
        client.timeout = SHORT;
        // The error is not sealed, so that this client does not believe it.
        let answer = client.request(Op::Request, b"echo", b"x").unwrap();
        assert_eq!(answer, Answer::Timeout);
        assert_eq!(client.next().unwrap(), Answer::Timeout);
        client.close().unwrap();

        let mut client = PythonClient::connect(&starter, address, &Outer::default()).unwrap();
        client
            .send(REQUEST_URI.value(), b"echo", b"x", &Inner::default())
            .unwrap();
        let error = client.next().unwrap();
        assert_answer(&error, "AUTH_ERROR", b"ERROR", b"HMAC auth failed");
        client.close().unwrap();

        let mut client = PythonClient::connect(&starter, address, &case.outer).unwrap();
        client.timeout = SHORT;
        for wrong in [Inner::default(), inner("wrong", true, false)] {
            let answer = client.request_with(Op::Create, b"u", b"x", &wrong).unwrap();
            assert_eq!(answer, Answer::Timeout);
        }
        let answer = client.request(Op::Request, b"u", b"").unwrap();
        assert_answer(&answer, "NOT_FOUND", b"u", b"not found");
        client.close().unwrap();
    })
    .await;
}
