//! Whom replies go to, and what is sent where one cannot be.

use alloc::format;
use core::net::IpAddr;

use bytes::Bytes;

use super::token::ReplyError;
use crate::error::{SealError, SendError};
use crate::message::{Message, MessageType};
use crate::plugin::Layer;
use crate::small_bytes::SmallBytes;

/// Whom a reply goes to, and how it is sealed. `A` tells the remotes of one link apart.
#[derive(Clone, Debug)]
pub(crate) struct ReplyAddress<A> {
    pub(crate) to: A,
    pub(crate) request: MessageType,
    pub(crate) uri: SmallBytes,
    pub(crate) inner: Layer,
    /// An auth plugin vouched for the request.
    pub(crate) verified: bool,
    /// The correlation id of the request, packed; empty if it has none.
    pub(crate) id: SmallBytes,
    /// The answer is the node's own: no handler was asked.
    pub(crate) unprompted: bool,
    /// Room for it is kept in the budget of its receiver.
    pub(crate) has_room: bool,
    /// The seconds for which the request asks to be subscribed; zero if it names none.
    pub(crate) lease: u32,
    /// The address of this node that the request came to, where the link has several.
    pub(crate) local: Option<IpAddr>,
}

impl<A> ReplyAddress<A> {
    /// One that is still to be filled.
    pub(super) fn new(to: A) -> Self {
        Self {
            to,
            request: MessageType::new(0),
            uri: SmallBytes::new(),
            inner: Layer::new(),
            verified: false,
            id: SmallBytes::new(),
            unprompted: false,
            has_room: false,
            lease: 0,
            local: None,
        }
    }

    /// Lets go of what others share with it.
    pub(super) fn release(&mut self) {
        self.uri.clear();
        self.inner = Layer::new();
        self.id.clear();
    }
}

/// Sends a reply with `send`, or an `ERROR` in its place, and says what became of it.
pub(crate) fn send_or_replace<A>(
    address: &ReplyAddress<A>,
    answer: &Message,
    mut send: impl FnMut(&Message) -> Result<(), SendError>,
) -> Result<(), ReplyError> {
    let error = match send(answer) {
        Ok(()) => return Ok(()),
        Err(SendError::Closed(reason)) => return Err(ReplyError::Closed(reason)),
        Err(error) => error,
    };
    let mut substitutes = substitutes(address, &error).into_iter();
    Err(match substitutes.any(|it| send(&it).is_ok()) {
        true => ReplyError::Replaced(error),
        false => ReplyError::NotSent(error),
    })
}

/// What is sent in the place of a reply that cannot be, the better one first: a uri
/// may be so long that an `ERROR` has no room for a text beside it but a brief one, for none, or
/// none for the uri.
fn substitutes<A>(address: &ReplyAddress<A>, error: &SendError) -> [Message; 4] {
    let text = Bytes::from(format!("the reply could not be sent: {error}"));
    let brief = match error {
        SendError::Seal(SealError::BodyTooLong { .. } | SealError::DatagramTooLong { .. }) => {
            "too long"
        }
        _ => "not sent",
    };
    let uri = address.uri.to_bytes();
    [
        Message::error(uri.clone(), text.clone()),
        Message::error(uri.clone(), brief),
        Message::error(uri, Bytes::new()),
        Message::error(Bytes::new(), text),
    ]
}
