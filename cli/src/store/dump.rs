//! `netaio store dump`.

use std::io::{BufWriter, Write};
use std::str;

use redb::{ReadableTable, ReadableTableMetadata};
use serde::Serialize;

use crate::args::StoreFile;
use crate::codec::hex::hex;
use crate::error::CliError;
use crate::json;
use crate::progress::{Beside, bar, style};
use crate::stdio::Output;

use super::database;
use super::named::{at, refused_at};
use super::refused::{FileError, Refused};
use super::tables::RESOURCES;

/// The buffer of the output, in bytes.
const BUFFER: usize = 64 * 1024;

/// Beside the bar.
const PROGRESS: &str = "[{wide_bar}]  {human_pos} of {human_len} resources  {eta} left";

/// A resource, as text where it is UTF-8.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_hex: Option<String>,
}

/// Bytes as text, or else in hex.
fn shown(bytes: &[u8]) -> (Option<&str>, Option<String>) {
    match str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(hex(bytes))),
    }
}

/// Prints all resources, in the order of their uris.
pub(super) fn dump(options: &StoreFile) -> Result<(), CliError> {
    let path = &options.path;
    let (file, _) = at(path, || database::open_whole(path))?;
    let table = at(path, || {
        let read = file.begin_read().map_err(FileError::from)?;
        Ok(read.open_table(RESOURCES).map_err(FileError::from)?)
    })?;
    let refused =
        |error: redb::StorageError| refused_at(path, Refused::from(FileError::from(error)));
    let len = table.len().map_err(refused)?;
    let progress = bar(Some(len), style(PROGRESS), Beside::Output);
    let mut out = BufWriter::with_capacity(BUFFER, Output);
    for entry in table.iter().map_err(refused)? {
        let (key, value) = entry.map_err(refused)?;
        let ((uri, uri_hex), (content, content_hex)) = (shown(key.value()), shown(value.value()));
        let line = Line {
            uri,
            uri_hex,
            content,
            content_hex,
        };
        let written = json::write(&line, &mut out).and_then(|()| out.write_all(b"\n"));
        written.map_err(CliError::Output)?;
        progress.inc(1);
    }
    out.flush().map_err(CliError::Output)
}
