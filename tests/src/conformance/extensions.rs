//! What handlers are told of who asks: extensions, and identities.

use std::collections::HashSet;

use netaio_driver::core::Layer;
use netaio_driver::core::plugin::HmacAuth;
use netaio_driver::core::types::*;
use netaio_driver::{
    Client, Connection, Content, Extension, FromRequestAsync, Remote, Reply, Request, Runtime,
    Server, Text, UdpNode,
};

use super::raw_node::{bind_node, plain_node};
use super::support::{assert_message, connect, pair, plain_pair};

/// What is kept with a connection is there for its later messages, and for no other's.
pub async fn an_extension_stays_with_its_connection<R: Runtime>() {
    struct User(String);
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "log in"), |who: Connection, name: Text| {
            let before = who.set_extension(User(name.0));
            before.map_or_else(|| "nobody".to_owned(), |user| user.0.clone())
        })
        .on((REQUEST_URI, "who"), |user: Extension<User>| {
            user.0.0.clone()
        })
        .on((REQUEST_URI, "maybe"), |user: Option<Extension<User>>| {
            user.map(|user| user.0.0.clone()).ok_or("log in first")
        })
        .on((REQUEST_URI, "log out"), |who: Connection| {
            who.remove_extension::<User>().map(|user| user.0.clone())
        });
    let one = plain_pair(server).await;
    let (_client, two) = connect(Client::builder(), &one.server).await;
    let ask = async |connection: &Connection, uri: &'static str, content: &'static str| {
        let answer = connection.request(uri).content(content).await;
        answer.unwrap().into_message()
    };
    assert_message(
        &ask(&one.connection, "log in", "a").await,
        RESPOND_URI,
        "log in",
        "nobody",
    );
    assert_message(
        &ask(&one.connection, "log in", "b").await,
        RESPOND_URI,
        "log in",
        "a",
    );
    assert_message(
        &ask(&one.connection, "who", "").await,
        RESPOND_URI,
        "who",
        "b",
    );
    let refused = "the server is not set up for this request";
    assert_message(&ask(&two, "who", "").await, ERROR, "who", refused);
    assert_message(
        &ask(&two, "maybe", "").await,
        ERROR,
        "maybe",
        "log in first",
    );
    assert_message(
        &ask(&one.connection, "maybe", "").await,
        RESPOND_URI,
        "maybe",
        "b",
    );
    assert_message(
        &ask(&one.connection, "log out", "").await,
        RESPOND_URI,
        "log out",
        "b",
    );
    assert_message(
        &ask(&one.connection, "maybe", "").await,
        ERROR,
        "maybe",
        "log in first",
    );
}

/// The last argument of a handler may take its time, and refuse.
pub async fn the_last_argument_may_be_async<R: Runtime>() {
    #[derive(Debug)]
    struct Account(String);
    impl FromRequestAsync for Account {
        async fn from_request_async(request: &Request) -> Result<Self, Reply> {
            futures_lite::future::yield_now().await;
            match &request.message.content[..] {
                b"" => Err(Reply::not_permitted("no account")),
                name => Ok(Self(String::from_utf8_lossy(name).into())),
            }
        }
    }
    let server = Server::<R>::builder()
        .on(
            (REQUEST_URI, "one"),
            |account: Account| async move { account.0 },
        )
        .on(
            (REQUEST_URI, "two"),
            |content: Content, account: Account| async move {
                format!("{} {}", content.len(), account.0)
            },
        );
    let pair = plain_pair(server).await;
    for (uri, content, kind, expected) in [
        ("one", "me", RESPOND_URI, "me"),
        ("two", "me", RESPOND_URI, "2 me"),
        ("one", "", NOT_PERMITTED, "no account"),
        ("two", "", NOT_PERMITTED, "no account"),
    ] {
        let answer = pair.connection.request(uri).content(content).await.unwrap();
        assert_message(&answer, kind, uri, expected);
    }
}

/// A connection has an id of its own, and says what vouches for its other end.
pub async fn a_remote_says_what_vouches_for_it<R: Runtime>() {
    let who = |remote: Remote| {
        let who = remote.identity();
        assert_eq!(who.connection, remote.connection().map(Connection::id));
        assert_eq!(who.address, remote.addr());
        format!("{} {} {:?}", who.authenticated, who.encrypted, who.peer)
    };
    let layer = || Layer::new().with_auth(HmacAuth::new("secret"));
    let open = plain_pair(Server::<R>::builder().on(REQUEST_URI, who)).await;
    let closed = Server::<R>::builder().outer(layer()).on(REQUEST_URI, who);
    let closed = pair(closed, Client::builder().outer(layer())).await;
    for (connection, expected) in [
        (&open.connection, "false false None"),
        (&closed.connection, "true false None"),
    ] {
        let answer = connection.request("u").await.unwrap();
        assert_message(&answer, RESPOND_URI, "u", expected);
    }
    let (_client, another) = connect(Client::builder(), &open.server).await;
    let mut ids = HashSet::from([open.connection.id(), closed.connection.id(), another.id()]);
    ids.extend(
        open.server
            .publisher()
            .connections()
            .iter()
            .map(Connection::id),
    );
    assert!(ids.len() >= 4);

    let node = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, who)).await;
    let asking = plain_node::<R>().await;
    let answer = asking.request(node.local_addr(), "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "false false None");
}
