//! What lies between the parties: all bytes and datagrams that are on their way,
//! and whoever tampers with them.
//!
//! Nothing arrives by itself. The player asks for the next delivery when nothing
//! else goes on, so that the order of arrival is the same however the parties
//! are scheduled.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use netaio_core::{MessageType, Now};

use super::forge;
use super::log::Log;
use super::scenario::{Side, Spoil, Step, Way};
use crate::python::hex;

/// Streams, datagrams, and who may be reached.
pub(super) struct Wire {
    log: Log,
    streams: Vec<Stream>,
    /// By the sender.
    datagrams: BTreeMap<SocketAddr, VecDeque<(SocketAddr, Vec<u8>)>>,
    /// Who receives datagrams, and the group that each is in.
    receivers: BTreeMap<SocketAddr, Option<IpAddr>>,
    /// To whom the next datagram is lost.
    lossy: Vec<SocketAddr>,
}

/// A connection.
struct Stream {
    name: String,
    /// The client's end is nobody's.
    intruder: bool,
    /// It was reset: nothing passes any more.
    reset: bool,
    ways: [Direction; 2],
}

/// One direction of a connection.
struct Direction {
    /// All that was written in it, so that it can be repeated.
    written: Vec<u8>,
    /// How much of that is in the log.
    logged: usize,
    queue: VecDeque<u8>,
    ended: bool,
    end_logged: bool,
    end_delivered: bool,
    /// The most bytes that arrive at once.
    chunk: usize,
    held: bool,
    spoil: Option<Spoil>,
}

/// What arrives.
pub(super) enum Delivery {
    Bytes(usize, Way, Vec<u8>),
    End(usize, Way),
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
}

impl Wire {
    pub(super) fn new(log: Log) -> Self {
        Self {
            log,
            streams: Vec::new(),
            datagrams: BTreeMap::new(),
            receivers: BTreeMap::new(),
            lossy: Vec::new(),
        }
    }

    /// Makes a connection, and returns its number.
    pub(super) fn open(&mut self, name: impl Into<String>, intruder: bool) -> usize {
        let direction = || Direction {
            written: Vec::new(),
            logged: 0,
            queue: VecDeque::new(),
            ended: false,
            end_logged: false,
            end_delivered: false,
            chunk: usize::MAX,
            held: false,
            spoil: None,
        };
        self.streams.push(Stream {
            name: name.into(),
            intruder,
            reset: false,
            ways: [direction(), direction()],
        });
        self.streams.len() - 1
    }

    /// The number of a connection.
    pub(super) fn find(&self, name: &str) -> usize {
        let found = self.streams.iter().position(|stream| stream.name == name);
        found.unwrap_or_else(|| panic!("there is no connection {name}"))
    }

    pub(super) fn name(&self, stream: usize) -> &str {
        &self.streams[stream].name
    }

    /// Where a connection seems to come from.
    pub(super) fn client_address(stream: usize) -> SocketAddr {
        let port = 40_000 + u16::try_from(stream).expect("there are few connections");
        ([10, 0, 1, 1], port).into()
    }

    /// The connection that comes from an address.
    pub(super) fn stream_of(client: SocketAddr) -> usize {
        usize::from(client.port()) - 40_000
    }

    fn way(&mut self, stream: usize, way: Way) -> &mut Direction {
        &mut self.streams[stream].ways[way as usize]
    }

    pub(super) fn write(&mut self, stream: usize, way: Way, bytes: &[u8]) {
        if !self.streams[stream].reset {
            let way = self.way(stream, way);
            assert!(!way.ended, "nothing is written after the end");
            way.written.extend_from_slice(bytes);
            way.queue.extend(bytes);
        }
    }

    /// Ends a direction.
    pub(super) fn end(&mut self, stream: usize, way: Way) {
        if !self.streams[stream].reset {
            self.way(stream, way).ended = true;
        }
    }

    /// Lets a node be reached by datagrams.
    pub(super) fn bind(&mut self, address: SocketAddr, group: Option<IpAddr>) {
        self.receivers.insert(address, group);
    }

    pub(super) fn unbind(&mut self, address: SocketAddr) {
        self.receivers.remove(&address);
    }

