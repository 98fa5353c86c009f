//! Subscriptions at other nodes that are renewed.

use alloc::collections::BTreeMap;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use crate::limits::Limits;
use crate::message::{Lease, Message, types};
use crate::now::Now;
use crate::options::RequestOptions;
use crate::requests::RequestId;

/// Where a subscription is, and to what.
pub(super) type Key = (SocketAddr, Bytes);

/// The subscriptions of this node that were granted for a time, and those that it has asked
/// for. The tables are ordered: what is in them depends on remotes.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    granted: BTreeMap<Key, Granted>,
    /// Requests whose answers may grant something.
    asked: BTreeMap<RequestId, Asked>,
    /// Bytes of what is asked in both.
    bytes: usize,
    /// When the next of them is due.
    first: Option<Duration>,
}

/// A subscription that has a lease.
#[derive(Debug)]
struct Granted {
    ask: Ask,
    lease: Duration,
    /// When it ends unless it is renewed.
    until: Duration,
    /// When it is to be renewed next.
    due: Duration,
    /// The request that renews it.
    renewing: Option<RequestId>,
    /// It was told that the subscription may be gone.
    told: bool,
}

/// What is asked, and how.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) message: Message,
    pub(super) options: RequestOptions,
}

#[derive(Debug)]
struct Asked {
    key: Key,
    since: Duration,
    /// What the application has asked; none where a subscription is renewed.
    ask: Option<Ask>,
}

/// What the end of a request means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The application's request has ended.
    Application,
    /// One that was to renew a subscription has.
    Renewal,
    /// The same, and the subscription may be gone.
    Lapsed(Key),
    /// The same, and the subscription is there again that may have been gone.
    Resubscribed(Key),
}

impl Renewals {
    /// A lease is renewed when this part of it is over.
    const PART: u32 = 3;
    /// A request that renews it waits this part of it for an answer, and then another one is
    /// sent.
    const WAIT: u32 = 6;

    /// Whether one more subscription can be kept: as many as a node takes from one address,
    /// with as many bytes.
    pub(super) fn has_room(&self, message: &Message, limits: &Limits) -> bool {
        let count = self.granted.len().saturating_add(self.asked.len());
        let bytes = self.bytes.saturating_add(bytes(message));
        count < limits.subscriptions() && bytes <= limits.subscriber_key_bytes()
    }

    /// Notes that the application asks for a subscription.
    pub(super) fn ask(
        &mut self,
        now: Now,
        request: RequestId,
        to: SocketAddr,
        message: &Message,
        options: &RequestOptions,
    ) {
        // A copy: a slice of something else would keep all of that alive.
        let message = Message {
            uri: Bytes::copy_from_slice(&message.uri),
            content: Bytes::copy_from_slice(&message.content),
            auth: message.auth.clone().into_owned(),
            ..*message
        };
        self.bytes = self.bytes.saturating_add(bytes(&message));
        let options = options.clone();
        let asked = Asked {
            key: (to, message.uri.clone()),
            since: now.monotonic,
            ask: Some(Ask { message, options }),
        };
        self.asked.insert(request, asked);
    }

    /// The application gave a request up.
    pub(super) fn cancel(&mut self, request: RequestId) {
        self.take(request);
    }

    /// Renews a subscription no more, and returns the request that was to.
    pub(super) fn end(&mut self, to: SocketAddr, uri: &Bytes) -> Option<RequestId> {
        if self.granted.is_empty() {
            return None;
        }
        let request = self.remove(&(to, uri.clone()))?.renewing?;
        self.take(request);
        Some(request)
    }

