//! Unix sockets, by the connectors and listeners that runtimes have for them.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "these are tests, although not in a test target: they fail by panicking"
)]

use std::path::Path;
use std::time::Duration;

use netaio_driver::core::types::REQUEST_URI;
use netaio_driver::{AutoReconnect, Client, Connector, Listener, Runtime, Server};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// A client connects to a path, and again when the server is back. `bind` makes a listener
/// there.
pub async fn a_path_is_an_address<R: Runtime, L: Listener<R>>(
    bind: impl Fn(&Path) -> L,
    connector: impl Connector<R>,
) {
    let name = format!(
        "netaio-{}-{}",
        std::process::id(),
        std::any::type_name::<L>().len()
    );
    let path = std::env::temp_dir().join(name);
    let (told, news) = async_channel::unbounded();
    let policy = AutoReconnect::new()
        .delay(Duration::from_millis(1))
        .max_retries(u32::MAX)
        .on_reconnect(move |_, _| {
            let told = told.clone();
            async move { told.send(()).await.unwrap() }
        });
    let client = Client::<R>::builder()
        .connector(connector)
        .auto_reconnect(policy);
    let client = client.build().unwrap();
    let address = format!("unix:{}", path.display());
    client.connect(&address).await.unwrap_err();
    for round in 0..2 {
        let server = Server::<R>::builder().on(REQUEST_URI, || "here");
        let server = server.build().unwrap();
        server.serve(bind(&path)).unwrap();
        match round {
            0 => drop(client.connect(&address).await.unwrap()),
            _ => news.recv().await.unwrap(),
        }
        let answer = loop {
            match client.request("u").timeout(NEVER).await {
                Ok(answer) => break answer,
                // A connection that the old server had not accepted any more is lost, too.
                Err(_) => news.recv().await.unwrap(),
            }
        };
        assert_eq!(answer.content, "here");
        server.stop().await;
        std::fs::remove_file(&path).unwrap();
    }
    // Any other address is TCP's.
    let server = Server::<R>::builder().bind("127.0.0.1:0").await.unwrap();
    client.connect(server.local_addr()).await.unwrap();
}
