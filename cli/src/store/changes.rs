//! The thread that makes changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use bytes::Bytes;
use futures_channel::oneshot;
use netaio_core::Change;
use netaio_driver::resources::{Changed, OnChange, StoreError, StoreLimits};

use super::counts::Counts;
use super::database::Database;
use super::tables::{self, Tables};

/// The most changes of one transaction.
const BATCH: usize = 1024;

/// Their contents, in bytes: with more of them it takes no more.
const BATCH_BYTES: usize = 8 << 20;

/// The time in which nothing is tried after the disk has failed: the file has to be opened again each time,
/// and who reads waits for that.
const PAUSE: Duration = Duration::from_secs(1);

/// A change, and whom to tell.
pub(super) struct Op {
    pub(super) change: Change,
    pub(super) uri: Bytes,
    pub(super) content: Bytes,
    pub(super) answer: oneshot::Sender<Result<(), StoreError>>,
}

/// Makes changes.
pub(super) struct Writer {
    pub(super) database: Arc<Database>,
    pub(super) limits: StoreLimits,
    pub(super) on_change: OnChange,
    pub(super) counts: Arc<Counts>,
}

impl Writer {
    /// Makes the changes that come, until no more can come.
    pub(super) fn run(&self, ops: &Receiver<Op>) {
        if let Ok(usage) = self.database.with(|file| {
            let read = file.begin_read()?;
            tables::usage(&read)
        }) {
            self.counts.holds(usage);
        }
        let mut failed: Option<(Instant, StoreError)> = None;
        while let Ok(first) = ops.recv_blocking() {
            let batch = batch(first, ops);
            let outcomes = match &failed {
                Some((since, error)) if since.elapsed() < PAUSE => Err(error.clone()),
                _ => {
                    let outcomes = self.commit(&batch);
                    let error = outcomes.as_ref().err();
                    failed = error.map(|error| (Instant::now(), error.clone()));
                    outcomes
                }
            };
            match outcomes {
                Ok(outcomes) => batch
                    .into_iter()
                    .zip(outcomes)
                    .for_each(|(op, outcome)| self.finish(op, outcome)),
                Err(error) => {
                    self.counts.failed(batch.len());
                    for op in batch {
                        // Who asked may have gone.
                        let _ = op.answer.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    /// Makes changes in one transaction, and returns what became of each.
    ///
    /// # Errors
    /// None of them is kept, or nobody knows.
    fn commit(&self, batch: &[Op]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let begun = Instant::now();
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut before = None;
        let committed = self.database.with(|file| {
            let changes = file.begin_write()?;
            let mut tables = Tables::open(&changes)?;
            before = Some(tables.commits()?);
            for op in batch {
                outcomes.push(tables.change(op.change, &op.uri, &op.content, &self.limits)?);
            }
            let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            if made == 0 {
                drop(tables);
                return Ok(changes.abort()?);
            }
            let usage = tables.finish()?;
            changes.commit()?;
            self.counts.committed(made, begun.elapsed());
            self.counts.holds(usage);
            Ok(())
        });
        match committed {
            Ok(()) => Ok(outcomes),
            Err(_) if self.is_there_all_the_same(before) => {
                // Whether it is on the disk, nobody knows: but those who read it from now on do not.
                for (op, outcome) in batch.iter().zip(outcomes) {
                    if outcome.is_ok() {
                        self.tell(op.uri.clone(), op.content.clone(), op.change);
                    }
                }
                Err(StoreError::Unavailable)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the file, opened again after a transaction that failed, has what that has changed: its last
    /// write may have been what failed.
    fn is_there_all_the_same(&self, before: Option<u64>) -> bool {
        let commits = self
            .database
            .with(|file| tables::commits(&file.begin_read()?));
        before.is_some_and(|before| commits.is_ok_and(|commits| commits > before))
    }

    fn tell(&self, uri: Bytes, content: Bytes, change: Change) {
        (self.on_change)(Changed::new(uri, content, change));
    }

    /// Tells of a change that was kept, or why it was not made.
    fn finish(&self, op: Op, outcome: Result<(), StoreError>) {
        if outcome.is_ok() {
            self.tell(op.uri, op.content, op.change);
        }
        let _ = op.answer.send(outcome);
    }
}

/// What waits, the first with it.
fn batch(first: Op, ops: &Receiver<Op>) -> Vec<Op> {
    let mut bytes = first.content.len();
    let mut batch = vec![first];
    while batch.len() < BATCH
        && bytes < BATCH_BYTES
        && let Ok(op) = ops.try_recv()
    {
        bytes = bytes.saturating_add(op.content.len());
        batch.push(op);
    }
    batch
}
