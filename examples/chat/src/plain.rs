//! Without a terminal: lines from standard input, and a line for each event.

use std::io::{self, BufRead, Write};
use std::thread;

use tokio::sync::mpsc;

use crate::letter::MAX_TEXT;

/// Bytes of a line that are kept: one more than may be sent, and a name.
const MAX_LINE: usize = 2 * MAX_TEXT;

/// Standard input, line by line. It ends with it.
pub(crate) fn lines() -> io::Result<mpsc::Receiver<String>> {
    let (sender, lines) = mpsc::channel(16);
    // A thread of its own, which nobody waits for: it reads until there is a line.
    thread::Builder::new().spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(line)) = read_line(&mut input)
            && sender.blocking_send(line).is_ok()
        {}
    })?;
    Ok(lines)
}

/// Writes a line at once.
pub(crate) fn print(line: impl std::fmt::Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The next line, or as much of it as is kept.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            let line = (!line.is_empty()).then_some(line);
            return Ok(line.map(|line| String::from_utf8_lossy(&line).into_owned()));
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let room = MAX_LINE.saturating_sub(line.len());
        line.extend(part.iter().take(room));
        let taken = part.len().saturating_add(usize::from(end.is_some()));
        input.consume(taken);
        if end.is_some() {
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_long_ones_are_cut() {
        let long = "x".repeat(100 * MAX_LINE);
        let text = format!("one\n\n{long}\n\u{ff}two");
        let mut input = io::BufReader::with_capacity(7, text.as_bytes());
        let mut next = || read_line(&mut input).unwrap();
        assert_eq!(next().as_deref(), Some("one"));
        assert_eq!(next().as_deref(), Some(""));
        assert_eq!(next().map(|line| line.len()), Some(MAX_LINE));
        assert_eq!(next().as_deref(), Some("\u{ff}two"));
        assert_eq!(next(), None);
    }
}
