//! What became of a message for many.

/// What became of a message for many, by number of receivers: the four add up to all of
/// them.
///
/// It says what has happened by the time that it is returned. Of what is
/// [`queued`](Self::queued) some may be lost later; a [`Dropped`](crate::Dropped) event or
/// the reason of a close tells then. On a datagram socket a receiver that has not shown that it
/// receives at its address may be refused when its turn comes, for the budget of such ones
/// ([`Limits::unvalidated_burst`](crate::Limits::unvalidated_burst)): it counts as
/// [`queued`](Self::queued), never as [`dropped`](Self::dropped). A
/// [`Suppressed`](crate::DatagramEvent::Suppressed) event tells of it then, and the counter
/// [`unvalidated`](crate::DatagramCounters::unvalidated).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Receivers for which nothing else waits: it goes out next.
    pub sent: usize,
    /// Receivers for which it waits behind other bytes. A slow consumer's connection may be
    /// closed before its turn, or it may be dropped, as
    /// [`Limits::slow_consumer`](crate::Limits::slow_consumer) says.
    pub queued: usize,
    /// Receivers that will not get it and stay: it is the newest, where those are dropped;
    /// or the node on a datagram socket has too much to send.
    pub dropped: usize,
    /// Receivers that will not get it and go: slow consumers that are cut off for it, or
    /// were just before, and connections that have closed meanwhile.
    pub cut: usize,
}

/// What became of a message for one of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// Nothing else waits: it goes out next.
    Sent,
    /// It waits behind other bytes.
    Queued,
    /// It was dropped, and the receiver stays.
    Dropped,
    /// The receiver is cut off, or has gone.
    Cut,
}

impl Delivery {
    /// Counts so many more receivers.
    pub fn count(&mut self, receivers: usize, fate: Fate) {
        let counter = match fate {
            Fate::Sent => &mut self.sent,
            Fate::Queued => &mut self.queued,
            Fate::Dropped => &mut self.dropped,
            Fate::Cut => &mut self.cut,
        };
        *counter = counter.saturating_add(receivers);
    }

    /// Receivers that are to get it: those of [`sent`](Self::sent) and of
    /// [`queued`](Self::queued).
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.sent.saturating_add(self.queued)
    }

    /// Receivers that will not get it: those of [`dropped`](Self::dropped) and of
    /// [`cut`](Self::cut).
    #[must_use]
    pub fn lost(&self) -> usize {
        self.dropped.saturating_add(self.cut)
    }
}

impl Fate {
    /// That of a message behind so many bytes.
    pub(crate) fn behind(bytes: usize) -> Self {
        match bytes {
            0 => Self::Sent,
            _ => Self::Queued,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_receivers_are_counted_once() {
        let mut delivery = Delivery::default();
        for (receivers, fate) in [
            (1, Fate::behind(0)),
            (2, Fate::behind(1)),
            (4, Fate::Dropped),
            (8, Fate::Cut),
        ] {
            delivery.count(receivers, fate);
        }
        let Delivery {
            sent,
            queued,
            dropped,
            cut,
        } = delivery;
        assert_eq!([sent, queued, dropped, cut], [1, 2, 4, 8]);
        assert_eq!((delivery.accepted(), delivery.lost()), (3, 12));
    }
}
