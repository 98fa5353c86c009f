//! What is behind the handlers of a server that keeps resources: a [`Store`] that has them, and a
//! [`Bus`] that takes publications to subscribers.
//!
//! Both are small, so that other engines can stand there: a database, or a broker that many servers
//! share. [`MemoryStore`] and [`LocalBus`] are those of one server alone.
//!
//! ```
//! use std::sync::Arc;
//!
//! use netaio_driver::core::types::{CREATE_URI, REQUEST_URI};
//! use netaio_driver::resources::{LocalBus, MemoryStore, Store, StoreError, StoreLimits};
//! use netaio_driver::{BuildError, Content, Runtime, Server, State, Uri};
//!
//! async fn read(uri: Uri, store: State<Arc<MemoryStore>>) -> Result<Content, StoreError> {
//!     store.read(&uri).await.map(Content)
//! }
//!
//! async fn create(
//!     uri: Uri,
//!     content: Content,
//!     store: State<Arc<MemoryStore>>,
//! ) -> Result<(), StoreError> {
//!     store.create(uri.0, content.0).await
//! }
//!
//! async fn serve<R: Runtime>() -> Result<Server<R>, BuildError> {
//!     let bus = Arc::new(LocalBus::new());
//!     let told = bus.clone();
//!     let store = MemoryStore::new(StoreLimits::default(), move |changed| told.tell(&changed));
//!     let server = Server::<R>::builder()
//!         .state(Arc::new(store))
//!         .on(REQUEST_URI, read)
//!         .on(CREATE_URI, create)
//!         .bind("127.0.0.1:8888")
//!         .await?;
//!     bus.add(server.publisher().clone());
//!     Ok(server)
//! }
//! ```

mod bus;
mod local;
mod memory;
mod store;

pub use self::bus::{Bus, BusError};
pub use self::local::LocalBus;
pub use self::memory::MemoryStore;
pub use self::store::{Changed, OnChange, Store, StoreError, StoreLimits};
