//! `netaio store load`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;
use netaio_core::{Body, Change, Printable};
use netaio_driver::resources::{StoreError, StoreLimits};
use serde::Deserialize;

use crate::args::{Input, StoreLoad};
use crate::codec::LineError;
use crate::codec::hex::unhex;
use crate::error::CliError;
use crate::progress::{Beside, of_input};
use crate::reserved::is_reserved;
use crate::stdio;
use crate::stdio::error::say;
use crate::units;

use super::database;
use super::foreign::Foreign;
use super::named::{at, refused_at};
use super::refused::{FileError, Refused};
use super::tables::Tables;

/// A line longer than this is refused, in bytes.
const LONGEST_LINE: usize = 64 << 20;

/// What a line has to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    uri: Option<String>,
    uri_hex: Option<String>,
    content: Option<String>,
    content_hex: Option<String>,
}

impl Line {
    fn parse(line: &[u8]) -> Result<(Bytes, Bytes), LineError> {
        LineError::check_object(line, "`netaio store dump`")?;
        let line: Self = serde_json::from_slice(line).map_err(LineError::json)?;
        let uri = bytes("uri", line.uri, line.uri_hex)?;
        let uri = uri.ok_or(LineError::Without("uri"))?;
        let content = bytes("content", line.content, line.content_hex)?;
        let content = content.unwrap_or_default();
        let (len, max) = (uri.len().saturating_add(content.len()), Body::MAX_PAYLOAD);
        match len <= max {
            true => Ok((uri, content)),
            false => Err(LineError::NoMessage { len, max }),
        }
    }
}

/// The bytes of a text, or of hex.
fn bytes(
    name: &'static str,
    text: Option<String>,
    hex: Option<String>,
) -> Result<Option<Bytes>, LineError> {
    let hex = hex.map(|hex| unhex(&hex).ok_or(LineError::NoHex(name)));
    match (text.map(String::into_bytes), hex.transpose()?) {
        (Some(text), Some(hex)) if text != hex => Err(LineError::Differ(name)),
        (text, hex) => Ok(text.or(hex).map(Bytes::from)),
    }
}

/// Puts resources into a store: all of them, or, where a line is wrong, none.
pub(super) fn load(options: &StoreLoad) -> Result<(), CliError> {
    let path = &options.path;
    // The two paths may have been swapped.
    if Foreign::has_lines(path) {
        return Err(refused_at(path, Refused::Foreign(Foreign::Lines)));
    }
    let mut input = open(&options.input)?;
    let is_new = !path.exists();
    let file = at(path, || database::open(path))?;
    let filled = fill(&file, &mut input, options);
    drop(file);
    if filled.is_err() && is_new {
        // One that cannot be removed is empty: the error of the line is what matters.
        let _ = fs::remove_file(path);
    }
    let Filled {
        loaded,
        resources,
        bytes,
    } = filled?;
    let what = units::plural(loaded, "resource", "resources");
    let count = units::plural(resources, "counts", "count");
    say(format_args!(
        "{}: {loaded} {what} loaded; it has {resources} that {count} {bytes} bytes",
        path.display()
    ));
    Ok(())
}

/// What became of a file.
struct Filled {
    loaded: u64,
    resources: u64,
    bytes: u64,
}

/// Puts all lines into a file, or none.
fn fill(
    file: &redb::Database,
    input: &mut impl BufRead,
    options: &StoreLoad,
) -> Result<Filled, CliError> {
    let path = &options.path;
    let failed = |error: FileError| refused_at(path, Refused::from(error));
    let changes = file.begin_write().map_err(|error| failed(error.into()))?;
    let mut tables = Tables::open(&changes).map_err(failed)?;
    let (mut number, mut loaded, mut line) = (0_u64, 0_u64, Vec::new());
    loop {
        line.clear();
        number = number.saturating_add(1);
        let wrong = |error| CliError::Line {
            path: options.input.path().map(Into::into),
            number,
            error,
        };
        let read = input.by_ref().take(LONGEST_LINE.saturating_add(1) as u64);
        let read = { read }.read_until(b'\n', &mut line);
        let read = read.map_err(|error| unreadable(&options.input, error))?;
        if read == 0 {
            break;
        }
        if read > LONGEST_LINE {
            return Err(wrong(LineError::TooLong { max: LONGEST_LINE }));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let (uri, content) = Line::parse(text).map_err(wrong)?;
        if is_reserved(&uri) {
            let shown = Printable::bytes(&uri).to_string();
            return Err(wrong(LineError::Reserved(shown)));
        }
        let mut put = |change| {
            tables
                .change(change, &uri, &content, &UNLIMITED)
                .map_err(failed)
        };
        let mut outcome = put(Change::Created)?;
        if outcome == Err(StoreError::Exists) && options.replace {
            outcome = put(Change::Updated)?;
        }
        if outcome.is_err() {
            let shown = Printable::bytes(&uri).to_string();
            return Err(wrong(LineError::There(shown)));
        }
        loaded = loaded.saturating_add(1);
    }
    let (resources, bytes) = tables.finish().map_err(failed)?;
    changes.commit().map_err(|error| failed(error.into()))?;
    Ok(Filled {
        loaded,
        resources,
        bytes,
    })
}

/// The limits are those of the server that serves it.
const UNLIMITED: StoreLimits = StoreLimits {
    resources: u64::MAX,
    bytes: u64::MAX,
    content: usize::MAX,
};

fn open(input: &Input) -> Result<BufReader<Box<dyn Read>>, CliError> {
    let reader: Box<dyn Read> = match input.path() {
        None => Box::new(of_input(stdio::Input::open()?, None, Beside::Nothing)),
        Some(path) => {
            let file = File::open(path).map_err(|error| unreadable(input, error))?;
            let len = file.metadata().map_or(0, |about| about.len());
            Box::new(of_input(file, Some(len), Beside::Nothing))
        }
    };
    Ok(BufReader::new(reader))
}

fn unreadable(input: &Input, error: io::Error) -> CliError {
    CliError::Input {
        path: input.path().map(Into::into),
        error,
    }
}
