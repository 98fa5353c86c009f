//! What is printed of a capture.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use netaio_core::plugin::{OpenContext, PeerContext};
use netaio_core::{Layer, Now, SealedMessage, Wire};
use serde::Serialize;

use super::reader::Found;
use super::time::Time;
use crate::codec::{json as frame_json, readable};
use crate::error::CliError;
use crate::json;

/// How frames are read and printed.
pub(crate) struct How {
    pub(crate) layer: Layer,
    pub(crate) json: bool,
}

/// Where and when something was found.
pub(super) struct Place {
    pub(super) time: Option<Time>,
    pub(super) transport: &'static str,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

/// The same as JSON, before what was found.
#[derive(Serialize)]
struct PrintedPlace<'a> {
    /// Null where the capture does not say.
    time: Option<String>,
    transport: &'a str,
    from: String,
    to: String,
}

#[derive(Serialize)]
struct Line<'a, T> {
    #[serde(flatten)]
    place: PrintedPlace<'a>,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize)]
struct Problem<'a> {
    problem: &'a str,
}

/// Prints what is found.
pub(super) struct Printing<W> {
    wire: Arc<Wire>,
    how: How,
    out: W,
    frames: u64,
}

impl<W: Write> Printing<W> {
    pub(super) fn new(wire: Arc<Wire>, how: How, out: W) -> Self {
        Self {
            wire,
            how,
            out,
            frames: 0,
        }
    }

    /// How many frames there were.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) fn flush(&mut self) -> Result<(), CliError> {
        self.out.flush().map_err(CliError::Output)
    }

    pub(super) fn print(&mut self, place: &Place, found: Vec<Found>) -> Result<(), CliError> {
        for found in found {
            let printed = match found {
                Found::Frame(message) => self.frame(place, *message),
                Found::Problem(problem) => self.problem(place, &problem),
            };
            printed.map_err(CliError::Output)?;
        }
        Ok(())
    }

    fn frame(&mut self, place: &Place, mut sealed: SealedMessage) -> io::Result<()> {
        self.frames = self.frames.saturating_add(1);
        let context = OpenContext {
            now: Now::default(),
            peers: PeerContext::default(),
        };
        let kind = sealed.message_type();
        if let Err(error) = sealed.open(&self.how.layer, &self.wire, &context) {
            return self.problem(place, &format!("{kind}: {error}"));
        }
        // netaio's header always has one.
        let checksum = sealed.checksum().unwrap_or_default();
        let message = sealed.into_message();
        match self.how.json {
            false => {
                place.print(&mut self.out)?;
                readable::print(&message, &mut self.out)
            }
            true => self.line(place, frame_json::printed(&message, checksum)),
        }
    }

    fn problem(&mut self, place: &Place, problem: &str) -> io::Result<()> {
        match self.how.json {
            false => {
                place.print(&mut self.out)?;
                writeln!(self.out, "! {problem}")
            }
            true => self.line(place, Problem { problem }),
        }
    }

    fn line(&mut self, place: &Place, what: impl Serialize) -> io::Result<()> {
        let line = Line {
            place: place.printed(),
            what,
        };
        json::write(&line, &mut self.out)?;
        self.out.write_all(b"\n")
    }
}

impl Place {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        match self.time {
            Some(time) => write!(out, "{time} ")?,
            None => write!(out, "- ")?,
        }
        write!(out, "{} {} > {} ", self.transport, self.from, self.to)
    }

    fn printed(&self) -> PrintedPlace<'_> {
        PrintedPlace {
            time: self.time.map(|time| time.to_string()),
            transport: self.transport,
            from: self.from.to_string(),
            to: self.to.to_string(),
        }
    }
}
