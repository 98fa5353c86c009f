//! A disk in memory, which can be full, and slow.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use async_channel::{Receiver, Sender};
use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use crate::store::refused::{FileError, Refused};
use crate::store::tables;

/// A disk, the same for all clones.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    memory: Mutex<Option<Arc<InMemoryBackend>>>,
    is_full: AtomicBool,
    fails: AtomicBool,
    synchronizations: AtomicUsize,
    held: Mutex<Option<Sender<()>>>,
    released: Condvar,
}

/// Holds synchronizations until it is released.
pub(super) struct Gate {
    disk: Disk,
    reached: Receiver<()>,
}

impl Gate {
    /// Waits until a synchronization has begun.
    pub(super) async fn reached(&self) {
        self.reached.recv().await.unwrap();
    }

    pub(super) fn release(self) {
        *self.disk.0.held.lock().unwrap() = None;
        self.disk.0.released.notify_all();
    }
}

impl Disk {
    /// Opens what is on it, or makes it.
    pub(super) fn open(&self) -> Result<redb::Database, Refused> {
        let mut builder = redb::Database::builder();
        builder.create_with_file_format_v3(true);
        let is_new = self.0.memory.lock().unwrap().is_none();
        let file = builder.create_with_backend(self.clone())?;
        if is_new {
            let changes = file.begin_write().map_err(FileError::from)?;
            tables::make(&changes)?;
            changes.commit().map_err(FileError::from)?;
        }
        Ok(file)
    }

    pub(super) fn set_full(&self, is_full: bool) {
        self.0.is_full.store(is_full, Ordering::SeqCst);
    }

    pub(super) fn fail_next_synchronization(&self) {
        self.0.fails.store(true, Ordering::SeqCst);
    }

    pub(super) fn synchronizations(&self) -> usize {
        self.0.synchronizations.load(Ordering::SeqCst)
    }

    /// From now on synchronizations wait.
    pub(super) fn hold(&self) -> Gate {
        let (reaching, reached) = async_channel::unbounded();
        *self.0.held.lock().unwrap() = Some(reaching);
        let disk = self.clone();
        Gate { disk, reached }
    }

    fn memory(&self) -> Arc<InMemoryBackend> {
        let mut memory = self.0.memory.lock().unwrap();
        memory.get_or_insert_with(Arc::default).clone()
    }

    fn check_room(&self) -> io::Result<()> {
        match self.0.is_full.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.memory().len()
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.memory().read(offset, len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_room()?;
        self.memory().set_len(len)
    }

    fn sync_data(&self, eventual: bool) -> io::Result<()> {
        self.0.synchronizations.fetch_add(1, Ordering::SeqCst);
        let mut held = self.0.held.lock().unwrap();
        while let Some(reaching) = &*held {
            reaching.try_send(()).unwrap();
            held = self.0.released.wait(held).unwrap();
        }
        drop(held);
        match self.0.fails.swap(false, Ordering::SeqCst) {
            true => Err(io::ErrorKind::Other.into()),
            false => self.memory().sync_data(eventual),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        // The first pages are there already: what is written in place needs no room.
        if offset > 0 {
            self.check_room()?;
        }
        self.memory().write(offset, data)
    }
}
