//! What a puppet is told, and what it says: a line of JSON each.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::python::{Inner, PythonError, Result, hex, unhex};

/// What a puppet is told. What it does not need is left out;
/// `tests/python/orders.py` says what there is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Order {
    /// What is to be done.
    pub op: String,
    /// The message type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<u8>,
    /// Whom a node's message is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<SocketAddr>,
    /// The uri, the app id or the key of subscriptions, as hexadecimal digits.
    pub uri: String,
    /// The content, as hexadecimal digits.
    pub content: String,
    /// For how long to wait, in seconds.
    pub timeout: f64,
    /// The secret of an inner HMAC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inner_secret: Option<String>,
    /// The key of an inner cipher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inner_key: Option<String>,
    /// The seed of an inner X25519 cipher, as hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// A number for the auth field `rid`, of a message that is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rid: Option<u64>,
    /// A text for the auth field `change`, of a message that is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The ids of peers, as hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// The time between a node's advertisements, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<f64>,
    /// The silence after which a node drops a peer, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence: Option<u32>,
}

impl Order {
    /// An order that needs no more words.
    #[must_use]
    pub fn new(op: &str) -> Self {
        Self {
            op: op.into(),
            ..Self::default()
        }
    }

    /// With a uri, or whatever takes its place.
    #[must_use]
    pub fn uri(mut self, uri: &[u8]) -> Self {
        self.uri = hex(uri);
        self
    }

    /// With a content.
    #[must_use]
    pub fn content(mut self, content: &[u8]) -> Self {
        self.content = hex(content);
        self
    }

    /// With inner layers.
    #[must_use]
    pub fn inner(mut self, inner: &Inner) -> Self {
        self.inner_secret.clone_from(&inner.secret);
        self.inner_key.clone_from(&inner.key);
        self
    }
}

/// What a puppet says to an order.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Said {
    /// It is done.
    #[serde(skip_serializing_if = "is_false")]
    pub done: bool,
    /// Nothing came in time.
    #[serde(skip_serializing_if = "is_false")]
    pub timeout: bool,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// A message, by its type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<u8>,
    /// The type's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The message's uri, as hexadecimal digits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uri: String,
    /// The message's content, as hexadecimal digits.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// The number in the message's auth field `rid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rid: Option<u64>,
    /// The text in the message's auth field `change`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The peers that it knows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<SaidPeer>,
    /// What has happened to peers since it was asked last, where it knows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
}

/// A peer that a puppet knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct SaidPeer {
    /// Its id, as hexadecimal digits.
    pub id: String,
    /// Its data, as hexadecimal digits.
    pub data: String,
    /// Where it is heard from.
    pub addresses: Vec<SocketAddr>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Said {
    /// The answer to an order that a message, a timeout or an error ends.
    pub(super) fn into_answer(self) -> Result<Answer> {
        match (self.kind, self.timeout, self.error) {
            (Some(kind), ..) => Ok(Answer::Message {
                kind,
                name: self.name,
                uri: unhex(&self.uri)?,
                content: unhex(&self.content)?,
                rid: self.rid,
                change: self.change,
            }),
            (None, true, _) => Ok(Answer::Timeout),
            (None, false, Some(error)) => Ok(Answer::Error(error)),
            (None, false, None) => Err(PythonError::new("the answer says nothing")),
        }
    }

    /// The answer to an order that is just done.
    pub(super) fn into_done(self) -> Result<Self> {
        match &self.error {
            None => Ok(self),
            Some(error) => Err(PythonError::new(format!("not done: {error}"))),
        }
    }
}

/// What a [`Puppet`](super::Puppet) got.
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
        /// The number in its auth field `rid`.
        rid: Option<u64>,
        /// The text in its auth field `change`.
        change: Option<String>,
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
