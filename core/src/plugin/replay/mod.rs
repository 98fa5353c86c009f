//! Protection against messages that are sent again by somebody else.

mod log;
mod senders;
#[cfg(test)]
mod tests;
#[cfg(feature = "std")]
mod window;

use alloc::sync::Arc;

pub use self::log::ReplayLog;
#[cfg(feature = "aead")]
pub(in crate::plugin) use self::senders::Senders;
#[cfg(feature = "std")]
pub use self::window::ReplayWindow;

use crate::error::ReplayRefusal;
use crate::now::Now;
use crate::place::Place;

/// Remembers which messages passed, so that none passes twice: for
/// [`HmacAuth::with_replay_window`](super::HmacAuth::with_replay_window). With
/// `std` a `ReplayWindow` is one; without, a [`ReplayLog`] behind a lock of the
/// application's.
///
/// It gets messages whose MAC was verified, and no others: forged messages can
/// neither fill it nor make it forget any.
pub trait ReplayGuard: Send + Sync {
    /// Whether a message may pass; then it never may again. `mac` is the message's
    /// own MAC and `ts` its timestamp, Unix seconds as 32 bits. `from` is where it came
    /// from, where a link knows that: no sender should take all the room.
    ///
    /// A MAC depends on nonce, timestamp and body, so a message and its replay
    /// have the same and no other message has. A nonce alone does not identify a
    /// message: a sender may use one for two messages, and an outer and an inner
    /// layer share theirs.
    ///
    /// # Errors
    /// It may not pass, and why.
    fn admit(
        &self,
        mac: &[u8; 32],
        ts: u32,
        now: Now,
        from: Option<Place>,
    ) -> Result<(), ReplayRefusal>;
}

impl<G: ReplayGuard + ?Sized> ReplayGuard for Arc<G> {
    fn admit(
        &self,
        mac: &[u8; 32],
        ts: u32,
        now: Now,
        from: Option<Place>,
    ) -> Result<(), ReplayRefusal> {
        (**self).admit(mac, ts, now, from)
    }
}
