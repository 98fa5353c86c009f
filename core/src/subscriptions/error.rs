//! Why a subscription is refused.

/// Why a subscription was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The link that leads there has ended, or is another node's.
    #[error("its connection has ended, or is another node's")]
    NotConnected,
    /// It is no [wildcard](crate::Wildcards::is_wildcard).
    #[error(
        "a wildcard has `*` for a segment or `**` for all that follows, and at most 16 segments"
    )]
    NoWildcard,
    /// The subscriber has [`Limits::subscriptions`](crate::Limits::subscriptions) already.
    #[error("{max} subscriptions of one connection already")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// There are as many keys as
    /// [`Limits::subscription_keys`](crate::Limits::subscription_keys) says.
    #[error("{max} subscription keys already")]
    TooManyKeys {
        /// The limit.
        max: usize,
    },
    /// The subscriptions would take more than
    /// [`Limits::subscription_bytes`](crate::Limits::subscription_bytes).
    #[error("the subscriptions would take more than {max} bytes")]
    TooManyBytes {
        /// The limit.
        max: usize,
    },
    /// All keys would be longer than
    /// [`Limits::subscription_key_bytes`](crate::Limits::subscription_key_bytes) together.
    #[error("all subscription keys would be longer than {max} bytes")]
    TooManyKeyBytes {
        /// The limit.
        max: usize,
    },
    /// The subscriber's keys would be longer than
    /// [`Limits::subscriber_key_bytes`](crate::Limits::subscriber_key_bytes)
    /// together.
    #[error("the keys of one connection would be longer than {max} bytes")]
    TooManyOwnBytes {
        /// The limit.
        max: usize,
    },
    /// The key is longer than
    /// [`Limits::subscription_key`](crate::Limits::subscription_key); or, as the uri of a
    /// message, it
    /// leaves no room for what layers add to it, so that its subscriber could be told
    /// nothing.
    #[error("a key of {len} bytes; at most {max} may be subscribed to")]
    KeyTooLong {
        /// The length of the key, in bytes.
        len: usize,
        /// The longest that a key may be, in bytes.
        max: usize,
    },
    /// There are [`Limits::subscribers`](crate::Limits::subscribers) already.
    #[error("{max} subscribers already")]
    TooManySubscribers {
        /// The limit.
        max: usize,
    },
    /// There are
    /// [`Limits::subscribers_per_address`](crate::Limits::subscribers_per_address) from
    /// this network already.
    #[error("{max} subscribers from this address already")]
    TooManyOfAddress {
        /// The limit.
        max: usize,
    },
}

impl SubscribeError {
    /// Whether others hold what is missing.
    pub(crate) fn is_shared(self) -> bool {
        matches!(
            self,
            Self::TooManyKeys { .. }
                | Self::TooManyKeyBytes { .. }
                | Self::TooManyBytes { .. }
                | Self::TooManySubscribers { .. }
        )
    }
}
