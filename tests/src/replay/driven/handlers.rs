//! The scenario's handlers, as programs write them for the drivers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use netaio_core::Message;
use netaio_driver::{
    Content, Handler, NoReply, Outcome, Publisher, Remote, Reply, Request, Spares, Uri,
};

use super::world::World;
use crate::replay::acts;
use crate::replay::cast::Act;
use crate::replay::log::show;
use crate::replay::scenario::{Side, label};
use crate::replay::wire::Wire;

/// What the handlers of one party share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) world: Arc<World>,
    pub(super) party: String,
    pub(super) kept: Arc<Mutex<BTreeMap<Bytes, Bytes>>>,
}

/// A handler that does what the scenario says.
pub(super) struct Acting {
    pub(super) act: Act,
    pub(super) shared: Shared,
}

/// Marks [`Acting`], which is a handler without being a function.
pub(super) struct Direct;

impl Handler<Direct> for Acting {
    fn call(&self, request: &mut Option<Request>, spares: &mut Spares) -> Outcome {
        if let Some(request) = request {
            self.shared.note(self.act, request);
        }
        let shared = self.shared.clone();
        match self.act {
            Act::Echo => run(request, spares, |content: Content| content),
            Act::Silent => run(request, spares, || NoReply),
            Act::Store => run(request, spares, move |message: Message| {
                let kept = shared.kept.lock();
                let mut kept = kept.unwrap_or_else(PoisonError::into_inner);
                let (kind, text) = acts::store(&mut kept, &message);
                Reply::new(kind, text)
            }),
            Act::Later => run(request, spares, move |uri: Uri, content: Content| {
                let gates = shared.world.gates.lock();
                let mut gates = gates.unwrap_or_else(PoisonError::into_inner);
                let gate = gates.entry(uri.to_vec()).or_default().clone();
                async move {
                    gate.pass().await;
                    acts::late(&content.0)
                }
            }),
            Act::Subscribe => run(
                request,
                spares,
                |uri: Uri, who: Remote, publisher: Publisher| {
                    acts::subscribed(publisher.subscribe(uri.0, &who))
                },
            ),
            Act::Unsubscribe => run(
                request,
                spares,
                |uri: Uri, who: Remote, publisher: Publisher| {
                    acts::unsubscribed(publisher.unsubscribe(uri, &who))
                },
            ),
            Act::Publish => run(
                request,
                spares,
                |uri: Uri, content: Content, publisher: Publisher| {
                    let news = Message::notify(uri.0.clone(), content.0);
                    let delivery = publisher.notify(uri, &news);
                    acts::published(delivery.expect("the scenario's messages fit").sent)
                },
            ),
        }
    }
}

/// Calls a function as a handler.
fn run<M>(request: &mut Option<Request>, spares: &mut Spares, handler: impl Handler<M>) -> Outcome {
    handler.call(request, spares)
}

impl Shared {
    /// Writes down that a handler is called.
    fn note(
        &self,
        act: Act,
        Request {
            message, remote, ..
        }: &Request,
    ) {
        let shown = show(message);
        let (subject, line) = match remote.connection() {
            None => {
                let address = remote.addr().expect("datagrams have senders");
                (self.party.clone(), format!("{act:?} for {address} {shown}"))
            }
            Some(connection) => {
                let label = match connection.name() {
                    Some(name) => label(name, Side::Client),
                    None => {
                        let address = remote.addr().expect("all streams have addresses");
                        let state = self.world.state();
                        label(state.wire.name(Wire::stream_of(address)), Side::Server)
                    }
                };
                (label, format!("{act:?} {shown}"))
            }
        };
        self.world.log.write(format!("{subject} calls"), line);
    }
}
