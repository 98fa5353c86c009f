//! Resources in a file, which survive whatever becomes of the process.
//!
//! One thread makes all changes. It takes those that wait, makes them in one transaction with one
//! synchronization of the disk, and answers them after it: many that change something at once share its time.
//! A few threads read what was committed. Both have queues with a bound, and no thread of a runtime ever
//! waits for the disk.

mod changes;
mod command;
mod counts;
mod database;
mod dump;
mod foreign;
mod load;
mod named;
mod reads;
mod refused;
mod tables;

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use futures_channel::oneshot;
use netaio_core::Change;
use netaio_driver::resources::{Changed, Store, StoreError, StoreLimits};

pub(crate) use self::command::store;
pub(crate) use self::counts::{Counted, Counts};
pub(crate) use self::refused::{Refused, RefusedFile};

use self::changes::{Op, Writer};
use self::database::{Database, Open};
use self::reads::Read;

/// The most changes, and the most reads, that wait: then those who ask wait before. What they bring
/// counts as received until they are answered.
const QUEUE: usize = 1024;

/// The most threads that read. The disk is what limits them.
const READERS: usize = 4;

/// Resources in a file. It is to be [closed](Self::close): else the next one to open it has to look
/// through all of it.
pub(crate) struct FileStore {
    changes: Sender<Op>,
    reads: Sender<Read>,
    /// Closed once no thread has the file any more.
    ended: Receiver<Infallible>,
    counts: Arc<Counts>,
}

impl FileStore {
    /// Opens the file, or makes it. `on_change` is called on a thread of the store's.
    ///
    /// # Errors
    /// It cannot be used, or the system gives no thread. The inner one says why it is refused.
    pub(crate) async fn open(
        path: &Path,
        limits: StoreLimits,
        on_change: impl Fn(Changed) + Send + Sync + 'static,
    ) -> io::Result<Result<Self, Refused>> {
        let path = path.to_owned();
        Self::start(Box::new(move || database::open(&path)), limits, on_change).await
    }

    async fn start(
        open: Open,
        limits: StoreLimits,
        on_change: impl Fn(Changed) + Send + Sync + 'static,
    ) -> io::Result<Result<Self, Refused>> {
        let (changes, ops) = async_channel::bounded(QUEUE);
        let (reads, asked) = async_channel::bounded(QUEUE);
        let (ending, ended) = async_channel::bounded(1);
        let counts = Arc::new(Counts::default());
        let (opened, is_open) = oneshot::channel();
        let counted = counts.clone();
        let work = move || {
            let database = match Database::new(open) {
                Ok(database) => Arc::new(database),
                Err(refused) => return drop(opened.send(Err(refused))),
            };
            let readers = thread::available_parallelism().map_or(1, usize::from);
            for _ in 0..readers.min(READERS) {
                let (database, asked) = (database.clone(), asked.clone());
                let (counts, ending) = (counted.clone(), ending.clone());
                let read = move || {
                    reads::answer(&database, &asked, &counts);
                    drop(database);
                    drop(ending);
                };
                let thread = thread::Builder::new().name("store-reader".to_owned());
                if let Err(error) = thread.spawn(read) {
                    return drop(opened.send(Err(Refused::Io(error))));
                }
            }
            let writer = Writer {
                database,
                limits,
                on_change: Box::new(on_change),
                counts: counted,
            };
            if opened.send(Ok(())).is_ok() {
                writer.run(&ops);
            }
            drop(writer);
            drop(ending);
        };
        let thread = thread::Builder::new().name("store-writer".to_owned());
        thread.spawn(work)?;
        let store = Self {
            changes,
            reads,
            ended,
            counts,
        };
        Ok(match is_open.await {
            Ok(opened) => opened.map(|()| store),
            Err(_) => Err(Refused::Damaged("opening it panicked".to_owned())),
        })
    }

    /// What it has done, and what it holds.
    pub(crate) fn counts(&self) -> Counted {
        self.counts.snapshot(self.changes.len(), self.reads.len())
    }

    /// Makes the changes that wait, and closes the file. What is asked for later is unavailable.
    pub(crate) async fn close(&self) {
        self.changes.close();
        self.reads.close();
        let _closed = self.ended.recv().await;
    }

    async fn change(&self, change: Change, uri: Bytes, content: Bytes) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let op = Op {
            change,
            uri,
            content,
            answer,
        };
        match self.changes.send(op).await {
            Ok(()) => answered.await.unwrap_or(Err(StoreError::Unavailable)),
            Err(_) => Err(StoreError::Unavailable),
        }
    }
}

impl Store for FileStore {
    async fn read(&self, uri: &[u8]) -> Result<Bytes, StoreError> {
        let (answer, answered) = oneshot::channel();
        let uri = Bytes::copy_from_slice(uri);
        match self.reads.send(Read { uri, answer }).await {
            Ok(()) => answered.await.unwrap_or(Err(StoreError::Unavailable)),
            Err(_) => Err(StoreError::Unavailable),
        }
    }

    async fn create(&self, uri: Bytes, content: Bytes) -> Result<(), StoreError> {
        self.change(Change::Created, uri, content).await
    }

    async fn update(&self, uri: Bytes, content: Bytes) -> Result<(), StoreError> {
        self.change(Change::Updated, uri, content).await
    }

    async fn delete(&self, uri: Bytes) -> Result<(), StoreError> {
        self.change(Change::Deleted, uri, Bytes::new()).await
    }
}

#[cfg(test)]
mod tests;
