//! A server, client or node that does what a test says.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Inner, PATIENCE, PythonError, Result, Script, hex, unhex};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// REQUEST_URI.
    Request,
    /// CREATE_URI.
    Create,
    /// UPDATE_URI.
    Update,
    /// DELETE_URI.
    Delete,
}

/// What a [`Puppet`] got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A message, with all layers taken off.
    Message {
        /// Its message type.
        kind: u8,
        /// The type's name.
        name: String,
        /// Its uri.
        uri: Vec<u8>,
        /// Its content.
        content: Vec<u8>,
    },
    /// Nothing came in time.
    Timeout,
    /// The package raised this.
    Error(String),
}

impl Answer {
    /// Type name and content of a message; the others as errors.
    ///
    /// # Errors
    ///
    /// When this is no message.
    pub fn message(&self) -> Result<(&str, &[u8])> {
        match self {
            Self::Message { name, content, .. } => Ok((name, content)),
            Self::Timeout => Err(PythonError::new("the client timed out")),
            Self::Error(text) => Err(PythonError::new(format!("the client failed: {text}"))),
        }
    }
}

/// What a puppet is told. What it does not need is left out.
#[derive(Default, Serialize)]
pub(super) struct Order<'a> {
    pub(super) op: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<SocketAddr>,
    pub(super) uri: String,
    pub(super) content: String,
    pub(super) timeout: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inner_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inner_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) every: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) silence: Option<f64>,
}

impl<'a> Order<'a> {
    pub(super) fn new(op: &'a str, uri: &[u8], content: &[u8], inner: &'a Inner) -> Self {
        Self {
            op,
            uri: hex(uri),
            content: hex(content),
            inner_secret: inner.secret.as_deref(),
            inner_key: inner.key.as_deref(),
            ..Self::default()
        }
    }

    /// An order that needs no more words.
    pub(super) fn bare(op: &'a str) -> Self {
        Self {
            op,
            ..Self::default()
        }
    }
}

#[derive(Deserialize)]
struct RawAnswer {
    #[serde(rename = "type")]
    kind: Option<u8>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    uri: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    timeout: bool,
    error: Option<String>,
}

impl RawAnswer {
    /// The answer to an order that a message, a timeout or an error ends.
    fn into_answer(self) -> Result<Answer> {
        match (self.kind, self.timeout, self.error) {
            (Some(kind), ..) => Ok(Answer::Message {
                kind,
                name: self.name,
                uri: unhex(&self.uri)?,
                content: unhex(&self.content)?,
            }),
            (None, true, _) => Ok(Answer::Timeout),
            (None, false, Some(error)) => Ok(Answer::Error(error)),
            (None, false, None) => Err(PythonError::new("the answer says nothing")),
        }
    }

    /// The answer to an order that is just done.
    fn into_done(self) -> Result<()> {
        match self.error {
            None => Ok(()),
            Some(error) => Err(PythonError::new(format!("not done: {error}"))),
        }
    }
}

/// A script that obeys lines of JSON: `tests/python/orders.py` says which.
#[derive(Debug)]
pub struct Puppet {
    pub(super) script: Script,
    /// How long it waits for what it is told to wait for; 10 seconds at first.
    pub timeout: Duration,
    /// Whom a node talks to. A client talks to its server.
    pub to: Option<SocketAddr>,
}

impl Puppet {
    pub(super) fn new(script: Script) -> Self {
        Self {
            script,
            timeout: Duration::from_secs(10),
            to: None,
        }
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    ///
    /// When the script has died; what the package raises is an [`Answer::Error`].
    pub fn request(&mut self, op: Op, uri: &[u8], content: &[u8]) -> Result<Answer> {
        self.request_with(op, uri, content, &Inner::default())
    }

    /// [`request`](Self::request) with inner layers.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn request_with(
        &mut self,
        op: Op,
        uri: &[u8],
        content: &[u8],
        inner: &Inner,
    ) -> Result<Answer> {
        let name = match op {
            Op::Request => "request",
            Op::Create => "create",
            Op::Update => "update",
            Op::Delete => "delete",
        };
        let order = Order::new(name, uri, content, inner);
        self.obey::<RawAnswer>(order)?.into_answer()
    }

    /// Sends a message that nothing waits for.
    ///
    /// # Errors
    ///
    /// When the script has died or the package raises.
    pub fn send(&mut self, kind: u8, uri: &[u8], content: &[u8], inner: &Inner) -> Result<()> {
        let kind = Some(kind);
        self.carry_out(Order {
            kind,
            ..Order::new("send", uri, content, inner)
        })
    }

    /// The next message that no request waited for.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    #[expect(clippy::should_implement_trait, reason = "it waits, and never ends")]
    pub fn next(&mut self) -> Result<Answer> {
        self.obey::<RawAnswer>(Order::bare("next"))?.into_answer()
    }

    /// Takes leave in good order, and ends.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn close(mut self) -> Result<()> {
        self.carry_out(Order::bare("close"))?;
        match self.script.end() {
            Some(status) if status.success() => Ok(()),
            status => Err(self.script.failure(&format!("ended with {status:?}"))),
        }
    }

    /// Ends without a word, as by `kill -9`.
    pub fn kill(self) {
        drop(self.script);
    }

    /// Does what needs no answer.
    pub(super) fn carry_out(&mut self, order: Order<'_>) -> Result<()> {
        self.obey::<RawAnswer>(order)?.into_done()
    }

    pub(super) fn obey<A: for<'a> Deserialize<'a>>(&mut self, order: Order<'_>) -> Result<A> {
        let order = Order {
            to: self.to,
            timeout: self.timeout.as_secs_f64(),
            ..order
        };
        let patience = PATIENCE.saturating_add(self.timeout);
        self.script.ask(&order, patience)
    }
}
