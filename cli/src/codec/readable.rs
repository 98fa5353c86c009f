//! A frame as a line for a person.

use std::io::{self, Write};

use netaio_core::Message;

use super::auth;
use crate::text::{Max, quoted, word};

/// The most names of auth fields that are shown.
const NAMES: usize = 8;

/// Prints, for example, `REQUEST_URI echo 2 bytes "hi" auth{ts,hmac,nonce}`.
pub(crate) fn print(message: &Message, out: &mut impl Write) -> io::Result<()> {
    let mut line = format!("{} ", message.message_type);
    line.push_str(&word(&message.uri, Max::BRIEF));
    let len = message.content.len();
    line.push_str(&format!(" {len} byte{}", if len == 1 { "" } else { "s" }));
    if len > 0 {
        line.push(' ');
        line.push_str(&quoted(&message.content, Max::BRIEF));
    }
    if !message.auth.is_empty() {
        push_auth(&mut line, message);
    }
    line.push('\n');
    out.write_all(line.as_bytes())
}

fn push_auth(line: &mut String, message: &Message) {
    line.push_str(" auth{");
    let fields = auth::fields(&message.auth);
    for (index, (key, _)) in fields.iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        if index == NAMES {
            line.push_str("..");
            break;
        }
        line.push_str(&word(auth::name(key).as_bytes(), Max::BRIEF));
    }
    line.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use netaio_core::MessageType;
    use netaio_core::packify::Value;

    fn line(message: &Message) -> String {
        let mut out = Vec::new();
        print(message, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_what_a_person_would_write() {
        let mut message = Message::new(MessageType::REQUEST_URI, "echo", "hi");
        assert_eq!(line(&message), "REQUEST_URI echo 2 bytes \"hi\"\n");
        message.auth.set_bytes("nonce", &[1; 16]).unwrap();
        message.auth.set_bytes("ts", &[1; 4]).unwrap();
        message.auth.insert(&Value::from(5), &Value::None).unwrap();
        assert_eq!(
            line(&message),
            "REQUEST_URI echo 2 bytes \"hi\" auth{packify:4405,ts,nonce}\n"
        );
        let message = Message::new(MessageType::new(40), "", "");
        assert_eq!(line(&message), "type 40 \"\" 0 bytes\n");
        let message = Message::new(MessageType::OK, "straße/☂", "☂");
        assert_eq!(line(&message), "OK \"straße/☂\" 3 bytes \"☂\"\n");
    }

    #[test]
    fn nothing_escapes_the_line() {
        let message = Message::new(MessageType::OK, "a b\"c", "x\n\x1b[31m\0\u{202e}it's");
        assert_eq!(
            line(&message),
            "OK \"a b\\\"c\" 15 bytes \"x\\n\\u{1b}[31m\\0\\u{202e}it's\"\n"
        );
        let message = Message::new(MessageType::OK, &b"\xff\x00"[..], "0x".repeat(100));
        let text = line(&message);
        let wanted = format!("OK 0xff00 200 bytes \"{}\"..\n", "0x".repeat(32));
        assert_eq!(text, wanted);
        let message = Message::new(MessageType::OK, "0x12", vec![0xff; 33]);
        let wanted = format!("OK \"0x12\" 33 bytes 0x{}..\n", "ff".repeat(32));
        assert_eq!(line(&message), wanted);
    }

    #[test]
    fn many_fields_are_cut() {
        let mut message = Message::ok("", "");
        for index in 0..20u8 {
            message.auth.set_bytes(&format!("{index:02}"), b"").unwrap();
        }
        assert_eq!(
            line(&message),
            "OK \"\" 0 bytes auth{00,01,02,03,04,05,06,07,..}\n"
        );
    }
}
