//! Input: a file or standard input, raw or as hex text.

use std::fs::File;
use std::io::{self, Read};

use bytes::BytesMut;

use super::hex;
use crate::args::Input;
use crate::error::{CliError, HexProblem};
use crate::progress::{Beside, of_input};
use crate::stdio;

/// The most that is read at once, in bytes.
pub(super) const CHUNK: usize = 64 * 1024;

/// How hex text is given.
const HEX_TEXT: &str = "this is taken for the name of a file; hex text is given on standard input: `echo 0000.. | netaio decode --hex`";

/// Opens the file that the options name. `advice` is for whoever gives text in place of a name.
pub(super) fn open(input: &Input, advice: &'static str) -> Result<Box<dyn Read>, CliError> {
    match input.path() {
        None => {
            let input = stdio::Input::open_for_output()?;
            Ok(Box::new(of_input(input, None, Beside::Output)))
        }
        Some(path) => match File::open(path) {
            Ok(file) => {
                // A pipe that has a name has no length.
                let len = file.metadata().map_or(0, |about| about.len());
                Ok(Box::new(of_input(file, Some(len), Beside::Output)))
            }
            Err(error) if is_no_file(&error) => Err(CliError::NoFile {
                path: path.into(),
                error,
                advice,
            }),
            Err(error) => Err(unreadable(input, error)),
        },
    }
}

/// Whether there is no file of a name: text is often too long for one.
fn is_no_file(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotFound};
    matches!(error.kind(), NotFound | InvalidFilename)
}

/// The error of a read that failed.
pub(super) fn unreadable(input: &Input, error: io::Error) -> CliError {
    CliError::Input {
        path: input.path().map(Into::into),
        error,
    }
}

/// Chunks of bytes, from raw input or from hex text.
pub(super) struct Chunks<'a> {
    input: &'a Input,
    reader: Box<dyn Read>,
    chunk: Box<[u8]>,
    hex: Option<HexText>,
}

impl<'a> Chunks<'a> {
    /// Opens the input.
    pub(super) fn open(input: &'a Input, hex: bool) -> Result<Self, CliError> {
        Ok(Self {
            input,
            reader: open(input, HEX_TEXT)?,
            chunk: vec![0; CHUNK].into(),
            hex: hex.then(HexText::default),
        })
    }

    /// Appends the next bytes to `out`, and returns whether there may be more. Bytes before
    /// an error are appended too.
    pub(super) fn next(&mut self, out: &mut BytesMut) -> Result<bool, CliError> {
        let count = loop {
            match self.reader.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(self.input, error)),
                Ok(count) => break count,
            }
        };
        let bytes = self.chunk.get(..count).unwrap_or_default();
        match &mut self.hex {
            None => out.extend_from_slice(bytes),
            Some(text) if count == 0 => text.finish()?,
            Some(text) => text.push(bytes, out)?,
        }
        Ok(count > 0)
    }
}

/// Hex text in chunks. Whitespace may be anywhere, even within a byte.
#[derive(Default)]
struct HexText {
    /// The first digit of a byte whose second one is awaited.
    high: Option<u8>,
    position: u64,
}

impl HexText {
    fn push(&mut self, text: &[u8], out: &mut BytesMut) -> Result<(), CliError> {
        out.reserve(text.len() / 2 + 1);
        for &byte in text {
            match (hex::digit(byte), self.high) {
                (Some(low), Some(high)) => {
                    out.extend_from_slice(&[high << 4 | low]);
                    self.high = None;
                }
                (Some(high), None) => self.high = Some(high),
                (None, _) if byte.is_ascii_whitespace() => {}
                (None, _) => return Err(self.wrong(HexProblem::NotADigit(byte))),
            }
            self.position = self.position.saturating_add(1);
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), CliError> {
        match self.high {
            None => Ok(()),
            Some(_) => Err(self.wrong(HexProblem::HalfAByte)),
        }
    }

    fn wrong(&self, problem: HexProblem) -> CliError {
        CliError::Hex {
            offset: self.position,
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&str]) -> (Vec<u8>, Result<(), String>) {
        let (mut text, mut out) = (HexText::default(), BytesMut::new());
        let result = pieces
            .iter()
            .try_for_each(|piece| text.push(piece.as_bytes(), &mut out))
            .and_then(|()| text.finish());
        (out.to_vec(), result.map_err(|error| error.to_string()))
    }

    #[test]
    fn whitespace_and_pieces_make_no_difference() {
        let bytes = vec![0x0a, 0xbc, 0xde];
        for pieces in [
            &["0abcde"][..],
            &["0", "a", "bc", "DE"],
            &[" 0a\r\nb c\td", "e\n"],
        ] {
            assert_eq!(read(pieces), (bytes.clone(), Ok(())), "{pieces:?}");
        }
    }

    #[test]
    fn what_is_wrong_has_an_offset_and_the_bytes_before_it_are_kept() {
        let (bytes, result) = read(&["0a b", "c x"]);
        assert_eq!(bytes, [0x0a, 0xbc]);
        let text = "hex text at byte 6: 'x' is not a hexadecimal digit";
        assert_eq!(result, Err(text.to_owned()));
        let text = "hex text at byte 3: the text ends with half a byte";
        assert_eq!(read(&["0a\nb"]).1, Err(text.replace("byte 3", "byte 4")));
    }
}
