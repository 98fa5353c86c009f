//! Servers by hand, on any runtime.

use std::io;

use netaio_core::types::RESPOND_URI;

use super::sockets::Socket;

/// Bytes of large buffers.
pub const ROOM: usize = 64 * 1024;

/// Bytes in front of auth section and body: the type, their lengths, and the body's CRC-32.
const HEADER: usize = 9;

/// Sends back what comes, by a buffer of so many bytes.
///
/// # Errors
/// The connection ends otherwise than by its end.
pub async fn bare(mut socket: impl Socket, room: usize) -> io::Result<()> {
    let mut buffer = vec![0; room];
    loop {
        let count = socket.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let bytes = buffer.get(..count).unwrap_or_default();
        socket.write_all(bytes).await?;
    }
}

/// The least that a server of the protocol can do: finds each frame of what it reads, checks its
/// checksum, turns the request into its answer with the same auth fields, uri and content, and
/// gives all answers to what it has read with one write. Does some `work` for each, on the body.
///
/// # Errors
/// A frame is damaged, or the connection ends otherwise than by its end.
pub async fn minimal(mut socket: impl Socket, work: fn(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; ROOM];
    let mut filled = 0;
    loop {
        let count = socket.read(&mut buffer[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let done = answer(&mut buffer[..filled], work)?;
        socket.write_all(&buffer[..done]).await?;
        buffer.copy_within(done..filled, 0);
        filled -= done;
    }
}

/// Answers all frames in place that are complete, and returns their length.
fn answer(bytes: &mut [u8], work: fn(&[u8])) -> io::Result<usize> {
    let mut done = 0;
    while let Some(length) = frame(&bytes[done..])? {
        bytes[done] = RESPOND_URI.value();
        work(&bytes[done + HEADER..done + length]);
        done += length;
    }
    Ok(done)
}

/// The length of the first frame, if it is complete.
///
/// # Errors
/// Its checksum is wrong.
pub(super) fn frame(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(&[_, a, b, c, d, e, f, g, h]) = bytes.first_chunk::<HEADER>() else {
        return Ok(None);
    };
    let body = HEADER + usize::from(u16::from_be_bytes([a, b]));
    let end = body + usize::from(u16::from_be_bytes([c, d]));
    let Some(body) = bytes.get(body..end) else {
        return Ok(None);
    };
    match crc32fast::hash(body) == u32::from_be_bytes([e, f, g, h]) {
        true => Ok(Some(end)),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}
