//! Calls of handlers: handed out to whoever polls the link, or made where a message has found
//! its handler.

use bytes::Bytes;

use super::Link;
use super::event::LinkEvent;
use crate::calls::{Buffer, Call, ReplyError};
use crate::frame::SealedMessage;
use crate::message::Message;
use crate::options::CallOptions;
use crate::plugin::Layer;
use crate::shared::SharedNode;

/// Calls the handlers of a link, for [`Link::poll_with`].
///
/// A handler that answers at once needs no [`Call`]: nobody can drop it, cancel it or answer it
/// late. So there is none before a handler is known to go on, and no event.
///
/// ```
/// use std::mem::take;
/// use std::time::Duration;
///
/// use chacha20::ChaCha20Rng;
/// use netaio_core::types::REQUEST_URI;
/// use netaio_core::{
///     Call, CallHandler, Called, Layer, Link, LinkConfig, Message, Node, Now, ReplyError,
///     RequestOptions,
/// };
/// use rand_core::SeedableRng;
///
/// /// Answers each request with its content, but for those that are to wait.
/// struct Echo {
///     message: Message,
///     waiting: Vec<(Message, Call)>,
/// }
///
/// impl CallHandler<&'static str> for Echo {
///     type Running = Message;
///
///     fn message(&mut self) -> &mut Message {
///         &mut self.message
///     }
///
///     fn call(&mut self, _: &Link, handler: &'static str) -> Called<Message> {
///         let uri = take(&mut self.message.uri);
///         let answer = Message::respond_uri(uri, take(&mut self.message.content));
///         match handler {
///             "echo" => Called::Answered(Some(answer)),
///             _ => Called::GoesOn(answer, None),
///         }
///     }
///
///     fn keep(&mut self, answer: Message, call: Call) {
///         self.waiting.push((answer, call));
///     }
///
///     fn answered(&mut self, sent: Result<(), ReplyError>) {
///         if let Err(error) = sent {
///             eprintln!("an answer was not sent: {error}");
///         }
///     }
///
///     fn goes_on(&mut self, _: &Link) -> bool {
///         true
///     }
/// }
///
/// let now = Now::new(Duration::ZERO, 1_700_000_000);
/// let rng = |seed| Box::new(ChaCha20Rng::from_seed([seed; 32]));
/// let mut server = Node::for_streams(LinkConfig::new());
/// server.on((REQUEST_URI, "echo"), "echo", Layer::new())?;
/// server.on((REQUEST_URI, "later"), "later", Layer::new())?;
/// let mut link = server.accept(now, None, rng(1))?;
///
/// let mut client = Node::<()>::for_streams(LinkConfig::new());
/// let mut asking = client.connect(now, None, rng(2));
/// for uri in ["echo", "later"] {
///     asking.request(now, &mut client, &Message::request(uri), &RequestOptions::new())?;
/// }
/// let mut bytes = Vec::new();
/// asking.poll_outbound(&mut bytes);
///
/// link.receive(now, &bytes)?;
/// let (message, waiting) = (Message::request(""), Vec::new());
/// let mut echo = Echo { message, waiting };
/// while let Some(event) = link.poll_with(now, &mut server, &mut echo) {
///     println!("{event:?}");
/// }
/// assert_eq!((link.sent_messages(), link.calls_in_flight()), (1, 1));
/// for (answer, call) in echo.waiting.drain(..) {
///     link.reply(now, &mut server, call, answer)?;
/// }
/// assert_eq!((link.sent_messages(), link.calls_in_flight()), (2, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait CallHandler<H> {
    /// A handler that goes on.
    type Running;

    /// Where the next message is to be put, for [`call`](Self::call) to find it. What is left there of
    /// the last one is overwritten, but for a uri of the same bytes; until then it keeps its receive
    /// buffer alive.
    fn message(&mut self) -> &mut Message;

    /// Calls a handler with the message, which `link` has [counted](Link::received_messages). Whether
    /// a plugin vouched for it is what a [`Call`] says: where that matters, poll by events.
    ///
    /// A handler's panic is to be caught here, and answered by [`Called::Failed`]. One that goes
    /// through the link is answered with nothing and ends the turn in its midst: past the end of the
    /// stream, messages behind it may be lost.
    fn call(&mut self, link: &Link, handler: H) -> Called<Self::Running>;

    /// Keeps a handler that goes on, and what its [reply](Link::reply) is to be given with.
    fn keep(&mut self, running: Self::Running, call: Call);

    /// Notes what has become of the answer of a handler that did not go on, before the next is called.
    fn answered(&mut self, sent: Result<(), ReplyError>);

    /// Whether what is next is to be done now. Where it is not, [`Link::poll_with`] returns `None`
    /// with that left to do, as [`Link::wants_poll`] says: whoever polls comes back for it unasked.
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
    /// The handler is to be called, and its reply to be sealed with a layer, whose check the
    /// message has passed.
    fn call(
        &mut self,
        link: &mut Link,
        node: &mut N,
        found: (N::Handler, Layer),
        sealed: &mut SealedMessage,
        buffer: Buffer,
    ) -> Option<LinkEvent<N::Handler>>;

    /// Whether the next message is to be handled now.
    fn goes_on(&mut self, link: &Link) -> bool;
}

/// Handlers are called by whoever polls.
pub(super) struct HandOut;

impl<N: SharedNode> OnCall<N> for HandOut {
    #[inline]
    fn call(
        &mut self,
        link: &mut Link,
        node: &mut N,
        (handler, inner): (N::Handler, Layer),
        sealed: &mut SealedMessage,
        buffer: Buffer,
    ) -> Option<LinkEvent<N::Handler>> {
        let message = link.exchange.opened(node, sealed, link.place());
        let reply = link.reply_to(&message, inner);
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
}

/// Handlers are called at once.
pub(super) struct CallNow<'c, C> {
    caller: &'c mut C,
    /// The buffer that the last message was in.
    buffer: usize,
}

impl<'c, C> CallNow<'c, C> {
    pub(super) fn new(caller: &'c mut C) -> Self {
        Self { caller, buffer: 0 }
    }
}

impl<N: SharedNode, C: CallHandler<N::Handler>> OnCall<N> for CallNow<'_, C> {
    #[inline]
    fn call(
        &mut self,
        link: &mut Link,
        node: &mut N,
        (handler, inner): (N::Handler, Layer),
        sealed: &mut SealedMessage,
        buffer: Buffer,
    ) -> Option<LinkEvent<N::Handler>> {
        node.heard(link.exchange.now, link.place());
        let message = self.caller.message();
        // Of what is counted for this message, none of another's buffer is held.
        if buffer.id == 0 || buffer.id != self.buffer {
            self.buffer = buffer.id;
            message.uri = Bytes::new();
        }
        sealed.put_message(message);
        let reply = link.reply_to(message, inner);
        let asked = message.uri.as_ptr();
        let sent = match self.caller.call(link, handler) {
            Called::Answered(Some(answer)) => {
                let sent = link.send_reply(node, &reply, &answer);
                // Given back for the next message. Another one may be of any buffer.
                if answer.uri.as_ptr() == asked {
                    self.caller.message().uri = answer.uri;
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
}
