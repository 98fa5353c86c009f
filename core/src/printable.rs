//! What a remote says, on its way to a person.

use core::fmt::{self, Write};

/// Text of a remote as it may be shown on a terminal or in a log: whatever would not show as
/// itself is escaped, and what is long is cut.
///
/// Control characters (C0, DEL and C1), line separators, and characters that are invisible or
/// turn the direction of text are escaped as Rust does it: `\n`, `\u{1b}`, `\u{202e}`. So
/// a text neither controls a terminal, nor begins a line of its own, nor looks like another one. Bytes that are not UTF-8
/// are `\xff` in [`bytes`](Printable::bytes). Backslashes stay as they are: it is not for reading back.
///
/// ```
/// use netaio_core::Printable;
///
/// assert_eq!(Printable::new("a\nb\u{9b}31m").to_string(), r"a\nb\u{9b}31m");
/// assert_eq!(Printable::bytes(b"caf\xc3\xa9 \xff").to_string(), r"café \xff");
/// assert_eq!(Printable::new("12345678").with_max(4).to_string(), "1234.. (8 bytes)");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Printable<T> {
    text: T,
    max: usize,
    lines: bool,
}

impl Printable<()> {
    /// The characters that are shown of one text, unless set: 256.
    pub const MAX: usize = 256;

    /// Bytes as text; those that are not UTF-8 in hex.
    #[must_use]
    pub fn bytes(bytes: &[u8]) -> Printable<impl fmt::Display> {
        Printable::new(Lossy(bytes))
    }

    /// A value as `{:?}` shows it, for a line of a log.
    #[must_use]
    pub fn debug<T: fmt::Debug>(value: T) -> Printable<impl fmt::Display> {
        Printable::new(Debugged(value))
    }

    /// Whether a character shows as itself, wherever it stands.
    ///
    /// ```
    /// use netaio_core::Printable;
    ///
    /// assert!("a é☂ह".chars().all(Printable::shows));
    /// assert!(!"\n\x7f\u{85}\u{2028}\u{202e}\u{feff}".chars().any(Printable::shows));
    /// ```
    #[must_use]
    pub fn shows(c: char) -> bool {
        !(c.is_control()
            || matches!(c,
                // The soft hyphen, joiners, fillers, and marks of direction.
                '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{3164}' | '\u{ffa0}'
                // Separators of lines and paragraphs; embeddings, overrides and isolates.
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                // The byte order mark, annotations, and tags.
                | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'))
    }
}

impl<T> Printable<T> {
    /// A text, or anything that is shown as one.
    #[must_use]
    pub fn new(text: T) -> Self {
        Self {
            text,
            max: Printable::MAX,
            lines: false,
        }
    }

    /// Shows so many characters; behind them stands how long the whole is.
    #[must_use]
    pub fn with_max(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    /// Leaves tabs and the ends of lines as they are.
    #[must_use]
    pub fn with_lines(mut self) -> Self {
        self.lines = true;
        self
    }
}

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Escaping {
            out: f,
            left: self.max,
            lines: self.lines,
            bytes: 0,
            cut: false,
        };
        write!(out, "{}", self.text)?;
        let Escaping { bytes, cut, .. } = out;
        match cut {
            true => write!(f, ".. ({bytes} bytes)"),
            false => Ok(()),
        }
    }
}

/// Escapes what passes through it.
struct Escaping<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    /// Characters that are shown yet.
    left: usize,
    lines: bool,
    /// All that have come, those that are not shown too.
    bytes: usize,
    cut: bool,
}

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes = self.bytes.saturating_add(text.len());
        if self.cut {
            return Ok(());
        }
        for c in text.chars() {
            let Some(left) = self.left.checked_sub(1) else {
                self.cut = true;
                return Ok(());
            };
            self.left = left;
            if Printable::shows(c) || (self.lines && matches!(c, '\n' | '\t')) {
                self.out.write_char(c)?;
            } else {
                match c {
                    '\0' => self.out.write_str("\\0")?,
                    '\n' | '\r' | '\t' => write!(self.out, "{}", c.escape_default())?,
                    c => write!(self.out, "{}", c.escape_unicode())?,
                }
            }
        }
        Ok(())
    }
}

/// Bytes that should be UTF-8.
struct Lossy<'a>(&'a [u8]);

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// A value that shows itself by `Debug`.
struct Debugged<T>(T);

impl<T: fmt::Debug> fmt::Display for Debugged<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;

    #[test]
    fn every_control_character_is_escaped_and_no_text_is() {
        for code in (0..0x20).chain(0x7f..0xa0) {
            let c = char::from_u32(code).unwrap();
            let shown = Printable::new(c).to_string();
            assert!(shown.starts_with('\\') && shown.is_ascii(), "{shown}");
            // And nothing is lost.
            let bytes: String = [c].iter().collect();
            assert_eq!(Printable::bytes(bytes.as_bytes()).to_string(), shown);
        }
        for c in "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{2028}\u{2029}".chars() {
            let shown = Printable::new(c).to_string();
            assert!(shown.starts_with("\\u{") && shown.is_ascii(), "{shown}");
        }
        for text in [
            "",
            "plain \"quoted\" \\",
            "straße ☂ हिन्दी e\u{301}",
            "\u{a0}\u{3000}",
        ] {
            assert_eq!(Printable::new(text).to_string(), text);
        }
    }

    #[test]
    fn lines_are_left_where_asked_for() {
        let text = "one\n\ttwo\r\n\u{2028}";
        let lines = Printable::new(text).with_lines().to_string();
        assert_eq!(lines, "one\n\ttwo\\r\n\\u{2028}");
        assert_eq!(Printable::new(text).to_string(), r"one\n\ttwo\r\n\u{2028}");
    }

    #[test]
    fn bytes_that_are_no_text_are_hex() {
        let shown = Printable::bytes(b"\xff\xe2\x98a\xc2\x9b\0").to_string();
        assert_eq!(shown, r"\xff\xe2\x98a\u{9b}\0");
    }

    #[test]
    fn what_is_long_is_cut_at_a_character() {
        let exact = "☂".repeat(Printable::MAX);
        assert_eq!(Printable::new(&exact).to_string(), exact);
        let more = Printable::new(format_args!("{exact}{exact}\n")).to_string();
        assert_eq!(
            more,
            alloc::format!("{exact}.. ({} bytes)", 6 * Printable::MAX + 1)
        );
        // What is escaped counts as what it was.
        assert_eq!(
            Printable::new("\n\n\n").with_max(2).to_string(),
            r"\n\n.. (3 bytes)"
        );
        assert_eq!(Printable::new("x").with_max(0).to_string(), ".. (1 bytes)");
    }
}
