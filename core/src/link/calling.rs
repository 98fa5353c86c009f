//! Calls of handlers: handed out to whoever polls the link, or made where a message has found
//! its handler.

use alloc::boxed::Box;
use core::mem;

use bytes::Bytes;

use super::Link;
use super::event::LinkEvent;
use crate::calls::{Buffer, Call, InFlight, ReplyError};
use crate::message::Message;
use crate::options::CallOptions;
use crate::shared::SharedNode;

/// Calls the handlers of a link, for [`Link::poll_with`].
///
/// A handler that answers at once needs no [`Call`]: nobody can drop it, cancel it or answer it
/// late. So there is none before a handler is known to go on, and no event.
pub trait CallHandler<H> {
    /// A handler that goes on.
    type Running;

    /// Calls a handler with a message, which `link` has [counted](Link::received_messages).
    fn call(&mut self, link: &Link, handler: H, message: Message) -> Called<Self::Running>;

    /// Keeps a handler that goes on, and what its [reply](Link::reply) is to be given with.
    fn keep(&mut self, running: Self::Running, call: Call);

    /// Notes what has become of the answer of a handler that did not go on.
    fn answered(&mut self, sent: Result<(), ReplyError>);

    /// Whether the next message is to be handled now. Where it is not, [`Link::poll_with`] returns
    /// `None`, whatever is left to do.
    fn goes_on(&mut self, link: &Link) -> bool;
}

/// What has become of a handler that was called.
#[derive(Debug)]
pub enum Called<R> {
    /// It has answered, or has no answer: then the asker waits out its time.
    Answered(Option<Message>),
    /// It has failed: the asker gets an `ERROR` of this text, with the uri of its request.
    Failed(&'static str),
    /// It goes on, for as long as the options say, if they are others than those of
    /// [all calls](crate::LinkConfig::calls).
    GoesOn(R, Option<CallOptions>),
}

/// What is done with a message that has found its handler.
pub(super) trait OnCall<N: SharedNode> {
    /// It is to be called, and its reply to be sent to an address.
    fn call(
        &mut self,
        link: &mut Link,
        node: &mut N,
        handler: N::Handler,
        message: Message,
        reply: (Box<InFlight<()>>, Buffer),
    ) -> Option<LinkEvent<N::Handler>>;

    /// Whether the next message is to be handled now.
    fn goes_on(&mut self, link: &Link) -> bool;

    /// The uri of the last message, if nobody has it any more: many messages are about the same.
    fn last_uri(&mut self) -> Bytes;
}

/// Handlers are called by whoever polls.
pub(super) struct HandOut;

impl<N: SharedNode> OnCall<N> for HandOut {
    #[inline]
    fn call(
        &mut self,
        link: &mut Link,
        _: &mut N,
        handler: N::Handler,
        message: Message,
        (reply, buffer): (Box<InFlight<()>>, Buffer),
    ) -> Option<LinkEvent<N::Handler>> {
        Some(LinkEvent::Call {
            call: link.begin_call(reply, buffer),
            handler,
            message,
        })
    }

    #[inline]
    fn goes_on(&mut self, _: &Link) -> bool {
        true
    }

    #[inline]
    fn last_uri(&mut self) -> Bytes {
        Bytes::new()
    }
}

/// Handlers are called at once.
pub(super) struct CallNow<'c, C> {
    caller: &'c mut C,
    /// Of the last answer.
    uri: Bytes,
}

impl<'c, C> CallNow<'c, C> {
    pub(super) fn new(caller: &'c mut C) -> Self {
        let uri = Bytes::new();
        Self { caller, uri }
    }
}

impl<N: SharedNode, C: CallHandler<N::Handler>> OnCall<N> for CallNow<'_, C> {
    #[inline]
    fn call(
        &mut self,
        link: &mut Link,
        node: &mut N,
        handler: N::Handler,
        message: Message,
        (reply, buffer): (Box<InFlight<()>>, Buffer),
    ) -> Option<LinkEvent<N::Handler>> {
        let sent = match self.caller.call(link, handler, message) {
            Called::Answered(Some(answer)) => {
                let sent = link.send_reply(node, &reply, &answer);
                // What waited has a buffer of its own, which is not to be held for others.
                if buffer.id != 0 {
                    self.uri = answer.uri;
                }
                sent
            }
            Called::Answered(None) => Ok(()),
            Called::Failed(text) => {
                let error = Message::error(reply.uri.to_bytes(), text);
                link.send_reply(node, &reply, &error)
            }
            Called::GoesOn(running, options) => {
                let call = link.begin_call(reply, buffer);
                if let Some(options) = options {
                    link.set_options(&call, options);
                }
                self.caller.keep(running, call);
                return None;
            }
        };
        link.renew_half_closed();
        link.calls.keep(reply);
        self.caller.answered(sent);
        None
    }

    #[inline]
    fn goes_on(&mut self, link: &Link) -> bool {
        self.caller.goes_on(link)
    }

    #[inline]
    fn last_uri(&mut self) -> Bytes {
        mem::take(&mut self.uri)
    }
}