    /// Renews nothing any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// When the next subscription is to be renewed.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.first
    }

    /// The next subscription that is to be renewed by now, and what is to be sent for it. It
    /// is due again a little later.
    pub(super) fn next_due(&mut self, now: Duration) -> Option<(Key, Ask)> {
        self.first.filter(|first| *first <= now)?;
        let mut all = self.granted.iter_mut();
        let due = all.find(|(_, granted)| granted.renewing.is_none() && granted.due <= now);
        let due = due.map(|(key, granted)| {
            let wait = granted.lease.checked_div(Self::WAIT).unwrap_or_default();
            let wait = wait.min(RequestOptions::DEFAULT_TIMEOUT);
            granted.due = now.saturating_add(wait);
            let mut ask = granted.ask.clone();
            ask.options = ask.options.with_timeout(wait);
            (key.clone(), ask)
        });
        self.update();
        due
    }

    /// A request was sent that is to renew a subscription.
    pub(super) fn sent(&mut self, now: Now, key: Key, request: RequestId) {
        if let Some(granted) = self.granted.get_mut(&key) {
            granted.renewing = Some(request);
            let since = now.monotonic;
            let ask = None;
            self.asked.insert(request, Asked { key, since, ask });
            self.update();
        }
    }

    /// A request was answered.
    pub(super) fn answered(&mut self, now: Now, request: RequestId, answer: &Message) -> Outcome {
        let Some(Asked { key, since, ask }) = self.take(request) else {
            return Outcome::Application;
        };
        let confirmed = answer.message_type == types::CONFIRM_SUBSCRIBE;
        let lease = Lease::of(answer).filter(|_| confirmed);
        let Some(ask) = ask else {
            return match (lease, self.granted.get_mut(&key)) {
                (Some(lease), Some(granted)) => {
                    let was_told = granted.told;
                    granted.grant(now, since, lease);
                    self.update();
                    match was_told {
                        true => Outcome::Resubscribed(key),
                        false => Outcome::Renewal,
                    }
                }
                (None, Some(_)) if !confirmed => self.not_renewed(now, key, true),
                // A server that grants no leases confirms it until it is ended.
                _ => match self.remove(&key) {
                    Some(granted) if granted.told => Outcome::Resubscribed(key),
                    _ => Outcome::Renewal,
                },
            };
        };
        if confirmed {
            self.remove(&key);
        }
        if let Some(lease) = lease {
            self.bytes = self.bytes.saturating_add(bytes(&ask.message));
            let mut granted = Granted {
                ask,
                lease,
                until: since,
                due: since,
                renewing: None,
                told: false,
            };
            granted.grant(now, since, lease);
            self.granted.insert(key, granted);
            self.update();
        }
        Outcome::Application
    }

    /// A request ended without an answer.
    pub(super) fn failed(&mut self, now: Now, request: RequestId) -> Outcome {
        match self.take(request) {
            Some(Asked { key, ask: None, .. }) => self.not_renewed(now, key, false),
            _ => Outcome::Application,
        }
    }

    /// It is asked for again, soon or, where that was refused, when it would have been renewed.
    fn not_renewed(&mut self, now: Now, key: Key, refused: bool) -> Outcome {
        let Some(granted) = self.granted.get_mut(&key) else {
            return Outcome::Renewal;
        };
        granted.renewing = None;
        if refused {
            granted.due = now.deadline(granted.third());
        }
        let lapsed = refused || granted.until <= now.monotonic;
        let tell = lapsed && !granted.told;
        granted.told |= lapsed;
        self.update();
        match tell {
            true => Outcome::Lapsed(key),
            false => Outcome::Renewal,
        }
    }

    fn take(&mut self, request: RequestId) -> Option<Asked> {
        if self.asked.is_empty() {
            return None;
        }
        let asked = self.asked.remove(&request)?;
        let held = asked.ask.as_ref().map_or(0, |ask| bytes(&ask.message));
        self.bytes = self.bytes.saturating_sub(held);
        Some(asked)
    }

    fn remove(&mut self, key: &Key) -> Option<Granted> {
        let granted = self.granted.remove(key)?;
        self.bytes = self.bytes.saturating_sub(bytes(&granted.ask.message));
        self.update();
        Some(granted)
    }

    fn update(&mut self) {
        let all = self.granted.values();
        let idle = all.filter(|granted| granted.renewing.is_none());
        self.first = idle.map(|granted| granted.due).min();
    }
}

impl Granted {
    /// It is granted from when it was asked for.
    fn grant(&mut self, now: Now, since: Duration, lease: Duration) {
        self.lease = lease;
        self.until = since.saturating_add(lease);
        self.due = now.deadline(self.third());
        self.renewing = None;
        self.told = false;
    }

    fn third(&self) -> Duration {
        self.lease.checked_div(Renewals::PART).unwrap_or_default()
    }
}

/// Bytes that are kept of a message.
fn bytes(message: &Message) -> usize {
    message.uri.len().saturating_add(message.content.len())
}
