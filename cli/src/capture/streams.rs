//! TCP connections, each direction for itself: segments in the order of their sequence numbers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use netaio_core::Wire;

use super::packet::Segment;
use super::pieces::Pieces;
use super::reader::{Found, Reader};

/// The most directions that are followed at a time; of more the half that was idle for longest is
/// forgotten.
const FLOWS: usize = 8192;

/// The most bytes of a direction that wait for what is missing before them. More are not in
/// flight, as a rule: what is missing was not captured.
const WAITING: usize = 1 << 20;

/// The same of all directions, and of what they have of frames.
const ALL_WAITING: usize = 64 << 20;

/// Whence, and where.
pub(super) type Way = (SocketAddr, SocketAddr);

/// All directions.
pub(super) struct Streams {
    wire: Arc<Wire>,
    flows: HashMap<Way, Flow>,
    number: u64,
    /// The memory that all of them take, in bytes.
    pub(super) bytes: usize,
    /// Bytes that came again.
    pub(super) again: u64,
    /// Directions that were forgotten.
    pub(super) forgotten: u64,
}

struct Flow {
    /// The sequence number of its first byte.
    origin: u32,
    /// The next byte that is to be read, from the first one on.
    next: u64,
    /// Where it ends, once that is known.
    end: Option<u64>,
    pieces: Pieces,
    reader: Reader,
    /// The number of its last segment.
    heard: u64,
}

impl Streams {
    pub(super) fn new(wire: &Arc<Wire>) -> Self {
        Self {
            wire: wire.clone(),
            flows: HashMap::new(),
            number: 0,
            bytes: 0,
            again: 0,
            forgotten: 0,
        }
    }

    /// Takes a segment in, and says what it completes.
    pub(super) fn add(
        &mut self,
        way: Way,
        segment: &Segment<'_>,
        is_watched: bool,
    ) -> Vec<(Way, Vec<Found>)> {
        self.number = self.number.saturating_add(1);
        let mut all = Vec::new();
        let start = match segment.syn {
            true => segment.sequence.wrapping_add(1),
            false => segment.sequence,
        };
        if segment.syn
            && self
                .flows
                .get(&way)
                .is_some_and(|flow| flow.origin != start)
        {
            // The addresses are used again.
            all.push((way, self.end(way)));
        }
        if !self.flows.contains_key(&way) {
            if segment.payload.is_empty() && !segment.syn {
                self.acknowledge(way, segment, &mut all);
                return all;
            }
            self.make_room();
            let flow = Flow {
                origin: start,
                next: 0,
                end: None,
                pieces: Pieces::default(),
                reader: Reader::new(&self.wire, segment.syn, is_watched),
                heard: 0,
            };
            self.flows.insert(way, flow);
        }
        let mut found = Vec::new();
        let (number, held) = (self.number, self.bytes);
        if let Some(flow) = self.flows.get_mut(&way) {
            flow.heard = number;
            let before = flow.bytes();
            let again = flow.take(start, segment, &mut found);
            self.again = self.again.saturating_add(again);
            let held = held.saturating_sub(before);
            let too_many = |flow: &Flow| {
                flow.pieces.bytes() > WAITING || held.saturating_add(flow.bytes()) > ALL_WAITING
            };
            while !flow.pieces.is_empty() && too_many(flow) {
                flow.skip(&mut found);
            }
            if too_many(flow) {
                // It is within a frame, of which the rest may never come.
                flow.reader.give_up(&mut found);
            }
            self.bytes = held.saturating_add(flow.bytes());
            if flow.end.is_some_and(|end| flow.next >= end) {
                found.extend(self.close(way));
            }
        }
        all.push((way, found));
        self.acknowledge(way, segment, &mut all);
        if segment.rst {
            for way in [way, (way.1, way.0)] {
                all.push((way, self.close(way)));
            }
        }
        all
    }

    /// What the other end has received, it need not wait for: what is missing of that was not
    /// captured.
    fn acknowledge(&mut self, way: Way, segment: &Segment<'_>, all: &mut Vec<(Way, Vec<Found>)>) {
        let back = (way.1, way.0);
        let (Some(acknowledged), Some(flow)) = (segment.acknowledged, self.flows.get_mut(&back))
        else {
            return;
        };
        let mut found = Vec::new();
        let before = flow.bytes();
        while let Some(first) = flow.pieces.first()
            && flow.offset(acknowledged) >= i64::try_from(first).unwrap_or(i64::MAX)
        {
            flow.skip(&mut found);
        }
        self.bytes = self
            .bytes
            .saturating_sub(before)
            .saturating_add(flow.bytes());
        if !found.is_empty() {
            all.push((back, found));
        }
    }

