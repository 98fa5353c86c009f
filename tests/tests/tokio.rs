//! The suite of behaviours on tokio, and what only tokio has.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests fail as tests do"
)]

use std::future::Future;

use netaio_tests::conformance::{self, guarded};
use netaio_tokio::Tokio;
use tokio::runtime::{Builder, Runtime};

/// A runtime of one thread, that of its caller, or of several.
fn runtime(threads: usize) -> Runtime {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(threads).enable_all().build();
    runtime.expect("tokio starts")
}

/// Runs a future on a runtime of its own.
fn run(threads: usize, future: impl Future<Output = ()> + Send + 'static) {
    guarded(move || {
        // Spawned, so that it runs on a worker like everything else.
        let outcome = runtime(threads).block_on(async { tokio::spawn(future).await });
        if let Err(error) = outcome {
            std::panic::resume_unwind(error.into_panic());
        }
    });
}

macro_rules! on_tokio {
    ($($subject:ident { $($name:ident)* })*) => {
        mod current_thread {
            use super::*;
            $(mod $subject {
                use super::*;
                $(#[test]
                fn $name() {
                    run(1, conformance::$subject::$name::<Tokio>());
                })*
            })*
        }

        mod multi_thread {
            use super::*;
            $(mod $subject {
                use super::*;
                $(#[test]
                fn $name() {
                    run(2, conformance::$subject::$name::<Tokio>());
                })*
            })*
        }
    };
}

netaio_tests::conformance!(on_tokio);

mod only_tokio {
    use std::time::Duration;

    use netaio_tokio::error::{RequestError, SendError};
    use netaio_tokio::events::CloseReason;
    use netaio_tokio::transport::{connect_stream, serve_stream};
    use netaio_tokio::types::{REQUEST_URI, RESPOND_URI};
    use netaio_tokio::{Client, Content, NoReply, Server};

    use super::*;

    /// Longer than any test runs.
    const NEVER: Duration = Duration::from_secs(3600);

    async fn echo_server() -> Server {
        let builder = Server::builder().on(REQUEST_URI, |content: Content| async { content });
        builder.bind("127.0.0.1:0").await.unwrap()
    }

    /// Echoes of sizes around those of buffers, some at a time.
    async fn exchange(client: &Client, name: &str) {
        let connection = client.connection(name).unwrap();
        for size in [0, 1, 4096, 60_000] {
            let content = vec![7; size];
            let (one, two) = tokio::join!(
                connection.request("one").content(content.clone()),
                connection.request("two").content(content.clone()),
            );
            for answer in [one.unwrap(), two.unwrap()] {
                assert_eq!(answer.message_type, RESPOND_URI);
                assert_eq!(answer.content, content);
            }
        }
    }

    #[test]
    fn streams_in_memory() {
        run(1, async {
            let (server, client) = (echo_server().await, Client::builder().build().unwrap());
            for size in [16, 1024, 1 << 20] {
                let (near, far) = tokio::io::duplex(size);
                let served = serve_stream(&server, far, None).unwrap();
                let connection = connect_stream(&client, near, "memory").unwrap();
                assert_eq!((served.remote(), connection.remote()), (None, None));
                exchange(&client, "memory").await;
                connection.close().await;
                assert_eq!(served.closed().await, CloseReason::Remote);
            }
            assert_eq!(server.connections(), 0);
        });
    }

    #[cfg(unix)]
    #[test]
    fn unix_sockets() {
        run(2, async {
            let (server, client) = (echo_server().await, Client::builder().build().unwrap());
            let (near, far) = tokio::net::UnixStream::pair().unwrap();
            let served = serve_stream(&server, far, None).unwrap();
            connect_stream(&client, near, "unix").unwrap();
            exchange(&client, "unix").await;
            server.stop().await;
            assert_eq!(served.closed().await, CloseReason::Local);
            let error = client.request("u").timeout(NEVER).await;
            assert!(error.is_err(), "{error:?}");
        });
    }

    #[cfg(unix)]
    #[test]
    fn unix_sockets_by_their_paths() {
        let bind = |path: &std::path::Path| tokio::net::UnixListener::bind(path).unwrap();
        let connector = netaio_tokio::transport::UnixConnector;
        run(
            2,
            netaio_tests::unix::a_path_is_an_address::<Tokio, _>(bind, connector),
        );
    }

    /// Connections whose runtime is gone say so to those who wait elsewhere.
    #[test]
    fn a_runtime_that_is_gone_leaves_nobody_waiting() {
        let other = runtime(2);
        let (server, address) = other.block_on(async {
            let server = Server::builder().on(REQUEST_URI, || NoReply);
            let server = server.bind("127.0.0.1:0").await.unwrap();
            let address = server.local_addr();
            (server, address)
        });
        let short_lived = runtime(2);
        let (_client, connection) = short_lived.block_on(async {
            let client = Client::builder().build().unwrap();
            let connection = client.connect(address).await.unwrap();
            (client, connection)
        });
        run(2, async move {
            let waiting = tokio::spawn({
                let connection = connection.clone();
                async move { connection.request("u").timeout(NEVER).await }
            });
            short_lived.shutdown_background();
            let gone = SendError::Closed(CloseReason::Local);
            let error = waiting.await.unwrap().unwrap_err();
            let ends = [
                RequestError::Closed(CloseReason::Local),
                RequestError::Send(gone.clone()),
            ];
            assert!(ends.contains(&error), "{error:?}");
            assert_eq!(connection.closed().await, CloseReason::Local);
            let error = connection.request("u").timeout(NEVER).await.unwrap_err();
            assert_eq!(error, RequestError::Send(gone));
        });
        drop(server);
    }
}
