//! Loggers: where netaio has one a node, here the program's subscriber takes what is traced.

use std::io;
use std::sync::{Arc, Mutex};

use netaio_core::types::{ERROR, REQUEST_URI};
use netaio_tokio::{Client, Server, State};
use tracing_subscriber::fmt::MakeWriter;

use super::assert_message;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// A handler that wants what the server was never given is logged, as an error of the driver.
#[tokio::test]
async fn the_programs_subscriber_takes_the_log() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_ansi(false);
    // For this thread, which is the runtime's only one.
    let _logging = tracing::subscriber::set_default(subscriber.finish());
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
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("ERROR netaio_driver") && log.contains("State<u32>"),
        "{log}"
    );
    client.close().await;
    server.stop().await;
}
