//! A frame as a line of JSON.

use std::io::{self, Write};
use std::str;

use bytes::Bytes;
use netaio_core::{Message, MessageType};
use serde::de::{Deserializer, Error, IgnoredAny, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

use super::auth;
use super::hex::{hex, unhex};
use super::line::LineError;
use crate::json;

/// What `netaio decode --json` prints, in this order.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(rename = "type")]
    kind: u8,
    /// Null for a custom type.
    name: Option<&'static str>,
    auth: auth::Printed<'a>,
    /// Null where it is not UTF-8.
    uri: Option<&'a str>,
    uri_hex: String,
    content_hex: String,
    checksum: u32,
}

/// A message, and the checksum of the frame that it came in.
pub(crate) fn printed(message: &Message, checksum: u32) -> impl Serialize + '_ {
    Printed {
        kind: message.message_type.value(),
        name: message.message_type.base_name(),
        auth: auth::Printed(&message.auth),
        uri: str::from_utf8(&message.uri).ok(),
        uri_hex: hex(&message.uri),
        content_hex: hex(&message.content),
        checksum,
    }
}

/// Prints it.
pub(super) fn print(message: &Message, checksum: u32, out: &mut impl Write) -> io::Result<()> {
    json::write(&printed(message, checksum), out)?;
    out.write_all(b"\n")
}

/// What `netaio encode` reads.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Given {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    auth: Option<auth::Given>,
    uri: Option<String>,
    uri_hex: Option<Hex>,
    content: Option<String>,
    content_hex: Option<Hex>,
    #[serde(default, rename = "name")]
    _name: IgnoredAny,
    #[serde(default, rename = "checksum")]
    _checksum: IgnoredAny,
    // What a capture has besides.
    #[serde(default, rename = "time")]
    _time: IgnoredAny,
    #[serde(default, rename = "transport")]
    _transport: IgnoredAny,
    #[serde(default, rename = "from")]
    _from: IgnoredAny,
    #[serde(default, rename = "to")]
    _to: IgnoredAny,
}

/// Reads the message that a line describes.
pub(super) fn parse(line: &[u8]) -> Result<Message, LineError> {
    LineError::check_object(line, "`netaio decode --json`")?;
    let given: Given = serde_json::from_slice(line).map_err(LineError::json)?;
    let Kind(kind) = given.kind;
    let uri = either("uri", given.uri, given.uri_hex)?;
    let content = either("content", given.content, given.content_hex)?;
    let mut message = Message::new(kind, uri, content);
    message.auth = given.auth.unwrap_or_default().into_fields()?;
    Ok(message)
}

/// The bytes that text, hex or both give.
fn either(name: &'static str, text: Option<String>, hex: Option<Hex>) -> Result<Bytes, LineError> {
    match (text, hex) {
        (Some(text), Some(Hex(bytes))) if text.as_bytes() != bytes => Err(LineError::Differ(name)),
        (_, Some(Hex(bytes))) => Ok(bytes.into()),
        (Some(text), None) => Ok(text.into()),
        (None, None) => Ok(Bytes::new()),
    }
}

struct Hex(Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HexVisitor;

        impl Visitor<'_> for HexVisitor {
            type Value = Hex;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an even number of hexadecimal digits")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Hex, E> {
                unhex(text)
                    .map(Hex)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(HexVisitor)
    }
}

/// A message type that may be sent: a base type, or 31 to 255.
struct Kind(MessageType);

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KindVisitor;

        impl Visitor<'_> for KindVisitor {
            type Value = Kind;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a base type's name or number, or 31 to 255")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Kind, E> {
                let kind = u8::try_from(value).map(MessageType::new).ok();
                kind.filter(|kind| {
                    kind.base_name().is_some() || kind.value() >= MessageType::FIRST_CUSTOM
                })
                .map(Kind)
                .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(value), &self))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Kind, E> {
                let mut base = MessageType::BASE.iter();
                base.find(|kind| kind.base_name() == Some(name))
                    .map(|kind| Kind(*kind))
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(name), &self))
            }
        }

        deserializer.deserialize_any(KindVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> String {
        parse(line.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_line_prints_and_reads_back() {
        let mut message = Message::new(MessageType::new(40), &b"\xff"[..], "hi");
        message.auth.set_bytes("ts", b"abcd").unwrap();
        let mut line = Vec::new();
        print(&message, 7, &mut line).unwrap();
        let wanted = concat!(
            r#"{"type":40,"name":null,"auth":{"ts":"61626364"},"uri":null,"uri_hex":"ff","#,
            r#""content_hex":"6869","checksum":7}"#,
            "\n"
        );
        assert_eq!(str::from_utf8(&line), Ok(wanted));
        assert_eq!(parse(&line).unwrap(), message);
    }

    #[test]
    fn text_hex_and_names_are_read() {
        let message = parse(br#"{"type":"OK","uri":"echo","content_hex":"4869"}"#).unwrap();
        assert_eq!(message, Message::ok("echo", "Hi"));
        let message = parse(br#"{"type":10,"uri_hex":"6563686F","content":"Hi"}"#).unwrap();
        assert_eq!(message, Message::ok("echo", "Hi"));
        let message = parse(br#"{"type":10,"auth":null,"uri":null,"name":5,"checksum":""}"#);
        assert_eq!(message.unwrap(), Message::ok("", ""));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_column() {
        for (line, problem) in [
            ("", "EOF while parsing a value"),
            ("{}", "column 2: missing field `type`"),
            (
                "[]",
                "each line is a JSON object, such as `netaio decode --json` prints",
            ),
            (r#"{"type":14}"#, "a base type's name or number"),
            (r#"{"type":256}"#, "a base type's name or number"),
            (r#"{"type":-1}"#, "a base type's name or number"),
            (
                r#"{"type":"ECHO"}"#,
                "column 14: invalid value: string \"ECHO\"",
            ),
            (r#"{"type":0,"url":""}"#, "unknown field `url`"),
            (r#"{"type":0,"uri_hex":"abc"}"#, "an even number"),
            (
                r#"{"type":0,"uri":"a","uri_hex":"62"}"#,
                "uri and uri_hex differ",
            ),
            (r#"{"type":0,"type":1}"#, "duplicate field `type`"),
            (r#"{"type":0} x"#, "trailing characters"),
        ] {
            let error = error(line);
            assert!(error.contains(problem), "{line}: {error}");
        }
    }
}
