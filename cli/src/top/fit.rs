//! Texts in no more columns than there are.

use ratatui::text::Span;

/// The columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// A text in so many columns: one that has more is cut, and says so.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    for character in text.chars() {
        cut.push(character);
        if width(&cut) >= columns {
            cut.pop();
            break;
        }
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// A text in rows of so many columns, cut between words where that can be; the last row of as many as there may
/// be is [cut](cut()).
pub(super) fn wrapped(text: &str, columns: usize, rows: usize) -> Vec<String> {
    let mut wrapped: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let taken = wrapped.last().map_or(usize::MAX, |row| width(row));
        let with = taken.saturating_add(1).saturating_add(width(word));
        let is_last = wrapped.len() >= rows;
        match wrapped.last_mut() {
            Some(row) if is_last || with <= columns => {
                row.push(' ');
                row.push_str(word);
            }
            _ => wrapped.push(word.to_owned()),
        }
    }
    wrapped.into_iter().map(|row| cut(&row, columns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_says_so() {
        for (text, columns, shown) in [
            ("390/s, 780/s", 12, "390/s, 780/s"),
            ("390/s, 780/s", 11, "390/s, 780…"),
            ("390/s", 1, "…"),
            ("390/s", 0, ""),
            ("200 µs", 5, "200 …"),
            ("漢字漢字", 5, "漢字…"),
            ("漢字漢字", 4, "漢…"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, columns), shown, "{text} in {columns}");
        }
    }

    #[test]
    fn rows_are_cut_between_words() {
        let text = "cannot connect to there: refused";
        assert_eq!(wrapped(text, 40, 3), [text]);
        assert_eq!(
            wrapped(text, 17, 3),
            ["cannot connect to", "there: refused"]
        );
        assert_eq!(wrapped(text, 14, 2), ["cannot connect", "to there: ref…"]);
        assert_eq!(
            wrapped(text, 5, 9),
            ["cann…", "conn…", "to", "ther…", "refu…"]
        );
        assert_eq!(wrapped(text, 5, 0), ["cann…"]);
    }
}
