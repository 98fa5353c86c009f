//! JSON that is safe to be shown.

use std::io::{self, Write};

use netaio_core::Printable;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes a value as JSON on one line, in which everything is escaped that would not show as itself:
/// JSON's own rules leave C1 and DEL as they are, separators of lines, and what turns the direction of text.
pub(crate) fn write(value: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    value
        .serialize(&mut Serializer::with_formatter(out, Printing))
        .map_err(Into::into)
}

/// The same as text.
pub(crate) fn to_string(value: &impl Serialize) -> io::Result<String> {
    let mut text = Vec::new();
    write(value, &mut text)?;
    String::from_utf8(text).map_err(io::Error::other)
}

/// The compact form.
struct Printing;

impl Formatter for Printing {
    fn write_string_fragment<W>(&mut self, out: &mut W, text: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        for part in text.split_inclusive(|c| !Printable::shows(c)) {
            let hidden = part.chars().next_back().filter(|c| !Printable::shows(*c));
            let len = hidden.map_or(0, char::len_utf8);
            out.write_all(&part.as_bytes()[..part.len().saturating_sub(len)])?;
            for unit in hidden
                .iter()
                .flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec())
            {
                write!(out, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_show_is_escaped_and_reads_back() {
        let all: String = (0..0x3_0000).filter_map(char::from_u32).collect();
        let tags = "\u{e0001}\u{10ffff}";
        for text in [
            &all,
            tags,
            "",
            "\u{9b}",
            "a\u{9b}b\u{2028}\u{202e}",
            "\\u009b\"\n",
        ] {
            let json = to_string(&text).unwrap();
            assert!(json.chars().all(Printable::shows), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), *text);
        }
        assert_eq!(to_string(&"\u{9b}é\u{7f}").unwrap(), r#""\u009bé\u007f""#);
    }
}
