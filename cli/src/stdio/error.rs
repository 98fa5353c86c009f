//! Standard error: what the command says besides its output, and the log.
//!
//! Whoever reads it, or does not, makes no difference to the work: lines wait for a thread of
//! their own to write them. Those for which there is no room are counted.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use netaio_core::Printable;

use super::journal::Severity;
use super::poll;

/// The most bytes of lines that wait.
const WAITING: usize = 1 << 20;

/// The time that the end of the command waits for a slow reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same after a signal, for each line.
const HURRY: Duration = Duration::from_millis(50);

/// Clears a line of a terminal.
const CLEAR: &str = "\r\x1b[K";

/// The columns of a terminal that does not say how many it has.
const COLUMNS: u16 = 80;

/// The characters of what is said at once: more than any line of a program, and any advice.
const LONGEST: usize = 16 << 10;

static LINES: Lines = Lines {
    queue: Mutex::new(Queue {
        lines: VecDeque::new(),
        bytes: 0,
        lost: 0,
        written: 0,
        state: State::Idle,
        shows: false,
        hurries: false,
    }),
    changed: Condvar::new(),
};

struct Lines {
    queue: Mutex<Queue>,
    /// There is a line, or the last one is written.
    changed: Condvar,
}

struct Queue {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Lines for which there was no room, since this was said.
    lost: u64,
    /// Lines that were written, or could not be.
    written: u64,
    state: State,
    /// The last line is a status, whose end is still open.
    shows: bool,
    /// A signal has come.
    hurries: bool,
}

#[derive(PartialEq, Eq)]
enum State {
    /// No thread has been started.
    Idle,
    Waiting,
    Writing,
    /// Nobody reads it, or the system gives no thread.
    Closed,
}

/// Says something, on a line of its own, or several where it has several. It is
/// escaped.
pub(crate) fn say(text: impl Display) {
    say_as(Severity::Info, text);
}

/// The same of what somebody should look at.
pub(crate) fn warn(text: impl Display) {
    say_as(Severity::Warning, format_args!("netaio: warning: {text}"));
}

/// The same of what ends the command.
pub(crate) fn fail(text: impl Display) {
    say_as(Severity::Error, text);
}

fn say_as(severity: Severity, text: impl Display) {
    let text = Printable::new(text).with_lines().with_max(LONGEST);
    let text = text.to_string();
    let lines = text.split('\n');
    let lines = lines.map(|line| format!("{}{line}\n", severity.prefix()));
    LINES.push(lines.collect::<String>().into_bytes());
}

/// Whether a [status](show) can be shown: on a terminal that knows how to clear a line.
pub(crate) fn can_show() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// The width of the terminal that standard error is.
pub(crate) fn columns() -> u16 {
    #[cfg(unix)]
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    #[cfg(not(unix))]
    let columns = 0;
    // Some terminals do not know theirs.
    if columns > 0 { columns } else { COLUMNS }
}

/// Shows how far something is, in place of what was shown before; an empty one clears that. What is
/// said takes its place too. Where the terminal is slow some are not shown.
pub(crate) fn show(status: &str) {
    let mut queue = LINES.lock();
    let is_busy = queue.state == State::Writing || !queue.lines.is_empty();
    match status.is_empty() {
        false if is_busy => return,
        true if !queue.shows => return,
        _ => {}
    }
    LINES.put(&mut queue, status.as_bytes().to_vec());
    queue.shows = !status.is_empty();
}

/// Waits until what was said is written, but not long.
pub(crate) fn flush() {
    let until = Instant::now().checked_add(PATIENCE);
    let mut queue = LINES.lock();
    while queue.has_unwritten() {
        let left = until.map_or(PATIENCE, |until| {
            until.saturating_duration_since(Instant::now())
        });
        let (before, hurries) = (queue.written, queue.hurries);
        let wait = if hurries { left.min(HURRY) } else { left };
        let same = |queue: &mut Queue| {
            queue.has_unwritten() && queue.written == before && queue.hurries == hurries
        };
        let waited = LINES.changed.wait_timeout_while(queue, wait, same);
        let (now, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return;
        }
        queue = now;
    }
}

/// From now on a reader that takes nothing is not [waited](flush) for.
pub(crate) fn hurry() {
    LINES.lock().hurries = true;
    LINES.changed.notify_all();
}

/// A line of the log, which is escaped where its fields are.
pub(crate) struct LogLine(pub(crate) Severity);

impl Write for LogLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = match self.0.prefix().as_bytes() {
            [] => line.to_vec(),
            // There is no time before it, but a space.
            prefix => [prefix, line.trim_ascii_start()].concat(),
        };
        LINES.push(written);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn has_unwritten(&self) -> bool {
        match self.state {
            State::Waiting => !self.lines.is_empty(),
            State::Writing => true,
            State::Idle | State::Closed => false,
        }
    }
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue is consistent between two statements.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&'static self, line: Vec<u8>) {
        self.put(&mut self.lock(), line);
    }

    fn put(&'static self, queue: &mut Queue, mut line: Vec<u8>) {
        if mem::take(&mut queue.shows) {
            line.splice(..0, CLEAR.bytes());
        }
        if queue.state == State::Idle {
            let thread = thread::Builder::new().name("stderr".to_owned());
            queue.state = match thread.spawn(|| self.write_all()) {
                Ok(_) => State::Waiting,
                Err(_) => State::Closed,
            };
        }
        if queue.state == State::Closed {
            return;
        }
        let bytes = queue.bytes.saturating_add(line.len());
        if bytes > WAITING {
            queue.lost = queue.lost.saturating_add(1);
            return;
        }
        queue.bytes = bytes;
        queue.lines.push_back(line);
        self.changed.notify_all();
    }

    /// Writes lines until nobody reads them.
    fn write_all(&self) {
        let mut queue = self.lock();
        loop {
            let waiting = |queue: &mut Queue| queue.lines.is_empty();
            queue = self
                .changed
                .wait_while(queue, waiting)
                .unwrap_or_else(PoisonError::into_inner);
            let Some(mut line) = queue.lines.pop_front() else {
                continue;
            };
            queue.bytes = queue.bytes.saturating_sub(line.len());
            let lost = mem::take(&mut queue.lost);
            queue.state = State::Writing;
            drop(queue);
            if lost > 0 {
                let text = format!("netaio: {lost} lines were lost: nobody read standard error\n");
                line.extend_from_slice(text.as_bytes());
            }
            let written = write_line(&line);
            queue = self.lock();
            queue.written = queue.written.wrapping_add(1);
            queue.state = match written {
                // A disk that is full may have room later.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => State::Closed,
                _ => State::Waiting,
            };
            self.changed.notify_all();
            if queue.state == State::Closed {
                queue.lines = VecDeque::new();
                return;
            }
        }
    }
}

fn write_line(mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        // Standard error has no buffer.
        match io::stderr().lock().write(line) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => line = line.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll::writable(io::stderr())?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
