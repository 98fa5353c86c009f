//! Where the resources are.

use std::sync::Arc;

use bytes::Bytes;
use netaio_driver::resources::{LocalBus, MemoryStore, Store, StoreError};

use crate::args::Serve;
use crate::error::CliError;
use crate::store::{FileStore, RefusedFile};

/// What keeps the resources.
pub(crate) enum Engine {
    Memory(MemoryStore),
    File(FileStore),
}

impl Engine {
    /// Opens what the options ask for. Its changes are told to the bus.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(super) async fn open(options: &Serve, bus: &Arc<LocalBus>) -> Result<Self, CliError> {
        let limits = options.bounds.store();
        let bus = bus.clone();
        let on_change = move |changed| bus.tell(&changed);
        let Some(path) = &options.store else {
            return Ok(Self::Memory(MemoryStore::new(limits, on_change)));
        };
        let opened = FileStore::open(path, limits, on_change).await;
        match opened.map_err(CliError::Start)? {
            Ok(store) => Ok(Self::File(store)),
            Err(refused) => {
                let path = path.clone();
                Err(RefusedFile { path, refused }.into())
            }
        }
    }

    /// Keeps what was asked for, and closes.
    pub(super) async fn close(&self) {
        match self {
            Self::Memory(_) => {}
            Self::File(store) => {
                store.close().await;
                let done = store.counts();
                tracing::info!(
                    done.resources,
                    done.bytes,
                    done.reads,
                    done.changes,
                    done.commits,
                    seconds = done.commit_time.as_secs_f64(),
                    done.failures,
                    "the store is closed"
                );
            }
        }
    }
}

impl Store for Engine {
    async fn read(&self, uri: &[u8]) -> Result<Bytes, StoreError> {
        match self {
            Self::Memory(store) => store.read(uri).await,
            Self::File(store) => store.read(uri).await,
        }
    }

    async fn create(&self, uri: Bytes, content: Bytes) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.create(uri, content).await,
            Self::File(store) => store.create(uri, content).await,
        }
    }

    async fn update(&self, uri: Bytes, content: Bytes) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.update(uri, content).await,
            Self::File(store) => store.update(uri, content).await,
        }
    }

    async fn delete(&self, uri: Bytes) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.delete(uri).await,
            Self::File(store) => store.delete(uri).await,
        }
    }
}
