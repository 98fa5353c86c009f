//! What is known of one call.

use alloc::sync::Arc;
use core::ops::{Deref, DerefMut};
use core::time::Duration;

use super::buffers::Buffer;
use super::reply::ReplyAddress;
use super::token::{AnyDropped, CallId, Token};
use crate::options::CallOptions;
use crate::place::Place;
use crate::sync::Ordering;

/// What is known of a call, which is from its beginning to its end whom the reply goes to. What
/// the node answers itself has one too, and no token.
#[derive(Debug)]
pub(crate) struct InFlight<A> {
    pub(super) address: ReplyAddress<A>,
    pub(super) token: Option<Arc<Token>>,
    pub(super) buffer: Buffer,
    pub(super) options: CallOptions,
    pub(super) deadline: Option<Duration>,
}

impl<A> InFlight<A> {
    /// Whether it is the call that has this token.
    #[inline]
    pub(super) fn is_of(&self, token: &Arc<Token>) -> bool {
        self.token
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, token))
    }

    /// The id of the call.
    pub(super) fn call_id(&self) -> CallId {
        let token = self.token.as_ref();
        CallId(token.map_or(0, |token| token.id.load(Ordering::Relaxed)))
    }

    /// A token that no other call has; its last one where it can.
    #[inline]
    pub(super) fn token(&mut self, place: Place, dropped: &Arc<AnyDropped>) -> &Arc<Token> {
        let usable = self.token.as_mut().is_some_and(|token| {
            token.answered.store(false, Ordering::Relaxed);
            token.place == place
                || Arc::get_mut(token)
                    .map(|token| token.place = place)
                    .is_some()
        });
        if !usable {
            self.token = None;
        }
        self.token
            .get_or_insert_with(|| Arc::new(Token::new(place, dropped.clone())))
    }
}

impl<A> Deref for InFlight<A> {
    type Target = ReplyAddress<A>;

    #[inline]
    fn deref(&self) -> &ReplyAddress<A> {
        &self.address
    }
}

impl<A> DerefMut for InFlight<A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut ReplyAddress<A> {
        &mut self.address
    }
}
