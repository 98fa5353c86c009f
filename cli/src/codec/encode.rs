//! `netaio encode`: lines to a stream of frames.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chacha20::ChaCha20Rng;
use netaio_core::plugin::{Direction, PeerContext, SealContext};
use netaio_core::{Layer, Now, Sealer, Wire};
use rand_core::{Rng, SeedableRng};

use super::hex::hex;
use super::input::{self, CHUNK};
use super::line::LineError;
use super::{json, wire};
use crate::args::{Encode, Input, To};
use crate::error::CliError;
use crate::stdio::Output;

/// A line longer than this is refused, in bytes. The largest message takes less than a
/// quarter of it, even where every byte is escaped and given as hex besides.
const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// How lines are given.
const LINES: &str = r#"this is taken for the name of a file; lines are given on standard input: `echo '{"type":0,..}' | netaio encode`"#;

/// Writes the frames of the lines, up to the first error.
pub(crate) fn encode(options: &Encode) -> Result<(), CliError> {
    let mut out = BufWriter::with_capacity(CHUNK, Output);
    let result = write_frames(options, &mut out);
    result.and(out.flush().map_err(CliError::Output))
}

fn write_frames(options: &Encode, out: &mut impl Write) -> Result<(), CliError> {
    let mut encoder = Encoder::new(options.outer.layer(), options.to)?;
    let mut lines = Lines::open(&options.input)?;
    let as_hex = options.hex || Output::is_terminal();
    while let Some(line) = lines.next(out)? {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let frame = encoder.frame(line);
        let frame = frame.map_err(|error| lines.wrong(error))?;
        let written = match as_hex {
            true => writeln!(out, "{}", hex(frame)),
            false => out.write_all(frame),
        };
        written.map_err(CliError::Output)?;
    }
    Ok(())
}

/// Makes frames, in a buffer that is reused.
struct Encoder {
    wire: Wire,
    layer: Layer,
    direction: Direction,
    sealer: Sealer,
    rng: ChaCha20Rng,
    frame: Vec<u8>,
}

impl Encoder {
    fn new(layer: Layer, to: To) -> Result<Self, CliError> {
        let mut seed = <ChaCha20Rng as SeedableRng>::Seed::default();
        getrandom::fill(&mut seed).map_err(CliError::Random)?;
        let mut rng = ChaCha20Rng::from_seed(seed);
        let direction = match to {
            To::Server => Direction::ToServer,
            To::Client => Direction::ToClient,
            To::Node => Direction::Between {
                node: rng.next_u64(),
            },
        };
        Ok(Self {
            wire: wire(),
            layer,
            direction,
            sealer: Sealer::new(),
            rng,
            frame: Vec::new(),
        })
    }

    fn frame(&mut self, line: &[u8]) -> Result<&[u8], LineError> {
        let message = json::parse(line)?;
        let mut context = SealContext {
            now: now(),
            rng: &mut self.rng,
            peers: PeerContext {
                direction: self.direction,
                ..PeerContext::default()
            },
        };
        self.frame.clear();
        self.sealer.seal_with_given_fields(
            &self.wire,
            &self.layer,
            &Layer::new(),
            &message,
            &mut context,
            &mut self.frame,
        )?;
        Ok(&self.frame)
    }
}

fn now() -> Now {
    // A clock before 1970 gives timestamp 0, which no receiver looks at.
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    Now::new(Duration::ZERO, unix.unwrap_or_default().as_secs())
}

/// The lines of the input, one at a time.
struct Lines<'a> {
    input: &'a Input,
    reader: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
    /// The number of the last line that was read, counted from 1.
    number: u64,
}

impl<'a> Lines<'a> {
    fn open(input: &'a Input) -> Result<Self, CliError> {
        Ok(Self {
            input,
            reader: BufReader::with_capacity(CHUNK, input::open(input, LINES)?),
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next line. `out` is flushed before there is anything to wait for.
    fn next(&mut self, out: &mut impl Write) -> Result<Option<&[u8]>, CliError> {
        if !self.reader.buffer().contains(&b'\n') {
            out.flush().map_err(CliError::Output)?;
        }
        self.line.clear();
        self.number = self.number.saturating_add(1);
        let limit = LONGEST_LINE.saturating_add(1) as u64;
        let read = (&mut self.reader)
            .take(limit)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| input::unreadable(self.input, error))?;
        if read > LONGEST_LINE {
            return Err(self.wrong(LineError::TooLong { max: LONGEST_LINE }));
        }
        // So that an error at the end of the line has a column of this line.
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        Ok((read > 0).then_some(line))
    }

    fn wrong(&self, error: LineError) -> CliError {
        CliError::Line {
            path: self.input.path().map(Into::into),
            number: self.number,
            error,
        }
    }
}
