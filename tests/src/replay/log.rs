//! What happened, in an order that does not depend on who was scheduled first.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use netaio_core::{Message, Peer};
use sha2::{Digest, Sha256};

use crate::python::hex;

/// The log of a run. Its lines are ordered by step and subject; what happened to
/// one subject in one step is in the order of its happening. Cloning copies a
/// pointer.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    step: usize,
    lines: BTreeMap<(usize, String), Vec<String>>,
}

impl Log {
    /// What is written from now on belongs to this step.
    pub(super) fn begin(&self, step: usize) {
        self.lock().step = step;
    }

    pub(super) fn write(&self, subject: impl Into<String>, line: impl Into<String>) {
        let mut lines = self.lock();
        let key = (lines.step, subject.into());
        lines.lines.entry(key).or_default().push(line.into());
    }

    /// Writes down what happened to a peer that somebody knows, and when it was heard.
    pub(super) fn write_peer(
        &self,
        of: &str,
        what: &str,
        peer: &Peer,
        addresses: Vec<SocketAddr>,
        heard: Duration,
    ) {
        let subject = format!("{of} knows {:?}", peer.id);
        let known = format!("{:?} at {addresses:?}, heard at {heard:?}", peer.data);
        self.write(subject, format!("{what} {known}"));
    }

    /// All of it, a line for each thing that happened.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for ((step, subject), lines) in &self.lock().lines {
            for line in lines {
                let _ = writeln!(text, "{step:03} {subject}: {line}");
            }
        }
        text
    }

    /// The SHA-256 of the [`text`](Self::text).
    #[must_use]
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.text()))
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message as the log shows it.
pub(super) fn show(message: &Message) -> String {
    let Message {
        message_type,
        uri,
        content,
        auth,
    } = message;
    let mut fields = Vec::new();
    auth.encode(&mut fields).expect("they came in a frame");
    format!("{message_type} {uri:?} {content:?} {}", hex(&fields))
}

/// What happened to a peer: events of the core and of the drivers have the same
/// variants. Gives the peer and what happened, or what was refused as an error.
macro_rules! peer_news {
    ($event:expr, $Events:ident, $peer:ident, $address:expr) => {
        match $event {
            $Events::Added($peer) => Ok(($peer, "came".to_owned())),
            $Events::Updated($peer) => Ok(($peer, "changed".to_owned())),
            $Events::AddressRemoved {
                $peer,
                address,
                reason,
            } => {
                let address = $address(address);
                Ok(($peer, format!("not at {address} any more: {reason:?}")))
            }
            $Events::Removed { $peer, reason } => Ok(($peer, format!("gone: {reason:?}"))),
            $Events::Refused { address, reason } => Err(format!("{}: {reason}", $address(address))),
            other => panic!("{other:?} is new"),
        }
    };
}
pub(super) use peer_news;

/// The answer of a request.
pub(super) fn show_answer(message: &Message, verified: bool) -> String {
    let verified = if verified { "verified" } else { "unverified" };
    format!("{verified} {}", show(message))
}

/// How far a message for many got.
pub(super) fn show_delivery(sent: usize, failed: usize) -> String {
    format!("told {sent}, failed {failed}")
}
