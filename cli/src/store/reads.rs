//! The threads that read.

use async_channel::Receiver;
use bytes::Bytes;
use futures_channel::oneshot;
use netaio_driver::resources::StoreError;

use super::counts::Counts;
use super::database::Database;
use super::refused::FileError;
use super::tables::RESOURCES;

/// The most reads of one transaction: other threads have the rest.
const BATCH: usize = 64;

/// A read, and whom to tell.
pub(super) struct Read {
    pub(super) uri: Bytes,
    pub(super) answer: oneshot::Sender<Result<Bytes, StoreError>>,
}

/// Answers the reads that come, until no more can come.
pub(super) fn answer(database: &Database, reads: &Receiver<Read>, counts: &Counts) {
    while let Ok(first) = reads.recv_blocking() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(read) = reads.try_recv()
        {
            batch.push(read);
        }
        counts.read(batch.len());
        // What is committed by now: who was told of a change finds it.
        let contents = database.with(|file| {
            let resources = file.begin_read()?.open_table(RESOURCES)?;
            let content = |read: &Read| {
                let found = resources.get(&*read.uri)?;
                Ok(found.map(|content| Bytes::copy_from_slice(content.value())))
            };
            let contents: Result<Vec<_>, FileError> = batch.iter().map(content).collect();
            contents
        });
        match contents {
            Ok(contents) => {
                for (read, content) in batch.into_iter().zip(contents) {
                    // Who asked may have gone.
                    let _ = read.answer.send(content.ok_or(StoreError::NotFound));
                }
            }
            Err(error) => {
                counts.failed(batch.len());
                for read in batch {
                    let _ = read.answer.send(Err(error.clone()));
                }
            }
        }
    }
}
