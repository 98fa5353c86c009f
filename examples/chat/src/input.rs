//! The line that is entered, and where its cursor is.

use netaio_tokio::core::Printable;

use crate::letter::MAX_TEXT;

/// The bytes of a line: more than may be sent, so that nothing is sent that was cut.
const MAX_INPUT: usize = 2 * MAX_TEXT;

/// The line that is entered.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// What is before the cursor, and what is behind it.
    before: String,
    behind: String,
}

impl Input {
    pub(crate) fn before(&self) -> &str {
        &self.before
    }

    pub(crate) fn behind(&self) -> &str {
        &self.behind
    }

    /// Adds at the cursor what there is room for.
    pub(crate) fn type_text(&mut self, text: &str) {
        // A line that was pasted with its end, or several.
        let spaced = text
            .chars()
            .map(|c| if c.is_whitespace() { ' ' } else { c });
        for c in spaced.filter(|c| Printable::shows(*c)) {
            let len = self.before.len().saturating_add(self.behind.len());
            if len.saturating_add(c.len_utf8()) <= MAX_INPUT {
                self.before.push(c);
            }
        }
    }

    /// Deletes the character before the cursor.
    pub(crate) fn delete_before(&mut self) {
        self.before.pop();
    }

    /// Deletes the one behind it.
    pub(crate) fn delete_behind(&mut self) {
        if !self.behind.is_empty() {
            self.behind.remove(0);
        }
    }

    pub(crate) fn left(&mut self) {
        if let Some(c) = self.before.pop() {
            self.behind.insert(0, c);
        }
    }

    pub(crate) fn right(&mut self) {
        if !self.behind.is_empty() {
            self.before.push(self.behind.remove(0));
        }
    }

    pub(crate) fn home(&mut self) {
        self.behind.insert_str(0, &self.before);
        self.before.clear();
    }

    pub(crate) fn end(&mut self) {
        self.before.push_str(&self.behind);
        self.behind.clear();
    }

    /// The whole line; an empty one is in its place.
    pub(crate) fn take(&mut self) -> String {
        self.end();
        std::mem::take(&mut self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(input: &Input) -> String {
        format!("{}|{}", input.before, input.behind)
    }

    #[test]
    fn a_line_is_changed_where_the_cursor_is() {
        let mut input = Input::default();
        input.type_text("gute mrgen ☂");
        for _ in 0..6 {
            input.left();
        }
        input.type_text("o");
        assert_eq!(shown(&input), "gute mo|rgen ☂");
        input.home();
        input.left();
        input.delete_before();
        input.delete_behind();
        input.type_text("G");
        assert_eq!(shown(&input), "G|ute morgen ☂");
        input.right();
        input.delete_before();
        assert_eq!(shown(&input), "G|te morgen ☂");
        input.end();
        input.right();
        input.delete_behind();
        input.delete_before();
        assert_eq!(shown(&input), "Gte morgen |");
        input.home();
        assert_eq!(input.take(), "Gte morgen ");
        assert_eq!(shown(&input), "|");
    }

    #[test]
    fn it_is_bounded_and_shows() {
        let mut input = Input::default();
        input.type_text(&"☂".repeat(MAX_INPUT));
        input.home();
        input.type_text("☂a\u{1b}b");
        assert_eq!(shown(&input).len(), MAX_INPUT + 1);
        // What is cut is too long to be sent.
        assert!(input.take().len() > MAX_TEXT);
        input.type_text("a\u{1b}[31m\r\nb\u{202e}");
        assert_eq!(input.take(), "a[31m  b");
    }
}
