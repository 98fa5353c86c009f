//! Messages from the network, printed.

use std::io::{self, Write};
use std::str;

use netaio_core::Message;
use serde::Serialize;

use crate::codec::auth::Printed as PrintedAuth;
use crate::codec::hex::hex;

/// A message as JSON, in this order.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(rename = "type")]
    kind: u8,
    /// Null for a custom type.
    name: Option<&'static str>,
    auth: PrintedAuth<'a>,
    /// Null where it is not UTF-8.
    uri: Option<&'a str>,
    uri_hex: String,
    content_hex: String,
    #[serde(flatten)]
    further: Further,
}

/// Further fields.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Further {
    /// Of an answer.
    Answer {
        /// Whether it passed the outer layer.
        verified: bool,
        /// The time from the request to it.
        seconds: f64,
    },
    /// Of a notification.
    News {
        /// What it says has happened; null where it says nothing of it.
        change: Option<&'static str>,
    },
}

/// Prints a message as one line of JSON.
pub(crate) fn json(message: &Message, further: Further, out: &mut impl Write) -> io::Result<()> {
    let printed = Printed {
        kind: message.message_type.value(),
        name: message.message_type.base_name(),
        auth: PrintedAuth(&message.auth),
        uri: str::from_utf8(&message.uri).ok(),
        uri_hex: hex(&message.uri),
        content_hex: hex(&message.content),
        further,
    };
    serde_json::to_writer(&mut *out, &printed)?;
    out.write_all(b"\n")
}
