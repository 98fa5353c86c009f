//! The key of the MAC of a link's next message, made beside the check of a message before it.

use core::cell::{RefCell, RefMut};
use core::fmt;

use super::secret::{SecretBytes, SecretName, Wiped};
use super::sha256::{IV_LEN, LEN};

/// A nonce that is drawn before its message is there, and its key.
///
/// A key takes three compressions of SHA-256, each of which waits for the one before. Two keys do not
/// wait for each other and take little longer than one: with the key of a message that is checked, that
/// of the next message to be sealed is made. There is one at most, so what is received while nothing is
/// sent costs no more.
#[derive(Default)]
pub(crate) struct Ahead(RefCell<Next>);

#[derive(Default)]
pub(super) struct Next {
    /// That of the plugin which drew the nonce.
    secret: SecretName,
    state: State,
    /// Messages are checked where this is: else no key is made, and no nonce is needed.
    has_checks: bool,
    pub(super) nonce: [u8; IV_LEN],
    pub(super) key: Wiped<LEN>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Used,
    /// There is a nonce, and no key.
    Drawn,
    Made,
}

impl Next {
    fn is_of(&self, secret: &SecretBytes) -> bool {
        secret.has_name(&self.secret)
    }
}

impl Ahead {
    /// What is there for this secret, in this state.
    fn find(&self, secret: &SecretBytes, state: State) -> Option<RefMut<'_, Next>> {
        let next = self.0.try_borrow_mut().ok()?;
        (next.is_of(secret) && next.state == state).then_some(next)
    }

    /// A nonce whose key is made, once: the key is written where the caller wants it.
    #[inline]
    pub(super) fn take(&self, secret: &SecretBytes, key: &mut [u8; LEN]) -> Option<[u8; IV_LEN]> {
        let mut next = self.find(secret, State::Made)?;
        next.state = State::Used;
        *key = *next.key;
        next.key = Wiped::default();
        Some(next.nonce)
    }

    /// Draws the nonce of the message after the one that is sealed, unless one is there.
    #[inline]
    pub(super) fn draw(&self, secret: &SecretBytes, draw: impl FnOnce(&mut [u8; IV_LEN])) {
        let Ok(mut next) = self.0.try_borrow_mut() else {
            return;
        };
        if !next.has_checks {
            return;
        }
        if !next.is_of(secret) {
            *next = Next {
                secret: secret.name(),
                has_checks: true,
                ..Next::default()
            };
        }
        if next.state == State::Used {
            draw(&mut next.nonce);
            next.state = State::Drawn;
        }
    }

    /// Where a message is checked: a nonce whose key is to be made now.
    #[inline]
    pub(super) fn make(&self, secret: &SecretBytes) -> Option<RefMut<'_, Next>> {
        self.0.try_borrow_mut().ok()?.has_checks = true;
        let mut next = self.find(secret, State::Drawn)?;
        next.state = State::Made;
        Some(next)
    }
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead").finish_non_exhaustive()
    }
}
