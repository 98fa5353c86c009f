//! `netaio decode`: a stream of frames to lines.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use bytes::BytesMut;
use netaio_core::plugin::{Direction, OpenContext, PeerContext};
use netaio_core::{
    Deframer, Frame, FrameError, Layer, Message, Now, OpenError, SealedMessage, Wire,
};

use super::input::{CHUNK, Chunks};
use super::{hex, json, readable, wire};
use crate::args::Decode;
use crate::capture::{self, Capture};
use crate::error::CliError;
use crate::stdio::Output;

/// Prints the frames, up to the first error.
pub(crate) fn decode(options: &Decode) -> Result<(), CliError> {
    let mut out = BufWriter::with_capacity(CHUNK, Output);
    let result = print_frames(options, &mut out);
    // What was decoded before an error is printed before the error is.
    result.and(out.flush().map_err(CliError::Output))
}

fn print_frames(options: &Decode, out: &mut impl Write) -> Result<(), CliError> {
    let mut chunks = Chunks::open(&options.input, options.hex)?;
    let mut input = BytesMut::new();
    let mut more = chunks.next(&mut input);
    // What it is has to be seen.
    while input.len() < capture::MAGIC && matches!(more, Ok(true)) {
        more = chunks.next(&mut input);
    }
    if capture::is_capture(&input) {
        return print_capture(options, chunks, input, more, out);
    }
    if !options.ports.is_empty() {
        return Err(CliError::Usage(
            "--port is for captures, pcap and pcapng, and the input is none".into(),
        ));
    }
    // No frame begins so: its auth section would be too long.
    let looks_like_hex = !options.hex && input.len() >= capture::MAGIC && is_hex(&input);
    let wrong = |error: FrameError| match looks_like_hex {
        true => CliError::LooksLikeHex(error),
        false => error.into(),
    };
    let wire = Arc::new(wire());
    let layer = options.outer.layer();
    let mut deframer = Deframer::new(wire.clone());
    loop {
        while let Some(frame) = deframer.next(&mut input).map_err(wrong)? {
            let opened = Opened::new(frame, &wire, &layer)?;
            let printed = if options.json {
                json::print(&opened.message, opened.checksum, out)
            } else {
                readable::print(&opened.message, out)
            };
            printed.map_err(CliError::Output)?;
        }
        if !more? {
            break;
        }
        // Before waiting for input, so that all frames so far are visible.
        out.flush().map_err(CliError::Output)?;
        more = chunks.next(&mut input);
    }
    deframer.finish(&input).map_err(wrong)
}

/// Whether the first bytes are hexadecimal digits, maybe with whitespace.
fn is_hex(input: &[u8]) -> bool {
    let mut first = input.iter().take(64);
    first.all(|byte| hex::digit(*byte).is_some() || byte.is_ascii_whitespace())
}

fn print_capture(
    options: &Decode,
    mut chunks: Chunks<'_>,
    mut input: BytesMut,
    mut more: Result<bool, CliError>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let how = capture::How {
        layer: options.outer.layer(),
        json: options.json,
    };
    let mut capture = Capture::new(Arc::new(wire()), options.ports.clone(), how, out);
    loop {
        let read = capture.read(&mut input);
        capture.flush()?;
        read?;
        if !more? {
            break;
        }
        more = chunks.next(&mut input);
    }
    capture.finish(&input)
}

/// A frame's message after the check and the decryption.
struct Opened {
    message: Message,
    checksum: u32,
}

impl Opened {
    fn new(frame: Frame, wire: &Wire, layer: &Layer) -> Result<Self, CliError> {
        let offset = frame.offset();
        let mut sealed = frame
            .decode(wire)
            .map_err(|kind| FrameError { offset, kind })?;
        open(&mut sealed, layer, wire).map_err(|error| CliError::Open { offset, error })?;
        Ok(Self {
            // netaio's header always has one.
            checksum: sealed.checksum().unwrap_or_default(),
            message: sealed.into_message(),
        })
    }
}

/// Opens a message that goes whichever way. One that does not open is unchanged.
fn open(sealed: &mut SealedMessage, layer: &Layer, wire: &Wire) -> Result<(), OpenError> {
    let mut open = |direction| {
        let peers = PeerContext {
            direction,
            ..PeerContext::default()
        };
        let now = Now::default();
        sealed.open(layer, wire, &OpenContext { now, peers })
    };
    open(Direction::Unknown).or_else(|first| {
        let others = [
            Direction::ToServer,
            Direction::ToClient,
            Direction::Between { node: 0 },
        ];
        let opened = others.into_iter().any(|direction| open(direction).is_ok());
        opened.then_some(()).ok_or(first)
    })
}
