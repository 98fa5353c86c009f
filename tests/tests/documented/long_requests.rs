//! A plain peer takes no content that is longer than a frame, and goes on as if nothing had been asked.

use netaio_core::Message;
use netaio_core::parts::PartsError;
use netaio_core::plugin::HmacAuth;
use netaio_core::types::{CREATE_URI, NOT_FOUND, OK};
use netaio_driver::LongRequestError;
use netaio_tests::python::{Outer, PythonServer, Result, ServerOptions};
use netaio_tokio::{Client, LongRequest, UdpNode};
use tokio::task::spawn_blocking;

use super::{python, serve};

const TOO_LARGE: PartsError = PartsError::TooLarge {
    len: 70_000,
    max: None,
};

fn long() -> LongRequest {
    LongRequest::new(Message::new(CREATE_URI, "long", vec![b'x'; 70_000]))
}

#[track_caller]
fn assert_refused(refused: std::result::Result<Message, LongRequestError>) {
    let error = refused.unwrap_err();
    assert_eq!(error, LongRequestError::Parts(TOO_LARGE));
    let text = "a content of 70000 bytes fits no frame, and the remote takes no messages in parts";
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn python_takes_no_long_content_and_goes_on() -> Result<()> {
    let python = python!();
    let outer = Outer {
        secret: Some("shared".to_owned()),
        ..Outer::default()
    };
    let options = ServerOptions {
        outer,
        ..ServerOptions::default()
    };
    let server = {
        let python = python.clone();
        spawn_blocking(move || PythonServer::start(&python, &options))
    };
    let server = server.await.unwrap()?;
    let client = Client::builder()
        .auth(HmacAuth::new("shared"))
        .build()
        .unwrap();
    let connection = client.connect(server.addr).await.unwrap();
    assert_refused(long().send(&connection).await);
    // Nothing of it was stored.
    let answer = connection.request("long").await.unwrap();
    assert_eq!(answer.message_type, NOT_FOUND);
    client.close().await;
    spawn_blocking(move || server.stop()).await.unwrap();
    Ok(())
}

/// Neither one that answers whatever it is asked with an echo, nor one that has no handler.
#[tokio::test]
async fn python_nodes_take_no_long_content_and_go_on() -> Result<()> {
    let python = python!();
    for script in ["udp_node.py", "bare_node.py"] {
        let node = UdpNode::builder().auth(HmacAuth::new("test")).no_group();
        let node = node.bind("127.0.0.1:0").await.unwrap();
        let theirs = serve(&python, script, &["--hears-itself"]).await?;
        let at = theirs.address;
        assert_refused(long().send(node.remote(at)).await);
        // What fits goes as it is.
        let mut short = LongRequest::new(Message::create("stored", "short"));
        let answer = short.send(node.remote(at)).await.unwrap();
        let answered = (answer.message_type, &answer.content[..]);
        match script {
            "bare_node.py" => assert_eq!(answered, (NOT_FOUND, &b"not found"[..])),
            _ => assert_eq!(answered, (OK, &b"stored"[..])),
        }
        theirs.stop().await;
        node.stop().await;
    }
    Ok(())
}
