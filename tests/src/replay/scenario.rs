//! The recorded scenario: `tests/data/scenario.jsonl`, one step a line.
//! `tests/data/README.md` says what each of them means.

use std::net::SocketAddr;
use std::time::Duration;

use netaio_core::{Layer, Message, MessageType, MessageTypes};
use serde::Deserialize;

use super::cast::{Party, Plugins};
use crate::vectors::Hex;

/// What happens next.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Step {
    Note {
        #[expect(dead_code, reason = "it is for whoever reads the scenario")]
        text: String,
    },
    Server(Party),
    Client(Party),
    Node(Party),
    Connect {
        client: String,
        server: String,
        name: String,
    },
    Intrude {
        server: String,
        name: String,
    },
    Request(Request),
    Send {
        on: String,
        #[serde(default)]
        from: Side,
        message: Words,
    },
    Ask(Request),
    Tell {
        on: String,
        to: Option<SocketAddr>,
        message: Words,
    },
    Notify {
        on: String,
        key: String,
        message: Words,
    },
    Broadcast {
        on: String,
        message: Words,
    },
    Finish {
        uri: String,
    },
    Manage {
        on: String,
        app: String,
        inner: Option<Plugins>,
    },
    Unmanage {
        on: String,
        app: String,
    },
    Frame(Forged),
    Write {
        on: String,
        bytes: Hex,
    },
    Repeat {
        on: String,
        of: String,
        way: Way,
        frame: usize,
        r#as: Option<String>,
    },
    Datagram(Forged),
    Lose {
        to: SocketAddr,
    },
    Spoil {
        on: String,
        way: Way,
        byte: Spoil,
    },
    Chunk {
        on: String,
        way: Way,
        bytes: usize,
    },
    Hold {
        on: String,
        way: Way,
    },
    Release {
        on: String,
        way: Way,
    },
    End {
        on: String,
    },
    Reset {
        on: String,
    },
    Advance {
        ms: u64,
    },
    Close {
        on: String,
        #[serde(default)]
        from: Side,
    },
    Stop {
        on: String,
    },
    Drop {
        on: String,
    },
}

/// A message type's name or number, a uri, a content.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Words(String, String, String);

/// A request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// A connection, or a node.
    pub(super) on: String,
    #[serde(default)]
    pub(super) from: Side,
    /// Whom a node asks.
    pub(super) to: Option<SocketAddr>,
    name: String,
    message: Words,
    /// In milliseconds; netaio's 10 s unless set.
    timeout: Option<u64>,
    inner: Option<Plugins>,
    pub(super) correlate: Option<bool>,
}

/// A frame that somebody makes who is none of the parties.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forged {
    /// An intruder's connection, unless it is a datagram.
    #[serde(default)]
    pub(super) on: String,
    /// Where a datagram seems to come from.
    pub(super) from: Option<SocketAddr>,
    pub(super) to: Option<SocketAddr>,
    message: Words,
    #[serde(default)]
    outer: Plugins,
    pub(super) spoil: Option<Spoil>,
    /// So many bytes of its end are missing.
    #[serde(default)]
    pub(super) cut: usize,
    /// How often it is sent; once unless set.
    pub(super) times: Option<usize>,
}

/// A byte of a frame that is changed on its way.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spoil {
    /// Counted from the frame's last byte, which is 0.
    pub(super) back: usize,
    /// Whether the checksum is made to fit again.
    #[serde(default)]
    pub(super) checksum: bool,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Side {
    #[default]
    Client,
    Server,
}

/// A direction of a connection: up is to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    Up,
    Down,
}

/// The steps of a scenario.
pub(super) fn read(text: &str) -> Vec<Step> {
    let numbered = text.lines().zip(1..);
    let lines = numbered.filter(|(line, _)| !line.trim().is_empty());
    lines
        .map(|(line, number)| match serde_json::from_str(line) {
            Ok(step) => step,
            Err(error) => panic!("line {number} of the scenario: {error}"),
        })
        .collect()
}

/// A type by its name, or by its number.
pub(super) fn message_type(text: &str) -> MessageType {
    let number = text.parse().ok().map(MessageType::new);
    let named = || MessageTypes::base().by_name(text);
    number
        .or_else(named)
        .unwrap_or_else(|| panic!("there is no message type {text}"))
}

impl Words {
    pub(super) fn message(&self) -> Message {
        let Self(kind, uri, content) = self;
        Message::new(message_type(kind), uri.clone(), content.clone())
    }
}

impl Request {
    /// What the log calls it.
    pub(super) fn subject(&self) -> String {
        format!("request {}", self.name)
    }

    pub(super) fn message(&self) -> Message {
        self.message.message()
    }

    pub(super) fn options(&self) -> netaio_core::RequestOptions {
        let mut options = netaio_core::RequestOptions::new();
        if let Some(timeout) = self.timeout {
            options = options.with_timeout(Duration::from_millis(timeout));
        }
        if let Some(inner) = &self.inner {
            options = options.with_inner(inner.inner());
        }
        if let Some(carry) = self.correlate {
            options = options.with_correlation(carry);
        }
        options
    }
}

impl Forged {
    pub(super) fn message(&self) -> Message {
        self.message.message()
    }

    pub(super) fn outer(&self) -> Layer {
        self.outer.outer()
    }
}

/// What the log calls an end of a connection.
pub(super) fn label(connection: &str, side: Side) -> String {
    match side {
        Side::Client => format!("{connection} client"),
        Side::Server => format!("{connection} server"),
    }
}
