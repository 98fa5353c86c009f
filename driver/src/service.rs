//! What the connections of one server or client share.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netaio_core::plugin::CipherPlugin;
use netaio_core::{
    Discovery, Dispatched, Inbound, Key, Layer, LinkConfig, ManagementConfig, Message, Node,
    PeerMessage, ReplyToken, Route, RouteId, Router, SealError,
};

use crate::budget::Budget;
use crate::clock::Time;
use crate::connection::{Connection, Origin};
use crate::error::PeerManagementError;
use crate::futures::BoxFuture;
use crate::handler::{AnyHandler, Handler, Outcome, PANICKED, Panicked, Request};
use crate::logging::Logs;
use crate::options::ConnectionOptions;
use crate::peer_table::{Identity, Table};
use crate::remote::Remote;
use crate::remote_id::RemoteId;
use crate::slots::Slots;
use crate::sources::Sources;
use crate::states::States;

/// Handlers and configuration, shared by connections.
pub(crate) struct Service {
    pub(crate) config: Arc<LinkConfig>,
    pub(crate) states: Arc<States>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) unrouted: Unrouted,
    pub(crate) table: Arc<Table>,
    pub(crate) sources: Sources,
    pub(crate) logs: Arc<Logs>,
    node: Mutex<Node<AnyHandler>>,
}

/// What happens to a message that has no handler.
pub(crate) enum Unrouted {
    /// netaio's default handler answers.
    NotFound,
    /// A default handler of the application's own.
    Handler(AnyHandler),
    /// The application takes it.
    Deliver(Box<dyn Fn(Message, Remote) + Send + Sync>),
}

/// What became of a message.
pub(crate) enum Invoked {
    /// Nothing is to be done.
    Nothing,
    /// It is to be answered, or there is no answer.
    Done {
        reply: ReplyToken,
        answer: Option<Message>,
        /// No handler of the application's asked for the answer.
        unprompted: bool,
    },
    /// The answer will come out of this.
    Running(ReplyToken, BoxFuture<Option<Message>>),
}

impl Service {
    pub(crate) fn new(
        config: LinkConfig,
        states: States,
        node: Node<AnyHandler>,
        unrouted: Unrouted,
        identity: Identity,
        sources: Sources,
    ) -> Self {
        let config = Arc::new(config);
        let limits = &config.wire.limits;
        let logs = Arc::new(Logs::new(limits, sources.time.clone()));
        let table = Table::new(config.clone(), identity, sources.clone(), logs.clone());
        Self {
            table: Arc::new(table),
            sources,
            logs,
            slots: Slots::new(limits.handlers()),
            budget: Arc::new(Budget::new(limits)),
            config,
            states: Arc::new(states),
            unrouted,
            node: Mutex::new(node),
        }
    }

    pub(crate) fn time(&self) -> &Time {
        &self.sources.time
    }

    /// Makes the handle of a connection that has this number.
    pub(crate) fn connection(
        &self,
        number: u64,
        remote: Option<SocketAddr>,
        options: ConnectionOptions,
        origin: Option<Origin>,
    ) -> Connection {
        let (table, states) = (self.table.clone(), self.states.clone());
        Connection::new(table, states, number, remote, options, origin)
    }

    /// Registers a handler while connections are served.
    pub(crate) fn add<M: 'static>(
        &self,
        key: Key,
        handler: impl Handler<M>,
        inner: Layer,
        once: bool,
    ) -> Result<(), SealError> {
        self.config.check_inner(&inner)?;
        self.config.check_ids(&inner)?;
        let handler = AnyHandler::new(handler);
        let mut node = self.node();
        let _replaced = match once {
            false => node.on(key, handler, inner),
            true => node.once(key, handler, inner),
        };
        Ok(())
    }

    /// Removes a handler, and says whether there was one.
    pub(crate) fn remove(&self, key: Key, once: bool) -> bool {
        match once {
            false => self.node().remove(key).is_some(),
            true => self.node().remove_once(key).is_some(),
        }
    }

    /// Calls the handler of a message.
    pub(crate) fn invoke(&self, dispatched: Dispatched<AnyHandler>, remote: Remote) -> Invoked {
        let (handler, message, reply) = match dispatched {
            Dispatched::Call {
                handler,
                message,
                reply,
            } => (handler, message, reply),
            Dispatched::Refused => return Invoked::Nothing,
            Dispatched::Unrouted { message, reply } => match &self.unrouted {
                Unrouted::Handler(handler) => (handler.clone(), message, reply),
                Unrouted::Deliver(deliver) => {
                    deliver(message, remote);
                    return Invoked::Nothing;
                }
                Unrouted::NotFound => {
                    let answer = match remote.connection() {
                        Some(_) => Node::<AnyHandler>::default_answer(message.message_type),
                        None => Node::<AnyHandler>::default_datagram_answer(message.message_type),
                    };
                    return Invoked::Done {
                        reply,
                        answer,
                        unprompted: true,
                    };
                }
            },
        };
        let unprompted = handler.is_builtin();
        let answer = match handler.call(Request { message, remote }) {
            Ok(Outcome::Done(answer)) => answer,
            Ok(Outcome::Running(future)) => return Invoked::Running(reply, future),
            Err(Panicked) => Some(Message::error(reply.uri().clone(), PANICKED)),
        };
        Invoked::Done {
            reply,
            answer,
            unprompted,
        }
    }

    /// Manages peers for an app id from now on.
    pub(crate) fn manage_peers(&self, config: ManagementConfig) -> Result<(), PeerManagementError> {
        self.config.check_inner(config.inner())?;
        let cipher = config.inner().cipher();
        if cipher.is_some_and(CipherPlugin::encrypts_uri) {
            return Err(PeerManagementError::HiddenUri);
        }
        let (app_id, inner) = (config.app_id().clone(), config.inner().clone());
        let now = self.time().now();
        let advertisement = {
            let mut discovery = self.table.discovery();
            discovery.begin(now, config)?;
            discovery.advertisement(&app_id)
        };
        if let Some(error) = advertisement.and_then(|message| self.table.check(&message).err()) {
            let _farewell = self.table.discovery().stop(&app_id);
            return Err(error.into());
        }
        for key in Discovery::<RemoteId>::keys(app_id) {
            let table = Arc::downgrade(&self.table);
            let handler = AnyHandler::builtin(move |request: Request| {
                let table = table.upgrade()?;
                table.handle(request.remote.id(), &request.message)
            });
            let _replaced = self.node().on(key, handler, inner.clone());
        }
        self.table.changed();
        Ok(())
    }

    /// Manages the peers of an app id no more, and returns the farewell.
    pub(crate) fn stop_peer_management(&self, app_id: &[u8]) -> Option<PeerMessage> {
        let farewell = self.table.change(|discovery| discovery.stop(app_id))?;
        for key in Discovery::<RemoteId>::keys(app_id.to_vec()) {
            self.node().remove(key);
        }
        Some(farewell)
    }

    fn node(&self) -> MutexGuard<'_, Node<AnyHandler>> {
        // A node is whole between two calls: poison says nothing about it.
        self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The node behind its lock, which is held for a look-up and nothing else.
impl Router for &Service {
    type Handler = AnyHandler;

    fn route(&mut self, inbound: &Inbound) -> Option<Route<AnyHandler>> {
        self.node().route(inbound)
    }

    fn take(&mut self, route: RouteId) -> bool {
        self.node().take(route)
    }
}
