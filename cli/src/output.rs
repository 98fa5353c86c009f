//! Messages from the network, printed.

use std::borrow::Cow;
use std::io::{self, Write};
use std::str;

use netaio_core::{Message, Printable};
use serde::Serialize;

use crate::codec::auth::Printed as PrintedAuth;
use crate::codec::hex::hex;
use crate::json;
use crate::stdio::Output;

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

/// What goes to standard output of a content that was asked for: a terminal gets it as text,
/// with everything escaped but tabs and the ends of lines, and a line ends behind it.
pub(crate) fn content(content: &[u8]) -> Cow<'_, [u8]> {
    if content.is_empty() || !Output::is_terminal() {
        return content.into();
    }
    let text = Printable::bytes(content).with_lines().with_max(usize::MAX);
    let end = match content.ends_with(b"\n") {
        true => "",
        false => "\n",
    };
    format!("{text}{end}").into_bytes().into()
}

/// Prints a message as one line of JSON.
pub(crate) fn print_json(
    message: &Message,
    further: Further,
    out: &mut impl Write,
) -> io::Result<()> {
    let printed = Printed {
        kind: message.message_type.value(),
        name: message.message_type.base_name(),
        auth: PrintedAuth(&message.auth),
        uri: str::from_utf8(&message.uri).ok(),
        uri_hex: hex(&message.uri),
        content_hex: hex(&message.content),
        further,
    };
    json::write(&printed, out)?;
    out.write_all(b"\n")
}
