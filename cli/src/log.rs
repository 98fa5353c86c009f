//! The drivers' log, on standard error.

use std::fmt;
use std::io::IsTerminal;

use netaio_core::Printable;
use tracing::{Level, Metadata};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::colours;
use crate::stdio::error::LogLine;
use crate::stdio::journal::{self, Severity};

/// Sends it there. Whatever a field is, it makes no line of its own.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => Level::WARN,
        1 => Level::INFO,
        _ => Level::DEBUG,
    };
    let fields = debug_fn(|out, field, value| {
        let value = Printable::debug(value);
        match field.name() {
            "message" => write!(out, "{value}"),
            name => write!(out, "{name}={value}"),
        }
    });
    tracing_subscriber::fmt()
        .with_max_level(level)
        .fmt_fields(fields.delimited(" "))
        .with_timer(Clock)
        .with_writer(Lines)
        // A line that cannot be written is lost. To say so on standard error too would
        // panic where nobody reads it.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal() && colours::are_wanted())
        .init();
}

/// The time of a line, where its reader does not note it.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        match journal::reads_errors() {
            true => Ok(()),
            false => SystemTime.format_time(out),
        }
    }
}

/// Where lines go.
struct Lines;

impl MakeWriter<'_> for Lines {
    type Writer = LogLine;

    fn make_writer(&self) -> LogLine {
        LogLine(Severity::Info)
    }

    fn make_writer_for(&self, about: &Metadata<'_>) -> LogLine {
        LogLine(match *about.level() {
            Level::ERROR => Severity::Error,
            Level::WARN => Severity::Warning,
            Level::INFO => Severity::Info,
            _ => Severity::Debug,
        })
    }
}
