//! The README's `TCPServer` and `TCPClient`: a store with an admin's secret, and an echo.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use bytes::Bytes;
use netaio_core::plugin::HmacAuth;
use netaio_core::types::*;
use netaio_core::{Layer, Message};
use netaio_tests::python::Result;
use netaio_tokio::config::ServerBuilder;
use netaio_tokio::{Client, Connection, Content, Publisher, Reply, Server, State, Uri};

use super::{assert_message, python, run, serve};

type Store = Mutex<BTreeMap<Bytes, Bytes>>;

fn admin() -> Layer {
    Layer::new().with_auth(HmacAuth::new("adminpassword").with_hmac_field("camh"))
}

/// The README's server, written for ours.
fn server() -> ServerBuilder {
    let not_found = || Reply::not_found("not found");
    Server::builder()
        .auth(HmacAuth::new("test"))
        .state(Store::default())
        .on(
            CREATE_URI,
            |uri: Uri, content: Content, store: State<Store>| {
                let mut store = store.lock().unwrap();
                if store.contains_key(&uri.0) {
                    return Reply::error("cannot overwrite");
                }
                store.insert(uri.0, content.0);
                Reply::ok("stored")
            },
        )
        .inner(admin())
        .on((REQUEST_URI, "echo"), |content: Content| content)
        .on(REQUEST_URI, move |uri: Uri, store: State<Store>| {
            let stored = store.lock().unwrap().get(&uri.0).cloned();
            stored.ok_or_else(not_found)
        })
        .on(
            UPDATE_URI,
            move |uri: Uri, content: Content, store: State<Store>, publisher: Publisher| {
                let mut store = store.lock().unwrap();
                let Some(stored) = store.get_mut(&uri.0) else {
                    return not_found();
                };
                *stored = content.0.clone();
                let news = Message::notify(uri.0.clone(), content.0);
                publisher.notify(&uri, &news).unwrap();
                Reply::ok("stored")
            },
        )
        .inner(admin())
        .on(
            DELETE_URI,
            move |uri: Uri, store: State<Store>, publisher: Publisher| {
                if store.lock().unwrap().remove(&uri.0).is_none() {
                    return not_found();
                }
                let news = Message::notify("deleted", uri.0);
                publisher.broadcast(&news).unwrap();
                Reply::ok("deleted")
            },
        )
        .inner(admin())
        .on(
            SUBSCRIBE_URI,
            |uri: Uri, who: Connection, publisher: Publisher| {
                publisher
                    .subscribe(uri.0, &who)
                    .map(|_| "")
                    .map_err(|error| Reply::error(error.to_string()))
            },
        )
        .on(
            UNSUBSCRIBE_URI,
            |uri: Uri, who: Connection, publisher: Publisher| {
                publisher.unsubscribe(&uri, &who);
                ""
            },
        )
}

/// The README's client, written for ours.
async fn client(address: SocketAddr) {
    let client = Client::builder()
        .auth(HmacAuth::new("test"))
        .build()
        .unwrap();
    client.connect(address).await.unwrap();
    let mut news = client.messages();

    let answer = client.request("echo").content("test").await.unwrap();
    assert_message(&answer, RESPOND_URI, "echo", "test");
    let answer = client.create("test1", "testing it").inner(admin()).await;
    assert_message(&answer.unwrap(), OK, "test1", "stored");
    let answer = client.create("test1", "again").inner(admin()).await;
    assert_message(&answer.unwrap(), ERROR, "test1", "cannot overwrite");
    let answer = client.request("test1").await.unwrap();
    assert_message(&answer, RESPOND_URI, "test1", "testing it");

    let mut changes = client.subscribe("test1").await.unwrap();
    assert_message(changes.confirmation(), CONFIRM_SUBSCRIBE, "test1", "");
    let answer = client.update("test1", "testing more").inner(admin()).await;
    assert_message(&answer.unwrap(), OK, "test1", "stored");
    let told = changes.next().await.unwrap().unwrap().message;
    assert_message(&told, NOTIFY_URI, "test1", "testing more");
    let answer = client.request("test1").await.unwrap();
    assert_message(&answer, RESPOND_URI, "test1", "testing more");
    changes.unsubscribe().await.unwrap();
    let answer = client.update("test1", "the end").inner(admin()).await;
    assert_message(&answer.unwrap(), OK, "test1", "stored");

    // Nobody was told of the last update; everybody is of the deletion.
    let answer = client.delete("test1").inner(admin()).await.unwrap();
    assert_message(&answer, OK, "test1", "deleted");
    let told = news.next().await.unwrap().message;
    assert_message(&told, NOTIFY_URI, "deleted", "test1");
    let answer = client.request("test1").await.unwrap();
    assert_message(&answer, NOT_FOUND, "test1", "not found");

    client.close().await;
}

/// The README's server, as it is, with a client of ours.
#[tokio::test]
async fn the_readmes_server_is_asked() -> Result<()> {
    let python = python!();
    let server = serve(&python, "store_server.py", &[]).await?;
    client(server.address).await;
    server.stop().await;
    Ok(())
}

/// The README's client, as it is, with a server of ours.
#[tokio::test]
async fn the_readmes_client_is_served() -> Result<()> {
    let python = python!();
    let server = server().bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().port().to_string();
    run(&python, "store_client.py", &[&port]).await?;
    server.stop().await;
    Ok(())
}
