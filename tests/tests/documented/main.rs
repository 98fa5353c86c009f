//! What netaio's own documentation shows, with the real package on one side and ours on the
//! other: its README's programs, and what its reference says of each class.
//!
//! The Python side is in `tests/python/documented`. `docs/netaio-parity.md` says which test
//! shows what.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests fail as tests do"
)]

mod auth_errors;
mod custom_types;
mod encapsulation;
mod layers;
mod logging;
mod many_servers;
mod peers;
mod plugins;
mod store;
mod timeouts;

use std::net::SocketAddr;
use std::time::Duration;

use netaio_core::{Message, MessageType};
use netaio_tests::python::{Python, PythonError, Result, Script};
use tokio::task::spawn_blocking;

/// A limit on what must happen: a guard, no measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one waits for what must not come.
const SHORT: Duration = Duration::from_millis(300);

/// A documented server, in Python.
struct Served {
    address: SocketAddr,
    script: Script,
}

/// Starts a script that prints the port it serves on.
async fn serve(python: &Python, script: &'static str, args: &[&str]) -> Result<Served> {
    let mut script = start(python, script, args).await?;
    spawn_blocking(move || {
        let line = script.read_line(PATIENCE)?;
        let port: u16 = line
            .parse()
            .map_err(|_| PythonError::new(format!("{line:?} is no port")))?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Served { address, script })
    })
    .await
    .unwrap()
}

impl Served {
    /// Ends it, and sees that nothing went wrong there.
    async fn stop(self) {
        let status = spawn_blocking(|| self.script.close()).await.unwrap();
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
    }
}

/// Runs a script that ends by itself, and fails where one of its assertions does.
async fn run(python: &Python, script: &'static str, args: &[&str]) -> Result<()> {
    let script = start(python, script, args).await?;
    spawn_blocking(|| script.finish().map(drop)).await.unwrap()
}

async fn start(python: &Python, script: &'static str, args: &[&str]) -> Result<Script> {
    let python = python.clone();
    let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
    spawn_blocking(move || python.spawn(&format!("documented/{script}"), &args))
        .await
        .unwrap()
}

/// Sees that a message is as expected, its auth fields aside.
#[track_caller]
fn assert_message(message: &Message, message_type: MessageType, uri: &str, content: &str) {
    let found = (
        message.message_type,
        message.uri.as_ref(),
        message.content.as_ref(),
    );
    assert_eq!(found, (message_type, uri.as_bytes(), content.as_bytes()));
}

/// The environment with the package, or the end of the test where it is to be skipped.
macro_rules! python {
    () => {
        match netaio_tests::python::Python::get()? {
            Some(python) => python,
            None => return Ok(()),
        }
    };
}
use python;
