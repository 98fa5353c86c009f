//! Bytes of a remote as words of a line for a person.

use std::str;

use netaio_core::Printable;

use crate::codec::hex::hex;

/// Bytes bare where they are one plain word, else as [`quoted`]. Of longer ones `max` is shown.
pub(crate) fn word(bytes: &[u8], max: Max) -> String {
    let plain =
        |c: char| (c.is_alphanumeric() && Printable::shows(c)) || "/-_.:;~@%+*=?&#$!".contains(c);
    match str::from_utf8(bytes) {
        Ok(text)
            if (1..=max.characters).contains(&text.len())
                && text.chars().all(plain)
                && !text.starts_with("0x") =>
        {
            text.to_owned()
        }
        _ => quoted(bytes, max),
    }
}

/// Text in quotes, with everything escaped that would not show; other bytes as hex. What is
/// cut ends with two dots.
pub(crate) fn quoted(bytes: &[u8], max: Max) -> String {
    let Ok(text) = str::from_utf8(bytes) else {
        let shown = bytes.get(..max.bytes).unwrap_or(bytes);
        let cut = if shown.len() < bytes.len() { ".." } else { "" };
        return format!("0x{}{cut}", hex(shown));
    };
    let mut line = String::from('"');
    let mut chars = text.chars();
    for c in chars.by_ref().take(max.characters) {
        if matches!(c, '"' | '\\') {
            line.push('\\');
        }
        line.push_str(&Printable::new(c).to_string());
    }
    line.push('"');
    if !chars.as_str().is_empty() {
        line.push_str("..");
    }
    line
}

/// How much of a text is shown.
#[derive(Clone, Copy)]
pub(crate) struct Max {
    /// Of text, in characters.
    characters: usize,
    /// Of other bytes.
    bytes: usize,
}

impl Max {
    /// As much as fits into a line for a person.
    pub(crate) const BRIEF: Self = Self {
        characters: 64,
        bytes: 32,
    };
    /// All of it.
    pub(crate) const NONE: Self = Self {
        characters: usize::MAX,
        bytes: usize::MAX,
    };
}
