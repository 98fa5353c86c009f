//! Who has shown that it receives at its address, and what is sent to those who have not.

use alloc::collections::{BTreeMap, VecDeque};
use core::net::SocketAddr;
use core::time::Duration;

use rand_core::CryptoRng;

use super::unvalidated::UnvalidatedBudget;
use crate::cookies::{CookieKey, Field};
use crate::limits::Limits;
use crate::now::Now;

/// The cookies of a link: those that it gives, and those that it is to repeat.
#[derive(Debug)]
pub(super) struct Validation {
    /// Drawn for the first cookie that is given: a link that gives none draws no more than
    /// nonces.
    key: Option<CookieKey>,
    pub(super) budget: UnvalidatedBudget,
    validated: Recent<()>,
    to_repeat: Recent<Cookie>,
}

/// A cookie of another node's.
#[derive(Clone, Copy)]
struct Cookie(Field);

impl core::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Cookie(..)")
    }
}

impl Validation {
    /// For how long an address that has repeated a cookie has no budget, and for how long one
    /// that was given is repeated.
    const LIFETIME: Duration = Duration::from_secs(60);

    /// For how long a cookie that is repeated again is not looked at.
    const YOUNG: Duration = Duration::from_secs(30);

    pub(super) fn new(limits: &Limits) -> Self {
        let max = limits.unverified_senders();
        Self {
            key: None,
            budget: UnvalidatedBudget::new(limits),
            validated: Recent::new(max),
            to_repeat: Recent::new(max),
        }
    }

    /// Takes a cookie that was repeated from an address. One of this link's own lifts the
    /// budgets of that address.
    pub(super) fn repeated(&mut self, now: Now, from: SocketAddr, cookie: &[u8]) {
        let is_fresh = self.validated.is_young(now.monotonic, from);
        let key = self.key.as_ref().filter(|_| !is_fresh);
        if key.is_some_and(|key| key.made(now, cookie, from)) {
            self.validated.insert(now.monotonic, from, ());
        }
    }

    /// Whether an address has shown that it receives.
    pub(super) fn is_validated(&self, now: Now, address: SocketAddr) -> bool {
        self.validated.get(now.monotonic, address).is_some()
    }

    /// A cookie for an address.
    pub(super) fn give(
        &mut self,
        now: Now,
        to: SocketAddr,
        instead_of_an_answer: bool,
        rng: &mut dyn CryptoRng,
    ) -> Option<Field> {
        let key = self.key.get_or_insert_with(|| CookieKey::new(rng));
        Field::give(&key.make(now, to), instead_of_an_answer)
    }

    /// Notes a cookie that an address gave, for the next message that goes there.
    pub(super) fn given(&mut self, now: Now, by: SocketAddr, cookie: &[u8]) {
        if let Some(field) = Field::repeat(cookie) {
            self.to_repeat.insert(now.monotonic, by, Cookie(field));
        }
    }

    /// The cookie that the next message to an address repeats. It is repeated once.
    pub(super) fn take_to_repeat(&mut self, now: Now, to: SocketAddr) -> Option<Field> {
        let Cookie(field) = self.to_repeat.take(now.monotonic, to)?;
        Some(field)
    }
}

/// Something of each of a number of addresses, for a while. The oldest make room.
#[derive(Debug)]
struct Recent<T> {
    entries: BTreeMap<SocketAddr, (Duration, T)>,
    /// The times at which they came, in order. An entry that was taken or came again is older
    /// here than it is.
    order: VecDeque<(Duration, SocketAddr)>,
    max: usize,
}

impl<T> Recent<T> {
    fn new(max: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            order: VecDeque::new(),
            max,
        }
    }

    fn get(&self, now: Duration, address: SocketAddr) -> Option<&T> {
        let (at, value) = self.entries.get(&address)?;
        // The clock may have gone back.
        let age = now.checked_sub(*at)?;
        (age < Validation::LIFETIME).then_some(value)
    }

    /// Whether it came a short time ago.
    fn is_young(&self, now: Duration, address: SocketAddr) -> bool {
        let entry = self.entries.get(&address);
        let age = entry.and_then(|(at, _)| now.checked_sub(*at));
        age.is_some_and(|age| age < Validation::YOUNG)
    }

    fn take(&mut self, now: Duration, address: SocketAddr) -> Option<T> {
        if self.entries.is_empty() {
            return None;
        }
        self.get(now, address)?;
        self.entries.remove(&address).map(|(_, value)| value)
    }

    fn insert(&mut self, now: Duration, address: SocketAddr, value: T) {
        self.entries.insert(address, (now, value));
        self.order.push_back((now, address));
        // As many at most, and of those that came again or were taken as many more.
        let most = self.max.saturating_mul(2);
        while let Some((at, oldest)) = self.order.front().copied() {
            let old = now.saturating_sub(at) >= Validation::LIFETIME;
            if !old && self.entries.len() <= self.max && self.order.len() <= most {
                break;
            }
            self.order.pop_front();
            let entry = self.entries.get(&oldest);
            if entry.is_some_and(|(came, _)| *came == at) {
                self.entries.remove(&oldest);
            }
        }
    }
}
