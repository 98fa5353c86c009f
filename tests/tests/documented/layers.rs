//! The README's examples of an additional layer. Its inner cipher hides the uri: a handler is
//! found by the type alone, and a client takes the answer with a handler too.

use netaio_core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_core::types::{AUTH_ERROR, CREATE_URI, OK, REQUEST_URI, RESPOND_URI};
use netaio_core::{Layer, Message, SendOptions};
use netaio_tests::python::Result;
use netaio_tokio::{Client, Content, Reply, Server, Uri};

use super::{assert_message, python, run, serve};

fn outer_auth() -> Layer {
    Layer::new().with_auth(HmacAuth::new("test"))
}

fn inner_auth() -> Layer {
    Layer::new().with_auth(HmacAuth::new("tset").with_hmac_field("camh"))
}

fn outer_cipher() -> Layer {
    Layer::new().with_cipher(Sha256StreamCipher::new("test"))
}

fn inner_cipher() -> Layer {
    Layer::new().with_cipher(Sha256StreamCipher::new("tset").with_iv_field("iv2"))
}

#[tokio::test]
async fn an_additional_auth_layer_asks_python() -> Result<()> {
    let python = python!();
    let server = serve(&python, "layers.py", &["auth"]).await?;
    let client = Client::builder().outer(outer_auth()).build().unwrap();
    client.connect(server.address).await.unwrap();
    let answer = client.create("", "test").inner(inner_auth()).await.unwrap();
    assert_message(&answer, OK, "", "Resource saved.");
    assert!(answer.is_verified());
    let answer = client.create("", "test").await.unwrap();
    assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");
    client.close().await;
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_additional_auth_layer_is_asked_by_python() -> Result<()> {
    let python = python!();
    let server = Server::builder()
        .outer(outer_auth())
        .on(CREATE_URI, |content: Content| {
            assert_eq!(content.0, "test");
            Reply::ok("Resource saved.")
        })
        .inner(inner_auth());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().port().to_string();
    run(&python, "layers.py", &["auth", &port]).await?;
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_additional_cipher_layer_asks_python() -> Result<()> {
    let python = python!();
    let server = serve(&python, "layers.py", &["cipher"]).await?;
    let client = Client::builder().outer(outer_cipher()).build().unwrap();
    client.connect(server.address).await.unwrap();
    let (answer, answers) = async_channel::unbounded();
    let keep = move |message: Message| answer.try_send(message).unwrap();
    client.once(RESPOND_URI, keep, inner_cipher()).unwrap();
    let question = Message::new(REQUEST_URI, "something", "psst gimme the secret");
    let inner = SendOptions::new().with_inner(inner_cipher());
    client.send_with(question, inner).await.unwrap();
    let answer = answers.recv().await.unwrap();
    assert_message(&answer, RESPOND_URI, "something", "Super secret data.");
    client.close().await;
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_additional_cipher_layer_is_asked_by_python() -> Result<()> {
    let python = python!();
    let server = Server::builder()
        .outer(outer_cipher())
        .on(REQUEST_URI, |uri: Uri, content: Content| {
            assert_eq!(
                (&uri[..], &content[..]),
                (&b"something"[..], &b"psst gimme the secret"[..])
            );
            "Super secret data."
        })
        .inner(inner_cipher());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().port().to_string();
    run(&python, "layers.py", &["cipher", &port]).await?;
    server.stop().await;
    Ok(())
}
