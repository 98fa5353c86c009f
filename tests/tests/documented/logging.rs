//! Loggers: where netaio has one a node, here the program's subscriber takes what is traced.

use netaio_core::types::{ERROR, REQUEST_URI};
use netaio_tests::lines::Lines;
use netaio_tokio::{Client, Server, State};
use tracing::Level;

use super::assert_message;

/// A handler that wants what the server was never given is logged, as an error of the driver.
#[tokio::test]
async fn the_programs_subscriber_takes_the_log() {
    let (lines, _logging) = Lines::taken(Level::ERROR);
    let server = Server::builder().on(REQUEST_URI, |_: State<u32>| "never");
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let client = Client::builder().build().unwrap();
    client.connect(server.local_addr()).await.unwrap();
    let answer = client.request("u").await.unwrap();
    assert_message(
        &answer,
        ERROR,
        "u",
        "the server is not set up for this request",
    );
    let log = lines.with("");
    let [line] = &log[..] else {
        panic!("{log:?}");
    };
    assert!(line.contains("ERROR netaio_driver"), "{line}");
    assert!(line.contains(r#"state="u32""#), "{line}");
    client.close().await;
    server.stop().await;
}
