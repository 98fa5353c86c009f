//! Requests that nobody answers.

use netaio_core::types::{REQUEST_URI, RESPOND_URI};
use netaio_tests::python::Result;
use netaio_tokio::{Client, Connection, Content, RequestError, Server};

use super::{SHORT, assert_message, python, run, serve};

/// Python's timeout handlers, the one that reconnects among them, with a server of ours that
/// keeps silent, or hangs up.
#[tokio::test]
async fn python_times_out_and_reconnects() -> Result<()> {
    let python = python!();
    let server = Server::builder()
        .on((REQUEST_URI, "silent"), || ())
        .on((REQUEST_URI, "hang up"), |who: Connection| async move {
            who.close().await
        })
        .on((REQUEST_URI, "echo"), |content: Content| content);
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().port().to_string();
    run(&python, "timeouts.py", &[&port]).await?;
    server.stop().await;
    Ok(())
}

/// Ours, with a server in Python that keeps silent: the request ends, and the connection lives.
#[tokio::test]
async fn we_time_out() -> Result<()> {
    let python = python!();
    let server = serve(&python, "timeouts.py", &[]).await?;
    let client = Client::builder().build().unwrap();
    client.connect(server.address).await.unwrap();
    let silence = client.request("silent").timeout(SHORT).await;
    assert_eq!(silence, Err(RequestError::TimedOut(SHORT)));
    let answer = client.request("echo").content("still here").await.unwrap();
    assert_message(&answer, RESPOND_URI, "echo", "still here");
    client.close().await;
    server.stop().await;
    Ok(())
}
