//! Clients of several servers that are as good as each other.

use std::future::IntoFuture;

use netaio_driver::core::Message;
use netaio_driver::core::types::*;
use netaio_driver::{Balance, Client, RequestBuilder, RequestError, Runtime, Server};

use super::persistence::{NEVER, answer};
use super::raw::{RawListener, RawTcp};
use super::support::{assert_message, listen, spawn};

/// Without a policy, too, an idempotent request of the client's own goes to each of several
/// servers, where the connection ends or the server does not handle it. Others fail, and so do
/// those of a connection.
pub async fn idempotent_requests_go_to_another_server<R: Runtime>() {
    let client = Client::<R>::builder().build().unwrap();
    let (mut connections, mut servers) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let listener = RawListener::<R>::new().await;
        connections.push(client.connect(listener.address()).await.unwrap());
        servers.push(listener.accept().await);
    }
    let refuse = async |server: &mut RawTcp<R>| {
        let Message { uri, auth, .. } = server.receive().await.unwrap();
        // With the id, so that it is surely of this request.
        let error = Message {
            auth,
            ..Message::error(uri, "busy")
        };
        server.send(&error.with_not_handled()).await;
    };
    let ask = |request: RequestBuilder| spawn::<R, _>(request.timeout(NEVER).into_future());
    let refused = RequestError::Refused("busy".into());

    let asking = ask(client.request("a").idempotent());
    refuse(&mut servers[0]).await;
    let mut two = servers.remove(1);
    assert_eq!(two.receive().await.unwrap().uri, "a");
    drop(two);
    answer::<R>(&mut servers[1], "three").await;
    assert_message(&asking.await.unwrap(), RESPOND_URI, "a", "three");

    let asking = ask(client.request("b").idempotent());
    for server in &mut servers {
        refuse(server).await;
    }
    assert_eq!(asking.await.unwrap_err(), refused);
    for request in [
        client.request("c"),
        connections[0].request("d").idempotent(),
    ] {
        let asking = ask(request);
        refuse(&mut servers[0]).await;
        assert_eq!(asking.await.unwrap_err(), refused);
    }
}

/// Of several servers the first has a client's own requests, or they take turns, also where they
/// are idempotent; while one is away the others have them.
pub async fn several_servers_share_requests<R: Runtime>() {
    for (balance, idempotent) in [
        (Balance::Failover, false),
        (Balance::RoundRobin, false),
        (Balance::RoundRobin, true),
    ] {
        let servers = ["one", "two", "three"].map(|name| {
            let server = Server::<R>::builder().on(REQUEST_URI, move || name);
            listen(server)
        });
        let mut running = Vec::new();
        for server in servers {
            running.push(server.await);
        }
        let client = Client::<R>::builder().balance(balance).build().unwrap();
        for server in &running {
            client.connect(server.local_addr()).await.unwrap();
        }
        let ask = async |count: usize| {
            let mut answers = Vec::new();
            for _ in 0..count {
                let request = client.request("u").timeout(NEVER);
                let request = if idempotent {
                    request.idempotent()
                } else {
                    request
                };
                let answer = request.await.unwrap();
                answers.push(String::from_utf8(answer.content.to_vec()).unwrap());
            }
            answers
        };
        let first = ask(4).await;
        match balance {
            Balance::Failover => assert_eq!(first, ["one"; 4]),
            _ => assert_eq!(first, ["one", "two", "three", "one"]),
        }
        let (_, gone) = client.connections().remove(0);
        running.remove(0).stop().await;
        gone.closed().await;
        let others = ask(3).await;
        match balance {
            Balance::Failover => assert_eq!(others, ["two"; 3]),
            _ => assert_eq!(others, ["two", "three", "two"]),
        }
        let name = running[1].local_addr().to_string();
        client.set_default_server(Some(&name));
        assert_eq!(ask(2).await, ["three"; 2]);
    }
}