    /// Ends a direction: what waits is read, and what is missing is said. It is known yet, so that
    /// what comes again begins no other.
    fn close(&mut self, way: Way) -> Vec<Found> {
        let mut found = Vec::new();
        if let Some(flow) = self.flows.get_mut(&way) {
            let before = flow.bytes();
            while !flow.pieces.is_empty() {
                flow.skip(&mut found);
            }
            flow.reader.finish(&mut found);
            self.bytes = self
                .bytes
                .saturating_sub(before)
                .saturating_add(flow.bytes());
        }
        found
    }

    /// Ends a direction whose addresses are used again.
    fn end(&mut self, way: Way) -> Vec<Found> {
        let found = self.close(way);
        self.flows.remove(&way);
        found
    }

    /// The capture is over: what the directions have yet.
    pub(super) fn finish(&mut self) -> Vec<(Way, Vec<Found>)> {
        let mut ways: Vec<_> = self
            .flows
            .iter()
            .map(|(way, flow)| (flow.heard, *way))
            .collect();
        ways.sort_unstable();
        ways.into_iter()
            .map(|(_, way)| (way, self.close(way)))
            .collect()
    }

    fn make_room(&mut self) {
        if self.flows.len() < FLOWS {
            return;
        }
        let mut heard: Vec<_> = self.flows.values().map(|flow| flow.heard).collect();
        let (_, middle, _) = heard.select_nth_unstable(FLOWS / 2);
        let middle = *middle;
        let before = self.flows.len();
        self.flows.retain(|_, flow| flow.heard > middle);
        let forgotten = before.saturating_sub(self.flows.len());
        self.forgotten = self.forgotten.saturating_add(forgotten as u64);
        self.bytes = self.flows.values().map(Flow::bytes).sum();
    }
}

impl Flow {
    fn bytes(&self) -> usize {
        self.pieces.bytes().saturating_add(self.reader.bytes())
    }

    /// The place of a sequence number, from the first byte on: the one that is nearest to what is
    /// to be read next.
    fn offset(&self, sequence: u32) -> i64 {
        // The numbers go round.
        let next = self.origin.wrapping_add(self.next as u32);
        let distance = sequence.wrapping_sub(next) as i32;
        let next = i64::try_from(self.next).unwrap_or(i64::MAX);
        next.saturating_add(distance.into())
    }

    /// Takes the bytes of a segment, and returns how many were there before.
    fn take(&mut self, start: u32, segment: &Segment<'_>, found: &mut Vec<Found>) -> u64 {
        if self.reader.is_strange() {
            return 0;
        }
        let (offset, data) = (self.offset(start), segment.payload);
        let next = i64::try_from(self.next).unwrap_or(i64::MAX);
        let known = usize::try_from(next.saturating_sub(offset)).unwrap_or(0);
        let known = known.min(data.len());
        let fresh = data.get(known..).unwrap_or_default();
        let at = offset.saturating_add(known as i64);
        let mut again = known;
        if !fresh.is_empty() {
            if at == next && self.pieces.is_empty() {
                self.read(fresh, found);
            } else {
                let at = u64::try_from(at).unwrap_or(0);
                again = again.saturating_add(self.pieces.insert(at, fresh));
                self.read_on(found);
            }
        }
        if segment.fin {
            let end = offset.saturating_add(data.len() as i64);
            self.end = u64::try_from(end).ok();
        }
        again as u64
    }

    fn read(&mut self, data: &[u8], found: &mut Vec<Found>) {
        self.next = self.next.saturating_add(data.len() as u64);
        self.reader.push(data, found);
    }

    /// Reads what is in order now.
    fn read_on(&mut self, found: &mut Vec<Found>) {
        while let Some(piece) = self.pieces.take(self.next) {
            self.read(&piece, found);
        }
    }

    /// Goes on behind what is missing.
    fn skip(&mut self, found: &mut Vec<Found>) {
        if let Some(first) = self.pieces.first() {
            let missing = first.saturating_sub(self.next);
            if missing > 0 {
                self.reader.skip(missing, found);
            }
            self.next = first;
            self.read_on(found);
        }
    }
}
