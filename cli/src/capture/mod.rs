//! `netaio decode` of captures: the frames in packets, a line each.

pub(crate) mod file;
mod fragments;
mod packet;
mod pieces;
mod print;
mod reader;
mod streams;
#[cfg(test)]
mod tests;
mod time;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use bytes::BytesMut;
use netaio_core::{Frame, Wire};

use self::file::{Record, Records};
use self::fragments::Fragments;
use self::packet::Transport;
use self::print::{Place, Printing};
use self::reader::Found;
use self::streams::{Streams, Way};
use self::time::Time;
use crate::error::CliError;
use crate::stdio::error::say;

pub(crate) use self::print::How;

/// The bytes at the start of a file that tell a capture.
pub(crate) const MAGIC: usize = Records::MAGIC;

/// Whether a file that begins so is a capture.
pub(crate) fn is_capture(start: &[u8]) -> bool {
    Records::are_in(start)
}

/// Prints the frames in a capture.
pub(crate) struct Capture<W> {
    records: Records,
    wire: Arc<Wire>,
    ports: Vec<u16>,
    fragments: Fragments,
    streams: Streams,
    printing: Printing<W>,
    packets: u64,
    /// Packets of other link layers, by the numbers of those.
    unknown: BTreeMap<i32, u64>,
}

impl<W: Write> Capture<W> {
    /// At the start of a file. Of TCP and UDP what has one of the ports at either end is looked
    /// at; without any all is, and what is no netaio is left out.
    pub(crate) fn new(wire: Arc<Wire>, ports: Vec<u16>, how: How, out: W) -> Self {
        Self {
            records: Records::new(),
            streams: Streams::new(&wire),
            printing: Printing::new(wire.clone(), how, out),
            wire,
            ports,
            fragments: Fragments::default(),
            packets: 0,
            unknown: BTreeMap::new(),
        }
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// It is no capture any more, or the output cannot be written.
    pub(crate) fn read(&mut self, input: &mut BytesMut) -> Result<(), CliError> {
        while let Some(record) = self.records.next(input)? {
            self.packets = self.packets.saturating_add(1);
            self.packet(&record)?;
        }
        Ok(())
    }

    /// Has what was printed seen.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(crate) fn flush(&mut self) -> Result<(), CliError> {
        self.printing.flush()
    }

    /// At the end of the file, with what was not read of it.
    ///
    /// # Errors
    /// It ends within a packet, or the output cannot be written.
    pub(crate) fn finish(mut self, rest: &[u8]) -> Result<(), CliError> {
        for (way, found) in self.streams.finish() {
            self.printing.print(&place(None, "TCP", way), found)?;
        }
        self.printing.flush()?;
        self.summary();
        Ok(self.records.finish(rest)?)
    }

    fn is_watched(&self, (from, to): Way) -> bool {
        self.ports.contains(&from.port()) || self.ports.contains(&to.port())
    }

    fn packet(&mut self, record: &Record) -> Result<(), CliError> {
        let ip = match packet::ip(record.link, &record.data) {
            Ok(Some(ip)) => ip,
            Ok(None) => return Ok(()),
            Err(link) => {
                let number = self.unknown.entry(link).or_default();
                *number = number.saturating_add(1);
                return Ok(());
            }
        };
        let whole = match ip.fragment {
            None => None,
            Some(fragment) => match self.fragments.add(&ip, fragment) {
                Some(whole) => Some(whole),
                None => return Ok(()),
            },
        };
        let payload = whole.as_deref().unwrap_or(ip.payload);
        let ends = (ip.source, ip.destination);
        let Some((from, to, transport)) = packet::transport(ends, ip.protocol, payload) else {
            return Ok(());
        };
        let (way, time) = ((from, to), record.time);
        let is_watched = self.is_watched(way);
        if !self.ports.is_empty() && !is_watched {
            return Ok(());
        }
        match transport {
            Transport::Tcp(segment) => {
                for (way, found) in self.streams.add(way, &segment, is_watched) {
                    self.printing.print(&place(time, "TCP", way), found)?;
                }
            }
            Transport::Udp { payload, is_whole } => {
                let found = self.datagram(payload, is_whole, is_watched);
                self.printing
                    .print(&place(time, "UDP", way), found.into_iter().collect())?;
            }
        }
        Ok(())
    }

    fn datagram(&self, payload: &[u8], is_whole: bool, is_watched: bool) -> Option<Found> {
        let frame = Frame::from_datagram(&self.wire, BytesMut::from(payload));
        match frame.and_then(|frame| frame.decode(&self.wire)) {
            Ok(message) => Some(Found::Frame(Box::new(message))),
            Err(_) if !is_watched => None,
            Err(_) if !is_whole => Some(Found::problem(
                "the datagram was captured in part only: its capture has too small a snapshot length",
            )),
            Err(kind) => Some(Found::problem(format_args!("no frame: {kind}"))),
        }
    }

    /// Says how much there was, and what may be missing.
    fn summary(&self) {
        let mut parts = vec![
            count(self.packets, "packet", "packets"),
            count(self.printing.frames(), "frame", "frames"),
        ];
        let mut add = |number: u64, one: &str, many: &str| {
            if number > 0 {
                parts.push(count(number, one, many));
            }
        };
        add(
            self.streams.again,
            "byte came again over TCP",
            "bytes came again over TCP",
        );
        add(
            self.fragments.incomplete(),
            "IP packet has a part missing",
            "IP packets have parts missing",
        );
        add(
            self.streams.forgotten,
            "direction of TCP was forgotten: too many at a time",
            "directions of TCP were forgotten: too many at a time",
        );
        say(parts.join(", "));
        for (link, number) in &self.unknown {
            let packets = count(*number, "packet has", "packets have");
            let known = packet::LINKS;
            say(format_args!(
                "{packets} the link type {link}, which is not read; those that are: {known}"
            ));
        }
        if self.printing.frames() == 0 && self.packets > 0 && self.ports.is_empty() {
            say("--port N shows why what goes from or to that port is no frame");
        }
    }
}

fn count(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

fn place(time: Option<Time>, transport: &'static str, (from, to): Way) -> Place {
    Place {
        time,
        transport,
        from,
        to,
    }
}
