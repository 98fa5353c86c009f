//! The readers and writers of the standard library.

use std::io::{Error, ErrorKind, Read, Write};

use super::Hub;
use crate::now::Now;
use crate::place::LinkId;

impl<H: Clone> Hub<H> {
    /// Reads from a link's stream, which must not block, if that is wanted: once at most,
    /// so that no link waits for another. Bytes, the end and failures are noted; returns
    /// `false` where there is nothing more to read for now.
    ///
    /// It returns `true` as well where reading is not wanted, and does not look then. In
    /// event loops that are told of changes only (as mio's are), a stream on which this
    /// returned `true` is kept in mind: it is tried again after the outputs, without
    /// waiting, even if nothing new is said of it, but only where reading is
    /// [wanted](Self::wants_read). Until it is, the loop waits as ever. For other
    /// transports there is [`receive_with`](Self::receive_with).
    pub fn read_from(&mut self, now: Now, link: LinkId, stream: &mut impl Read) -> bool {
        match self.receive_with(now, link, |buffer| stream.read(buffer)) {
            Ok(()) => true,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => false,
                ErrorKind::Interrupted => true,
                _ => {
                    self.transport_failed(now, link, error);
                    false
                }
            },
        }
    }

    /// Writes what is to be [written](crate::Output::Write) to a link's stream, which must
    /// not block, until there is no more or the stream takes no more: then say so when it
    /// is [`writable`](Self::writable). Failures are noted. For other transports there is
    /// [`written`](Self::written).
    pub fn write_to(&mut self, now: Now, link: LinkId, stream: &mut impl Write) {
        let Some(bytes) = self.bytes_to_write(link) else {
            return;
        };
        let (count, failure) = write(bytes, stream);
        self.written(now, link, count);
        if let Some(error) = failure {
            self.transport_failed(now, link, error);
        }
    }
}

/// Writes as much as it can, and says how much that was, and what went wrong.
fn write(bytes: &[u8], stream: &mut impl Write) -> (usize, Option<Error>) {
    let mut rest = bytes;
    let mut failure = None;
    while !rest.is_empty() && failure.is_none() {
        match stream.write(rest) {
            Ok(0) => failure = Some(ErrorKind::WriteZero.into()),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => break,
                _ => failure = Some(error),
            },
        }
    }
    (bytes.len().saturating_sub(rest.len()), failure)
}
