//! Where the resources are.

use std::sync::Arc;

use bytes::Bytes;
use netaio_driver::resources::{LocalBus, MemoryStore, Store, StoreError};
use netaio_driver::{Reply, Request};

use super::bus::AnyBus;
use crate::args::Serve;
use crate::error::CliError;
use crate::store::{FileStore, RefusedFile};

/// What keeps the resources.
pub(crate) enum Engine {
    Memory(MemoryStore),
    File(FileStore),
    #[cfg(feature = "nats")]
    Nats(netaio_gateway::Gateway),
}

impl Engine {
    /// Opens what the options ask for. Its changes are told to the bus.
    ///
    /// # Errors
    /// The file or the servers of NATS cannot be used.
    pub(super) async fn open(options: &Serve, bus: &Arc<LocalBus>) -> Result<Self, CliError> {
        #[cfg(feature = "nats")]
        if let Some(servers) = &options.nats.nats {
            return super::nats::connect(servers, options, bus)
                .await
                .map(Self::Nats);
        }
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

    /// What takes publications to subscribers, those here among them.
    pub(super) fn bus(&self, local: Arc<LocalBus>) -> AnyBus {
        match self {
            Self::Memory(_) | Self::File(_) => AnyBus::Local(local),
            #[cfg(feature = "nats")]
            Self::Nats(gateway) => AnyBus::Nats(gateway.clone()),
        }
    }

    /// Answers a request for a resource that is not there, if there is anything else that does.
    #[cfg_attr(
        not(feature = "nats"),
        expect(unused_variables, reason = "nothing else answers")
    )]
    pub(super) async fn ask(&self, request: &Request) -> Option<Reply> {
        match self {
            Self::Memory(_) | Self::File(_) => None,
            #[cfg(feature = "nats")]
            Self::Nats(gateway) => Some(gateway.ask(&request.message, Some(&request.remote)).await),
        }
    }

    /// Is ready where what keeps the resources here still answers. NATS is elsewhere: that it is away, no
    /// restart of this process would change.
    pub(super) async fn answers(&self) {
        match self {
            Self::Memory(store) => drop(store.read(b"").await),
            Self::File(store) => drop(store.read(b"").await),
            #[cfg(feature = "nats")]
            Self::Nats(_) => {}
        }
    }

    /// Keeps what was asked for, and closes.
    pub(super) async fn close(&self) {
        match self {
            Self::Memory(_) => {}
            #[cfg(feature = "nats")]
            Self::Nats(_) => {}
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
            #[cfg(feature = "nats")]
            Self::Nats(store) => store.read(uri).await,
        }
    }

    async fn create(&self, uri: Bytes, content: Bytes) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.create(uri, content).await,
            Self::File(store) => store.create(uri, content).await,
            #[cfg(feature = "nats")]
            Self::Nats(store) => store.create(uri, content).await,
        }
    }

    async fn update(&self, uri: Bytes, content: Bytes) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.update(uri, content).await,
            Self::File(store) => store.update(uri, content).await,
            #[cfg(feature = "nats")]
            Self::Nats(store) => store.update(uri, content).await,
        }
    }

    async fn delete(&self, uri: Bytes) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.delete(uri).await,
            Self::File(store) => store.delete(uri).await,
            #[cfg(feature = "nats")]
            Self::Nats(store) => store.delete(uri).await,
        }
    }
}
