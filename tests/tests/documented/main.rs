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

mod aead;
mod auth_errors;
mod custom_types;
mod encapsulation;
mod layers;
mod logging;
mod long_requests;
mod many_servers;
mod pages;
mod peers;
mod plugins;
mod store;
mod timeouts;
mod udp;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::mpsc;
use std::time::Duration;
use std::{process, thread};

use netaio_core::{Message, MessageType};
use netaio_tests::python::{Python, PythonError, Result, Script};
use tokio::task::spawn_blocking;

/// A limit on what must happen: a guard, no measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one waits for what must not come.
const SHORT: Duration = Duration::from_millis(300);

/// A script in Python that goes on until it is told to end.
struct Twin {
    /// Where it serves, where it does.
    address: SocketAddr,
    /// None while it is spoken to.
    script: Option<Script>,
}

/// Starts a script that prints the port it serves on.
async fn serve(python: &Python, script: &'static str, args: &[&str]) -> Result<Twin> {
    let mut twin = talk(python, script, args).await?;
    let line = twin.hear().await?;
    let port: u16 = line
        .parse()
        .map_err(|_| PythonError::new(format!("{line:?} is no port")))?;
    twin.address.set_port(port);
    Ok(twin)
}

/// Starts a script that is spoken to.
async fn talk(python: &Python, script: &'static str, args: &[&str]) -> Result<Twin> {
    let script = start(python, script, args).await?;
    Ok(Twin {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        script: Some(script),
    })
}

impl Twin {
    /// Says a line to it.
    async fn tell(&mut self, line: &str) -> Result<()> {
        let line = line.to_owned();
        self.with(move |script| script.write_line(&line)).await
    }

    /// The next line that it says.
    async fn hear(&mut self) -> Result<String> {
        self.with(|script| script.read_line(PATIENCE)).await
    }

    /// Says a line, and returns the next that it says.
    async fn ask(&mut self, line: &str) -> Result<String> {
        self.tell(line).await?;
        self.hear().await
    }

    /// Asks until it says what is wanted: for what it learns from others in its own time.
    async fn ask_until(&mut self, line: &str, wanted: &str) -> Result<()> {
        while self.ask(line).await? != wanted {}
        Ok(())
    }

    /// Blocks on the script, and not on this thread, which may be the only one.
    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Script) -> T + Send + 'static,
    ) -> T {
        let mut script = self.script.take().unwrap();
        let done = spawn_blocking(move || {
            let value = work(&mut script);
            (script, value)
        });
        let (script, value) = done.await.unwrap();
        self.script = Some(script);
        value
    }

    /// Ends it, and sees that nothing went wrong there.
    async fn stop(self) {
        let script = self.script.unwrap();
        let status = spawn_blocking(|| script.close()).await.unwrap();
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

/// Python, while a test is watched: one that hangs ends the run, and says so.
struct Watched {
    python: Python,
    /// Closed when the test ends.
    _ended: mpsc::Sender<()>,
}

impl Watched {
    fn new(python: Python) -> Self {
        let (ended, wait) = mpsc::channel();
        let test = thread::current().name().unwrap_or("a test").to_owned();
        thread::spawn(move || {
            if wait.recv_timeout(PATIENCE * 2) == Err(mpsc::RecvTimeoutError::Timeout) {
                // Not `eprintln!`: the test harness would keep it to itself.
                let _ = writeln!(io::stderr(), "{test} hangs");
                process::exit(1);
            }
        });
        Self {
            python,
            _ended: ended,
        }
    }
}

impl Deref for Watched {
    type Target = Python;

    fn deref(&self) -> &Python {
        &self.python
    }
}

/// The environment with the package, or the end of the test where it is to be skipped.
macro_rules! python {
    () => {
        match netaio_tests::python::Python::get()? {
            Some(python) => crate::Watched::new(python),
            None => return Ok(()),
        }
    };
}
use python;
