//! What is known of one call.

use alloc::sync::Arc;
use core::ops::{Deref, DerefMut};
use core::time::Duration;

use super::buffers::Buffer;
use super::reply::ReplyAddress;
use super::token::{AnyDropped, CallId, OwnToken, Token};
use crate::options::CallOptions;
use crate::place::Place;
use crate::sync::Ordering;

/// What is known of a call, which is from its beginning to its end whom the reply goes to. What
/// the node answers itself has one too, and no token.
#[derive(Debug)]
pub(crate) struct InFlight<A> {
    pub(super) address: ReplyAddress<A>,
    pub(super) token: Option<Arc<Token>>,
    /// What the last call had of it, for the next one: to count it anew takes a while.
    pub(super) spare: Option<OwnToken>,
    pub(super) buffer: Buffer,
    pub(super) options: CallOptions,
    pub(super) deadline: Option<Duration>,
}

impl<A> InFlight<A> {
    /// Whether it is the call that has this token.
    #[inline]
    pub(super) fn is_of(&self, token: &OwnToken) -> bool {
        self.token
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, &token.0))
    }

    /// The id of the call.
    pub(super) fn call_id(&self) -> CallId {
        let token = self.token.as_ref();
        CallId(token.map_or(0, |token| token.id.load(Ordering::Relaxed)))
    }

    /// A call's own token, which no other has; the last one where it can.
    #[inline]
    pub(super) fn own_token(&mut self, place: Place, dropped: &Arc<AnyDropped>) -> OwnToken {
        if self.token.as_ref().is_none_or(|token| token.place != place) {
            self.move_token(place);
        }
        let token = self
            .token
            .get_or_insert_with(|| Arc::new(Token::new(place, dropped.clone())));
        token.answered.store(false, Ordering::Relaxed);
        self.spare.take().unwrap_or_else(|| OwnToken(token.clone()))
    }

    /// Makes the token one of another place, where nobody else has it; else there is none.
    fn move_token(&mut self, place: Place) {
        self.spare = None;
        match self.token.as_mut().and_then(Arc::get_mut) {
            Some(token) => token.place = place,
            None => self.token = None,
        }
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
