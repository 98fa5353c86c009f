//! The spans of connections and messages. Each test is one thread, whose subscriber takes what
//! everybody on it writes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests fail as tests do"
)]

use netaio_tests::lines::Lines;
use netaio_tokio::plugin::HmacAuth;
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Client, Content, Server, UdpNode};
use tracing::Level;

/// A handler that logs, also after it has waited.
async fn logging(content: Content) -> Content {
    tracing::info!("begun");
    tokio::task::yield_now().await;
    tracing::info!("ended");
    content
}

/// What a handler logs over a connection with these levels.
async fn logged(level: Level) -> (Lines, String) {
    let (lines, _logging) = Lines::taken(level);
    let server = Server::builder().auth(HmacAuth::new("my secret"));
    let server = server.on((REQUEST_URI, "a\nuri"), logging);
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let client = Client::builder().auth(HmacAuth::new("my secret"));
    let client = client.build().unwrap();
    let connection = client.connect(server.local_addr()).await.unwrap();
    let answer = connection.request("a\nuri").content("my content").await;
    answer.unwrap().into_result().unwrap();
    client.close().await;
    server.stop().await;
    (lines, server.local_addr().to_string())
}

#[tokio::test]
async fn a_handler_logs_within_its_message_and_its_connection() {
    let (lines, address) = logged(Level::DEBUG).await;
    for text in [": begun", ": ended"] {
        let [line] = &lines.with(text)[..] else {
            unreachable!("{:?}", lines.with(""));
        };
        let spans = [
            r#"connection{side="server" remote=127.0.0.1:"#,
            r"}:message{message_type=REQUEST_URI uri=a\nuri remote=127.0.0.1:",
        ];
        for span in spans {
            assert!(line.contains(span), "{line}");
        }
    }
    let client = format!(r#"connection{{side="client" remote={address} name={address}}}"#);
    assert!(!lines.with(&client).is_empty(), "{:?}", lines.with(""));
    for secret in ["my secret", "my content"] {
        assert_eq!(lines.with(secret), [""; 0]);
    }
}

#[tokio::test]
async fn above_their_level_there_are_none() {
    let (lines, _) = logged(Level::INFO).await;
    assert_eq!(lines.with(": ended").len(), 1);
    assert_eq!(lines.with("connection{"), [""; 0]);
}

#[tokio::test]
async fn datagrams_have_spans_too() {
    let (lines, _logging) = Lines::taken(Level::DEBUG);
    let node = UdpNode::builder().no_group().on(REQUEST_URI, logging);
    let node = node.bind("127.0.0.1:0").await.unwrap();
    let asker = UdpNode::builder().no_group().bind("127.0.0.1:0").await;
    let asker = asker.unwrap();
    asker.request(node.local_addr(), "u").await.unwrap();
    let span = format!(
        "message{{message_type=REQUEST_URI uri=u remote={}}}",
        asker.local_addr()
    );
    for text in [": begun", ": ended"] {
        let lines = lines.with(text);
        assert!(lines.len() == 1 && lines[0].contains(&span), "{lines:?}");
    }
}
