//! What is told to whoever fails a check: `auth_error_handler`.

use std::sync::Arc;

use netaio_core::plugin::HmacAuth;
use netaio_core::types::{AUTH_ERROR, NOT_PERMITTED, REQUEST_URI, RESPOND_URI};
use netaio_core::{AuthErrorReply, Layer, Message, MessageType};
use netaio_tests::python::Result;
use netaio_tokio::error::RequestError;
use netaio_tokio::{Client, Server};

use super::{SHORT, assert_message, python, serve};

/// The same three choices on a server of either kind give a stranger the same.
#[tokio::test]
async fn each_choice_answers_as_pythons_does() -> Result<()> {
    let python = python!();
    let own = |_| Some(Message::new(NOT_PERMITTED, "", "go away"));
    let choices = [
        (
            "plugin",
            AuthErrorReply::Plugin,
            Some((AUTH_ERROR, "ERROR", "HMAC auth failed")),
        ),
        ("silent", AuthErrorReply::Silent, None),
        (
            "own",
            AuthErrorReply::Handler(Arc::new(own)),
            Some((NOT_PERMITTED, "", "go away")),
        ),
    ];
    for (name, choice, told) in choices {
        let theirs = serve(&python, "auth_errors.py", &[name]).await?;
        let ours = Server::builder()
            .auth(HmacAuth::new("test"))
            .auth_error(choice)
            .on((REQUEST_URI, "u"), || "fine");
        let ours = ours.bind("127.0.0.1:0").await.unwrap();
        for address in [theirs.address, ours.local_addr()] {
            stranger(address, told).await;
            let friend = Layer::new().with_auth(HmacAuth::new("test"));
            let client = Client::builder().outer(friend).build().unwrap();
            client.connect(address).await.unwrap();
            let answer = client.request("u").await.unwrap();
            assert_message(&answer, RESPOND_URI, "u", "fine");
            client.close().await;
        }
        ours.stop().await;
        theirs.stop().await;
    }
    Ok(())
}

async fn stranger(address: std::net::SocketAddr, told: Option<(MessageType, &str, &str)>) {
    let client = Client::builder().build().unwrap();
    client.connect(address).await.unwrap();
    let request = client.request("u");
    match told {
        Some((message_type, uri, content)) => {
            assert_message(&request.await.unwrap(), message_type, uri, content);
        }
        None => {
            let silence = request.timeout(SHORT).await;
            assert_eq!(silence, Err(RequestError::TimedOut(SHORT)));
        }
    }
    client.close().await;
}
