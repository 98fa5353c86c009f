//! How far something long is, for whoever watches a terminal: indicatif's bars, on standard error.

mod line;

use std::io::Read;

use indicatif::{ProgressBar, ProgressBarIter, ProgressDrawTarget, ProgressStyle};

use self::line::Line;
use crate::stdio::Output;
use crate::stdio::error::{can_show, flush};

/// How often a bar is drawn at most, in a second.
const DRAWN: u8 = 10;

/// How an input's bar looks where its length is known.
const OF_KNOWN: &str =
    "[{wide_bar}]  {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";

/// The same where it is not.
const OF_UNKNOWN: &str = "{decimal_bytes} read  {decimal_bytes_per_sec}";

/// What the output of a command is to a bar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// It comes while the bar is shown, and shows on a terminal how far it is.
    Output,
    /// There is none before the bar is gone.
    Nothing,
}

/// A bar for so many steps, which is gone when it is dropped. Nobody sees it where standard error is no
/// terminal.
pub(crate) fn bar(steps: Option<u64>, style: ProgressStyle, beside: Beside) -> ProgressBar {
    let is_watched = can_show() && (beside == Beside::Nothing || !Output::is_terminal());
    let target = match is_watched {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(Line::new()), DRAWN),
        false => ProgressDrawTarget::hidden(),
    };
    ProgressBar::with_draw_target(steps, target).with_style(style)
}

/// A style, in indicatif's language of templates.
pub(crate) fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    // Each is a constant, which a test has looked at.
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("= ")
}

/// Input of this length in bytes, if that is known, with a bar that shows how much of it was read.
pub(crate) fn of_input<R: Read>(input: R, len: Option<u64>, beside: Beside) -> ProgressBarIter<R> {
    // What says that it has none may have some nevertheless.
    let len = len.filter(|len| *len > 0);
    let template = if len.is_some() { OF_KNOWN } else { OF_UNKNOWN };
    bar(len, style(template), beside).wrap_read(input)
}

/// Takes a bar away, before other output comes.
pub(crate) fn clear(bar: &ProgressBar) {
    bar.finish_and_clear();
    if !bar.is_hidden() {
        flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_indicatifs() {
        for template in [OF_KNOWN, OF_UNKNOWN] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
