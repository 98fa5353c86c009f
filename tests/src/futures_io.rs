//! Streams with the polling traits of futures-io, on the runtimes that use them.
#![allow(
    clippy::unwrap_used,
    reason = "this is a test, although not in a test target"
)]

use futures_lite::io::{AsyncRead, AsyncWrite};
use netaio_driver::core::CloseReason;
use netaio_driver::core::types::{REQUEST_URI, RESPOND_URI};
use netaio_driver::futures_io::{connect_stream, serve_stream};
use netaio_driver::{Client, Content, Runtime, Server};

/// The two ends of a stream carry messages, and its end.
///
/// # Panics
/// They do not.
pub async fn a_stream_carries_messages<R: Runtime, S>((near, far): (S, S))
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let server = Server::<R>::builder().on(REQUEST_URI, |content: Content| content);
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let client = Client::<R>::builder().build().unwrap();
    let served = serve_stream(&server, far, None).unwrap();
    let connection = connect_stream(&client, near, "a stream").unwrap();
    assert_eq!((served.remote(), connection.remote()), (None, None));
    assert!(client.connection("a stream").is_some());
    for size in [0, 1, 4096, 60_000] {
        let content = vec![7; size];
        let answer = connection.request("u").content(content.clone()).await;
        let answer = answer.unwrap();
        assert_eq!(answer.message_type, RESPOND_URI);
        assert_eq!(answer.content, content);
    }
    connection.close().await;
    assert_eq!(served.closed().await, CloseReason::Remote);
}