    /// Sends a datagram, perhaps to a group.
    pub(super) fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.log
            .write(format!("{from} sends"), format!("{to} {}", hex(bytes)));
        let is_member = |(receiver, group): &(&SocketAddr, &Option<IpAddr>)| {
            receiver.port() == to.port() && **group == Some(to.ip())
        };
        let to: Vec<_> = match to.ip().is_multicast() {
            false => vec![to],
            true => self
                .receivers
                .iter()
                .filter(is_member)
                .map(|(receiver, _)| *receiver)
                .collect(),
        };
        let queue = self.datagrams.entry(from).or_default();
        queue.extend(to.into_iter().map(|to| (to, bytes.to_vec())));
    }

    /// What arrives next, if anything is on its way.
    pub(super) fn next_delivery(&mut self) -> Option<Delivery> {
        self.next_of_streams().or_else(|| self.next_datagram())
    }

    fn next_of_streams(&mut self) -> Option<Delivery> {
        for number in 0..self.streams.len() {
            // Down first: an intruder that is told of the end ends, too.
            for way in [Way::Down, Way::Up] {
                while let Some(bytes) = self.way(number, way).next() {
                    let stream = &mut self.streams[number];
                    if way == Way::Up || !stream.intruder {
                        return Some(match bytes.is_empty() {
                            true => Delivery::End(number, way),
                            false => Delivery::Bytes(number, way, bytes),
                        });
                    }
                    stream.ways[Way::Up as usize].ended |= bytes.is_empty();
                }
            }
        }
        None
    }

    fn next_datagram(&mut self) -> Option<Delivery> {
        loop {
            let mut senders = self.datagrams.iter_mut();
            let (from, (to, bytes)) =
                senders.find_map(|(from, queue)| Some((*from, queue.pop_front()?)))?;
            let lost = self.lossy.iter().position(|address| *address == to);
            if let Some(lost) = lost {
                self.lossy.remove(lost);
            } else if self.receivers.contains_key(&to) {
                return Some(Delivery::Datagram { from, to, bytes });
            }
        }
    }

    /// Writes down what was written since the last time.
    pub(super) fn log(&mut self) {
        for stream in &mut self.streams {
            for (way, direction) in ["up", "down"].into_iter().zip(&mut stream.ways) {
                let subject = format!("{} {way}", stream.name);
                if direction.logged < direction.written.len() {
                    self.log
                        .write(&subject, hex(&direction.written[direction.logged..]));
                    direction.logged = direction.written.len();
                }
                if direction.ended && !std::mem::replace(&mut direction.end_logged, true) {
                    self.log.write(&subject, "end");
                }
            }
        }
    }

    /// Does what a step says of the wire alone; false where it is about a party.
    pub(super) fn obey(&mut self, step: &Step, number: usize, now: Now) -> bool {
        match step {
            Step::Frame(forged) => {
                let stream = self.find(&forged.on);
                let frame = forge::frame(forged, number, now);
                for _ in 0..forged.times.unwrap_or(1) {
                    self.write(stream, Way::Up, &frame);
                }
            }
            Step::Write { on, bytes } => {
                let stream = self.find(on);
                self.write(stream, Way::Up, &bytes.0);
            }
            Step::Repeat {
                on,
                of,
                way,
                frame,
                r#as,
            } => {
                let (stream, recorded) = (self.find(on), self.find(of));
                let recorded = &self.way(recorded, *way).written;
                let mut frame = forge::nth_frame(recorded, *frame).to_vec();
                if let Some(kind) = r#as {
                    frame[0] = MessageType::value(super::scenario::message_type(kind));
                }
                self.write(stream, Way::Up, &frame);
            }
            Step::Datagram(forged) => {
                let (from, to) = forged.from.zip(forged.to).expect("a datagram has both");
                let datagram = forge::frame(forged, number, now);
                for _ in 0..forged.times.unwrap_or(1) {
                    self.send(from, to, &datagram);
                }
            }
            Step::Lose { to } => self.lossy.push(*to),
            Step::Spoil { on, way, byte } => self.found(on, *way).spoil = Some(*byte),
            Step::Chunk { on, way, bytes } => self.found(on, *way).chunk = *bytes,
            Step::Hold { on, way } => self.found(on, *way).held = true,
            Step::Release { on, way } => self.found(on, *way).held = false,
            Step::End { on } => self.found(on, Way::Up).ended = true,
            Step::Note { .. } => {}
            _ => return false,
        }
        true
    }

    fn found(&mut self, name: &str, way: Way) -> &mut Direction {
        let stream = self.find(name);
        self.way(stream, way)
    }

    /// Resets a connection: what is on its way is lost, and nothing passes any
    /// more. Returns its number.
    pub(super) fn reset(&mut self, name: &str) -> usize {
        let number = self.find(name);
        let stream = &mut self.streams[number];
        stream.reset = true;
        for way in &mut stream.ways {
            way.queue.clear();
            way.ended = false;
        }
        number
    }
}

impl Direction {
    /// The bytes that arrive next; none of them for the end.
    fn next(&mut self) -> Option<Vec<u8>> {
        if self.held || self.end_delivered {
            return None;
        }
        if self.queue.is_empty() {
            self.end_delivered = self.ended;
            return self.ended.then(Vec::new);
        }
        if let Some(spoil) = self.spoil.take() {
            forge::spoil(self.queue.make_contiguous(), spoil);
        }
        let count = self.chunk.min(self.queue.len());
        Some(self.queue.drain(..count).collect())
    }
}

impl Side {
    /// The direction in which it writes.
    pub(super) const fn writes(self) -> Way {
        match self {
            Self::Client => Way::Up,
            Self::Server => Way::Down,
        }
    }

    /// The direction that leads to it.
    pub(super) const fn reads(way: Way) -> Self {
        match way {
            Way::Up => Self::Server,
            Way::Down => Self::Client,
        }
    }
}
