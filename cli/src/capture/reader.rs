//! Frames in the bytes of one direction of a TCP connection, of which some may be missing.

use std::sync::Arc;

use bytes::BytesMut;
use netaio_core::{Deframer, FrameErrorKind, SealedMessage, Wire};

/// How many segments are looked at for a first frame, where the start of the stream was not
/// captured.
const SEARCHED: u32 = 32;

/// What was found.
pub(super) enum Found {
    Frame(Box<SealedMessage>),
    Problem(String),
}

impl Found {
    pub(super) fn problem(text: impl ToString) -> Self {
        Self::Problem(text.to_string())
    }
}

/// Reads frames. What is in order is read as it comes; behind a gap, and where the start is not
/// known, it looks for a frame at the start of each segment, which is where most frames begin.
pub(super) struct Reader {
    wire: Arc<Wire>,
    deframer: Deframer,
    input: BytesMut,
    state: State,
    /// Whether it is said why something is no frame, though nothing was one yet.
    is_watched: bool,
    frames: u64,
}

#[derive(PartialEq, Eq)]
enum State {
    /// This is where a frame begins, or within one.
    InOrder,
    /// A frame is looked for, in so many segments yet where none was found so far.
    Searching(u32),
    /// It is no netaio.
    Strange,
}

impl Reader {
    /// A reader, from the start of a stream or somewhere within.
    pub(super) fn new(wire: &Arc<Wire>, from_start: bool, is_watched: bool) -> Self {
        Self {
            wire: wire.clone(),
            deframer: Deframer::new(wire.clone()),
            input: BytesMut::new(),
            state: match from_start {
                true => State::InOrder,
                false => State::Searching(SEARCHED),
            },
            is_watched,
            frames: 0,
        }
    }

    /// The memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.input.len()
    }

    /// Whether anything that comes may matter.
    pub(super) fn is_strange(&self) -> bool {
        self.state == State::Strange
    }

    /// The next bytes: a segment, or the new part of one.
    pub(super) fn push(&mut self, data: &[u8], found: &mut Vec<Found>) {
        match self.state {
            State::Strange => {}
            State::InOrder => {
                self.input.extend_from_slice(data);
                self.read(found);
            }
            State::Searching(left) => self.search(data, left, found),
        }
    }

    /// So many bytes are missing.
    pub(super) fn skip(&mut self, missing: u64, found: &mut Vec<Found>) {
        if self.is_strange() {
            return;
        }
        self.say(format!("{missing} bytes are missing in the capture"), found);
        self.reset(State::Searching(SEARCHED));
    }

    /// What it has of a frame takes too much room.
    pub(super) fn give_up(&mut self, found: &mut Vec<Found>) {
        let problem = "what came of a frame is given up: too much waits in this capture";
        self.say(problem.to_owned(), found);
        self.reset(State::Searching(SEARCHED));
    }

    /// The stream is over.
    pub(super) fn finish(&mut self, found: &mut Vec<Found>) {
        if self.state == State::InOrder
            && let Err(error) = self.deframer.finish(&self.input)
        {
            self.say(format!("ends within a frame: {}", error.kind), found);
        }
        self.reset(State::Strange);
    }

    fn say(&self, problem: String, found: &mut Vec<Found>) {
        if self.is_watched || self.frames > 0 {
            found.push(Found::Problem(problem));
        }
    }

    fn reset(&mut self, state: State) {
        self.state = state;
        self.input = BytesMut::new();
        self.deframer = Deframer::new(self.wire.clone());
    }

    /// Reads what is in order.
    fn read(&mut self, found: &mut Vec<Found>) {
        loop {
            let frame = match self.deframer.next(&mut self.input) {
                Ok(Some(frame)) => frame.decode(&self.wire),
                Ok(None) => return,
                Err(error) => {
                    self.lose(&error.kind, found);
                    return;
                }
            };
            match frame {
                Ok(message) => {
                    self.frames = self.frames.saturating_add(1);
                    found.push(Found::Frame(Box::new(message)));
                }
                Err(kind) if self.frames == 0 && !self.is_watched => {
                    self.lose(&kind, found);
                    return;
                }
                // The header's lengths say where the next one begins.
                Err(kind) => self.say(format!("no frame: {kind}"), found),
            }
        }
    }

    /// What is in order is no frame.
    fn lose(&mut self, kind: &FrameErrorKind, found: &mut Vec<Found>) {
        self.say(
            format!("no frame: {kind}; one is looked for in what follows"),
            found,
        );
        let state = match self.frames == 0 && !self.is_watched {
            true => State::Strange,
            false => State::Searching(SEARCHED),
        };
        self.reset(state);
    }

    /// Looks for a frame that begins with this segment, or goes on with one that may have begun
    /// with an earlier one.
    fn search(&mut self, segment: &[u8], left: u32, found: &mut Vec<Found>) {
        if segment.is_empty() {
            return;
        }
        let begun = !self.input.is_empty();
        let again = begun && begins_a_frame(&self.wire, segment);
        if again {
            self.reset(State::Searching(left));
        }
        let mut taken = self.go_on(segment, found);
        if taken == Some(false) && begun && !again {
            taken = self.go_on(segment, found);
        }
        if taken == Some(true) {
            return;
        }
        let is_wanted = self.frames > 0 || self.is_watched;
        match left.saturating_sub(1) {
            0 if !is_wanted => self.reset(State::Strange),
            left => self.state = State::Searching(left),
        }
    }

    /// Takes a segment for the next part of a frame, and says whether that was one, if it is
    /// whole. What is none is forgotten.
    fn go_on(&mut self, segment: &[u8], found: &mut Vec<Found>) -> Option<bool> {
        self.input.extend_from_slice(segment);
        let frame = match self.deframer.next(&mut self.input) {
            // It may be one, once more has come.
            Ok(None) => return None,
            Ok(Some(frame)) => frame.decode(&self.wire).ok(),
            Err(_) => None,
        };
        let Some(frame) = frame else {
            self.input.clear();
            self.deframer = Deframer::new(self.wire.clone());
            return Some(false);
        };
        self.frames = self.frames.saturating_add(1);
        found.push(Found::Frame(Box::new(frame)));
        self.state = State::InOrder;
        self.read(found);
        Some(true)
    }
}

/// Whether these bytes are at least one frame from their start.
fn begins_a_frame(wire: &Arc<Wire>, bytes: &[u8]) -> bool {
    let mut bytes = BytesMut::from(bytes);
    let frame = Deframer::new(wire.clone()).next(&mut bytes);
    frame
        .ok()
        .flatten()
        .is_some_and(|frame| frame.decode(wire).is_ok())
}
