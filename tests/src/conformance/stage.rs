//! Handlers that wait until a test lets each of them answer.

use std::collections::BTreeMap;
use std::time::Duration;

use async_channel::Receiver;
use netaio_driver::core::types::*;
use netaio_driver::{Connection, Content, Handler, RequestError, Runtime};

use super::support::{Door, echo_behind_doors, spawn};

/// Longer than any test runs.
pub(super) const NEVER: Duration = Duration::from_secs(3600);

/// Handlers that have been called, by their content, each with the door that it
/// waits at before it echoes.
pub(super) struct Stage {
    pub(super) called: Receiver<(String, Door)>,
    pub(super) waiting: BTreeMap<String, Door>,
}

impl Stage {
    pub(super) fn new() -> (Self, impl Handler<StageArguments>) {
        let (handler, called) = echo_behind_doors();
        let waiting = BTreeMap::new();
        (Self { called, waiting }, handler)
    }

    /// Waits until these have been called, in any order.
    pub(super) async fn enter(&mut self, names: &[&str]) {
        while !names.iter().all(|name| self.waiting.contains_key(*name)) {
            let (name, door) = self.called.recv().await.expect("the server runs");
            self.waiting.insert(name, door);
        }
    }

    /// Those that have been called and not released.
    pub(super) fn waiting(&mut self) -> Vec<String> {
        self.waiting
            .extend(std::iter::from_fn(|| self.called.try_recv().ok()));
        self.waiting.keys().cloned().collect()
    }

    pub(super) fn release(&mut self, name: &str) {
        let door = self.waiting.remove(name).expect("it has been called");
        door.open();
    }
}

pub(super) type StageArguments = netaio_driver::Deferred<(Content,)>;

/// The answer to a request for `same`, which other tasks wait for too.
pub(super) fn ask<R: Runtime>(
    to: &Connection,
    content: &str,
) -> impl Future<Output = Result<String, RequestError>> + Send + 'static {
    let request = to
        .request("same")
        .content(content.to_owned())
        .timeout(NEVER);
    spawn::<R, _>(async move {
        let answer = request.await?;
        assert_eq!(answer.message_type, RESPOND_URI);
        Ok(String::from_utf8_lossy(&answer.content).into_owned())
    })
}
