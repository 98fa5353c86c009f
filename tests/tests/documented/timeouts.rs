//! Requests that nobody answers.

use std::time::Duration;

use async_channel::unbounded;
use netaio_core::types::{REQUEST_URI, RESPOND_URI};
use netaio_tests::python::Result;
use netaio_tokio::error::RequestError;
use netaio_tokio::{AutoReconnect, Client, Connection, Content, NoReply, Server};

use super::{SHORT, assert_message, python, run, serve};

/// Python's timeout handlers, the one that reconnects among them, with a server of ours that
/// keeps silent, or hangs up.
#[tokio::test]
async fn python_times_out_and_reconnects() -> Result<()> {
    let python = python!();
    let server = Server::builder()
        .on((REQUEST_URI, "silent"), || NoReply)
        .on((REQUEST_URI, "nothing"), || ())
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

/// Our handler of timeouts, set at first or later: it is told what Python's would be.
#[tokio::test]
async fn our_handler_is_told_what_timed_out() -> Result<()> {
    let python = python!();
    let server = serve(&python, "timeouts.py", &[]).await?;
    let (told, times) = unbounded();
    let later = told.clone();
    let client = Client::builder()
        .on_timeout(move |_, late| {
            let told = told.clone();
            async move { told.try_send(("first", late)).unwrap() }
        })
        .build()
        .unwrap();
    client.connect(server.address).await.unwrap();
    for name in ["first", "later"] {
        let silence = client.request("silent").timeout(SHORT).await;
        assert_eq!(silence, Err(RequestError::TimedOut(SHORT)));
        let (called, late) = times.recv().await.unwrap();
        assert_eq!((called, &late.uri[..]), (name, &b"silent"[..]));
        assert_eq!((late.message_type, late.timeout), (REQUEST_URI, SHORT));
        assert_eq!(late.to.remote(), Some(server.address));
        // It may not be over yet, and the next is called only then.
        client.cancel_timeout_handlers().await;
        let later = later.clone();
        client.on_timeout(move |_, late| {
            let later = later.clone();
            async move { later.try_send(("later", late)).unwrap() }
        });
    }
    client.close().await;
    server.stop().await;
    Ok(())
}

/// A server in Python that keeps silent is reconnected, and so is one that hangs up.
#[tokio::test]
async fn we_time_out_and_reconnect() -> Result<()> {
    let python = python!();
    let server = serve(&python, "timeouts.py", &[]).await?;
    let (connected, again) = unbounded();
    let reconnect = AutoReconnect::new()
        .connect_timeout(Duration::from_secs(2))
        .max_retries(3)
        .delay(Duration::from_millis(50))
        .on_reconnect(move |client: Client, new| {
            let connected = connected.clone();
            async move {
                // The client's own requests go there by now.
                let answer = client.request("echo").content("again").await;
                connected.try_send((new, answer.unwrap())).unwrap();
            }
        });
    let client = Client::builder().auto_reconnect(reconnect).build().unwrap();
    let first = client.connect(server.address).await.unwrap();
    for uri in ["silent", "hang up"] {
        let error = client.request(uri).timeout(SHORT).await;
        assert!(
            matches!(
                error,
                Err(RequestError::TimedOut(_) | RequestError::Closed(_))
            ),
            "{error:?}"
        );
        let (new, answer) = again.recv().await.unwrap();
        assert_eq!(
            (new.attempt, new.connection.remote()),
            (1, Some(server.address))
        );
        assert_message(&answer, RESPOND_URI, "echo", "again");
        assert!(first.close_reason().is_some());
        assert_eq!(client.connections().len(), 1);
    }
    client.close().await;
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
