//! The line of a terminal that a bar is drawn on.

use std::io;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::TermLike;

use crate::stdio::error::{columns, show};

/// What is over before this is not worth a line.
const PAUSE: Duration = Duration::from_millis(250);

/// A line on standard error, which is written by whoever writes the lines of the log: nobody waits where
/// a terminal takes nothing, and what is said meanwhile has a line of its own. indicatif's own terminal
/// has neither.
#[derive(Debug)]
pub(super) struct Line {
    /// What will be on it.
    text: Mutex<String>,
    /// When it is drawn first.
    from: Instant,
}

impl Line {
    /// One that is drawn in a while.
    pub(super) fn new() -> Self {
        Self {
            text: Mutex::default(),
            from: Instant::now() + PAUSE,
        }
    }

    fn text(&self) -> MutexGuard<'_, String> {
        // It is drawn anew each time.
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for Line {
    /// Without the last column, behind which the cursor would be on another line.
    fn width(&self) -> u16 {
        columns().saturating_sub(1).max(1)
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.text().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.text().clear();
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = mem::take(&mut *self.text());
        // What has no room would be on lines that nobody clears.
        let text: String = text.chars().take(self.width().into()).collect();
        if Instant::now() >= self.from {
            show(text.trim_end());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use indicatif::{ProgressBar, ProgressDrawTarget};

    use super::*;
    use crate::progress::style;

    #[test]
    fn a_bar_that_is_longer_than_the_line_is_drawn_too() {
        let target = ProgressDrawTarget::term_like(Box::new(Line::new()));
        let bar = ProgressBar::with_draw_target(Some(3), target);
        bar.set_style(style("[{wide_bar}] {msg}"));
        for length in [0, 1, 79, 80, 81, 10_000] {
            bar.set_message("x".repeat(length));
            bar.inc(1);
        }
    }
}
