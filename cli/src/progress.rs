//! How far something long is, for whoever watches a terminal.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::stdio::Output;
use crate::stdio::error::{can_show, show};

/// The characters of a bar.
const BAR: usize = 24;

/// What is over before this is not worth a line; nor is what is new more often.
const PAUSE: Duration = Duration::from_millis(250);

/// A bar that is filled so far, of 1.
pub(crate) fn bar(share: f64) -> String {
    let filled = (share.clamp(0.0, 1.0) * BAR as f64) as usize;
    let (done, rest) = ("=".repeat(filled), " ".repeat(BAR.saturating_sub(filled)));
    format!("[{done}{rest}]")
}

/// Input that shows how much of it was read: on standard error where that is a terminal, and where
/// the output goes elsewhere.
pub(crate) struct Progress<R> {
    input: R,
    /// In bytes, where it is known.
    len: Option<u64>,
    read: u64,
    /// When it is shown next; `None` where nobody sees it.
    next: Option<Instant>,
    is_shown: bool,
}

impl<R: Read> Progress<R> {
    /// Around input of this length in bytes, if that is known.
    pub(crate) fn of(input: R, len: Option<u64>) -> Self {
        let is_watched = can_show() && !Output::is_terminal();
        Self {
            input,
            len: len.filter(|len| *len > 0),
            read: 0,
            next: is_watched.then(|| Instant::now() + PAUSE),
            is_shown: false,
        }
    }

    fn status(&self) -> String {
        let read = self.read as f64 / 1e6;
        match self.len {
            None => format!("{read:.1} MB read"),
            Some(len) => {
                let share = self.read as f64 / len as f64;
                let of = len as f64 / 1e6;
                format!("{}  {read:.1} of {of:.1} MB", bar(share))
            }
        }
    }
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.read = self.read.saturating_add(count as u64);
        if let Some(next) = self.next
            && Instant::now() >= next
        {
            show(&self.status());
            self.is_shown = true;
            self.next = Some(Instant::now() + PAUSE);
        }
        Ok(count)
    }
}

impl<R> Drop for Progress<R> {
    fn drop(&mut self) {
        if self.is_shown {
            show("");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_one_length() {
        for (share, filled) in [
            (-1.0, 0),
            (0.0, 0),
            (0.5, 12),
            (1.0, 24),
            (f64::NAN, 0),
            (9.0, 24),
        ] {
            let bar = bar(share);
            assert_eq!((bar.len(), bar.matches('=').count()), (26, filled));
        }
    }
}
