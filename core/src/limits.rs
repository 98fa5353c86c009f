//! Every bound on what a remote side controls.

use core::time::Duration;

use crate::packify::DecodeLimits;

/// The bounds of a [`Link`](crate::Link), of what links share, and of those who
/// own them.
///
/// The defaults suit a server on the open network. Each setter takes effect
/// alone and refuses a value that could not work. The methods are grouped by what
/// they limit, and each group says who enforces it.
///
/// ```
/// use netaio_core::Limits;
/// use std::time::Duration;
///
/// let limits = Limits::default()
///     .with_body(1 << 20)?
///     .with_idle_timeout(Some(Duration::from_secs(300)))?;
/// assert_eq!(limits.body(), 1 << 20);
/// assert!(limits.with_frame_timeout(Duration::ZERO).is_err());
/// # Ok::<(), netaio_core::LimitsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    // Frames.
    auth_section: usize,
    body: usize,
    packify: DecodeLimits,

    // One connection.
    frame_timeout: Duration,
    auth_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    failures: usize,
    pending_requests: usize,
    outbound_queue: usize,
    backlog: usize,
    backlog_time: Duration,
    publish_wait: Duration,
    slow_consumer: SlowConsumerPolicy,

    // Subscriptions.
    subscriptions: usize,
    subscription_key: usize,
    subscriber_key_bytes: usize,
    subscription_keys: usize,
    subscription_key_bytes: usize,
    subscription_bytes: usize,
    subscribers: usize,
    subscribers_per_address: Option<usize>,
    subscription_lease: Duration,

    // Peers.
    peers: usize,
    peers_per_address: Option<usize>,
    peer_addresses: usize,
    peer_data: usize,

    // Replies to unverified senders.
    unverified_replies_per_ip: usize,
    unverified_replies: usize,
    amplification: usize,
    unverified_senders: usize,
    unvalidated_burst: usize,
    unvalidated_rate: usize,
    unvalidated_total: usize,

    // Contents longer than a frame.
    long_content: usize,
    long_total: usize,
    long_requests: usize,
    long_window: usize,
    long_silence: Duration,

    // All connections of a node.
    connections: usize,
    connections_per_address: Option<usize>,
    handlers: usize,
    abandoned_handlers: Option<usize>,
    handlers_per_connection: usize,
    frames_per_turn: usize,
    inbound_total: usize,
    outbound_total: usize,
    shutdown_grace: Duration,
}

/// What becomes of a remote that reads too slowly, and of what waits for it: the
/// slow-consumer policy.
///
/// Only what it did not ask for is ever dropped: frames that are
/// [forwarded](crate::Link::forward) and messages that it is
/// [notified](crate::Link::notify) of. What is dropped is counted in an
/// [event](crate::LinkEvent::Dropped).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowConsumerPolicy {
    /// The connection is closed, so that nothing is lost unnoticed.
    #[default]
    Disconnect,
    /// Those that have waited longest are dropped: for what is out of date once
    /// there is something newer.
    DropOldest,
    /// Those that come last are dropped: for what makes no sense without what was
    /// before it.
    DropNewest,
}

/// A limit that could not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limit {name}: {problem}")]
pub struct LimitsError {
    name: &'static str,
    problem: &'static str,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            auth_section: 8 * 1024,
            body: 65_535,
            packify: DecodeLimits::DEFAULT,
            frame_timeout: Duration::from_secs(10),
            auth_timeout: None,
            idle_timeout: None,
            write_timeout: Some(Duration::from_secs(50)),
            failures: 8,
            pending_requests: 1024,
            outbound_queue: 32 * 1024 * 1024,
            backlog: 8 * 1024 * 1024,
            backlog_time: Duration::from_secs(60),
            publish_wait: Duration::from_secs(1),
            slow_consumer: SlowConsumerPolicy::Disconnect,
            subscriptions: 1024,
            subscription_key: 4 * 1024,
            subscriber_key_bytes: 1024 * 1024,
            subscription_keys: 65_536,
            subscription_key_bytes: 16 * 1024 * 1024,
            subscription_bytes: 32 * 1024 * 1024,
            subscribers: 65_536,
            subscribers_per_address: None,
            subscription_lease: Duration::from_secs(3600),
            peers: 4096,
            peers_per_address: None,
            peer_addresses: 4,
            peer_data: 8 * 1024,
            unverified_replies_per_ip: 10,
            unverified_replies: 1000,
            amplification: 3,
            unverified_senders: 8192,
            unvalidated_burst: 4 * 1024 * 1024,
            unvalidated_rate: 1024 * 1024,
            unvalidated_total: 64 * 1024 * 1024,
            long_content: 16 * 1024 * 1024,
            long_total: 32 * 1024 * 1024,
            long_requests: 1024,
            long_window: 1024 * 1024,
            long_silence: Duration::from_secs(60),
            connections: 10_000,
            connections_per_address: None,
            handlers: 1024,
            abandoned_handlers: None,
            handlers_per_connection: 1,
            frames_per_turn: 64,
            inbound_total: 64 * 1024 * 1024,
            outbound_total: 256 * 1024 * 1024,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident, $with:ident: $type:ty, $refused:expr, $problem:literal;)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(&self) -> $type {
                self.$name
            }

            #[doc = concat!("Sets [`", stringify!($name), "`](Self::", stringify!($name), ").")]
            ///
            /// # Errors
            #[doc = concat!("The value: ", $problem, ".")]
            pub fn $with(mut self, value: $type) -> Result<Self, LimitsError> {
                let refused: fn(&$type) -> bool = $refused;
                if refused(&value) {
                    return Err(LimitsError { name: stringify!($name), problem: $problem });
                }
                self.$name = value;
                Ok(self)
            }
        )*
    };
}

/// # Frames
///
/// Enforced by every [`Link`](crate::Link) and
/// [`DatagramLink`](crate::DatagramLink) on what is received, before it is
/// buffered or decoded.
impl Limits {
    /// Queued bytes past which a server handles no further requests of a connection: a
    /// remote that does not read its answers is not asked what else it wants.
    pub const HIGH_WATER: usize = 64 * 1024;

    limits! {
        /// Bytes of a received frame's auth section; 8 KiB. A longer one closes
        /// the connection (drops the datagram) before it is buffered. netaio's
        /// header can announce 65,535.
        auth_section, with_auth_section: usize, |v| *v < 3, "an auth section has at least 3 bytes";

        /// Bytes of a received frame's body section; 65,535, the most that
        /// netaio's header can announce. A longer one closes the connection
        /// (drops the datagram) before it is buffered.
        body, with_body: usize, |v| *v < 2, "a body section has at least 2 bytes";

        /// Depth and number of items of packify values from outside; 32 and
        /// 1,024. A value past them is malformed.
        packify, with_packify: DecodeLimits, |v| v.depth == 0 || v.depth > 128 || v.items == 0,
            "depth must be 1 to 128 and items at least 1";
    }
}

/// # One connection
///
/// Enforced by its [`Link`](crate::Link): the times to wait for the remote, what
/// may wait to be written to it, and what it may do wrong. The bytes that wait to be
/// written, and the requests, are limited by a
/// [`DatagramLink`](crate::DatagramLink) too, for all its remotes together.
impl Limits {
    /// The time over which [`failures`](Self::failures) are counted.
    pub const FAILURE_WINDOW: Duration = Duration::from_secs(60);

    limits! {
        /// The time from a frame's first byte to its last; 10 s. A slower one
        /// closes the connection.
        frame_timeout, with_frame_timeout: Duration, Duration::is_zero, "must not be zero";

        /// The time to the first message that passes the outer layer; none.
        /// Past it the connection is closed.
        auth_timeout, with_auth_timeout: Option<Duration>, |v| *v == Some(Duration::ZERO),
            "must not be zero";

        /// The time without a byte received, or taken of what was written; none (the
        /// drivers turn TCP keepalive on). Past it the connection is closed.
        ///
        /// It rests while this side runs handlers for the remote, and while it does not
        /// read for its own sake. Where it does not read because the remote takes nothing of
        /// what was handed out to be written, it goes on.
        ///
        /// It does not rest while a client waits for an answer: past it the request fails
        /// with [`CloseReason::Idle`](crate::CloseReason::Idle). A client's must be longer
        /// than its slowest request.
        idle_timeout, with_idle_timeout: Option<Duration>, |v| *v == Some(Duration::ZERO),
            "must not be zero";

        /// The time in which a remote takes something of what is written to it; 50 s, which is
        /// before the drivers' keepalive takes the path for dead. Past it a server closes the
        /// connection at once, however little waits. A client waits for its server for as long
        /// as the transport does.
        write_timeout, with_write_timeout: Option<Duration>, |v| *v == Some(Duration::ZERO),
            "must not be zero";

        /// Frames with a bad checksum or a failed check that one connection may
        /// send within [`FAILURE_WINDOW`](Self::FAILURE_WINDOW); 8. The next one
        /// closes it.
        failures, with_failures: usize, |v| *v > 1024, "at most 1,024 are remembered";

        /// Requests of one connection that wait for their answers; 1,024. One
        /// more waits for a place, within its timeout, unless it is to
        /// [fail fast](crate::RequestOptions::fail_fast); where those that wait for one hold
        /// [`outbound_queue`](Self::outbound_queue) bytes, it is an error at once. Those that timed out or were cancelled do not count; as
        /// many of them may have a place kept where their answers are to be
        /// ([`Correlation`](crate::Correlation)), and past that the oldest give way.
        pending_requests, with_pending_requests: usize, |v| *v == 0, "must be at least 1";

        /// Bytes waiting to be written to one connection; 32 MiB. A send past it
        /// is an error to the sender; an answer past it closes the connection,
        /// whose remote does not read; a notification past it is up to the
        /// [policy](Self::slow_consumer). Before a connection is closed for it, it is to have
        /// had [a turn](crate::FlowControl) to write some of them, so that a burst alone
        /// closes none; for so long as many bytes again may wait. Over datagrams as many bytes
        /// more may be held by what is published: each frame once, and each list of addresses
        /// once, however many publications share it. One more is refused.
        ///
        /// It is at least 132,096 (129 KiB): the longest frame of netaio's format has
        /// 131,079 bytes, a header of 9 and two sections of 65,535.
        outbound_queue, with_outbound_queue: usize, |v| *v < 132_096,
            "must hold at least one frame of the largest size";

        /// Bytes that may wait to be written to one connection for longer than
        /// [`backlog_time`](Self::backlog_time); 8 MiB. Past it the
        /// [policy](Self::slow_consumer) applies. A client waits for its server
        /// for as long as the transport does: what waits there is its own.
        ///
        /// What is not more may wait as long as the remote takes some of it within each
        /// [`write_timeout`](Self::write_timeout). A server does not read from a connection
        /// for which [`HIGH_WATER`](Self::HIGH_WATER) bytes (64 KiB) wait, so that a remote
        /// that asks and takes nothing never gets to 8 MiB.
        ///
        /// Who has as much waiting has no [room](crate::Link::has_room): a publisher that
        /// can wait does, for [`publish_wait`](Self::publish_wait).
        backlog, with_backlog: usize, |_| false, "any number works";

        /// For how long more than the [`backlog`](Self::backlog) may wait; 60 s.
        backlog_time, with_backlog_time: Duration, |_| false, "any duration works";

        /// For how long a publisher that can wait does so for receivers without
        /// [room](crate::Link::has_room); 1 s. Then the message is queued for them as for
        /// the others, and nobody waits for them again before they have room: one that
        /// never reads delays others once. Zero waits for nobody. Enforced by drivers.
        publish_wait, with_publish_wait: Duration, |_| false, "any duration works";

        /// What becomes of a connection whose remote reads too slowly;
        /// [`Disconnect`](SlowConsumerPolicy::Disconnect).
        slow_consumer, with_slow_consumer: SlowConsumerPolicy, |_| false, "any policy works";
    }
}

/// # Contents longer than a frame
///
/// Enforced by an [`Inbox`](crate::parts::Inbox), of which a node has one where it takes
/// them at all.
impl Limits {
    limits! {
        /// Bytes of one content that comes in parts, and of one answer that goes so; 16 MiB. A
        /// longer one is refused before it comes, unless its handler takes a stream, and a longer
        /// answer is an `ERROR`.
        long_content, with_long_content: usize, |_| false, "any number works";

        /// Bytes of all of them together, those whose handlers run and answers that are not
        /// fetched among them, and what is kept of each request; 32 MiB, and never more than half of
        /// [`inbound_total`](Self::inbound_total), in which they count. One asker may have as many
        /// as there are still free for others. Past it, and where with what connections hold
        /// three quarters of `inbound_total` would be passed, a part is refused, and what had
        /// come of its content is forgotten.
        long_total, with_long_total: usize, |_| false, "any number works";

        /// Requests that are remembered, until their answers were fetched; 1,024. One asker may
        /// have as many as there are still free for others. One more is refused.
        long_requests, with_long_requests: usize, |_| false, "any number works";

        /// Bytes of one content that may come beyond those that came without a gap or, where its
        /// handler takes a stream, beyond those that it has taken; 1 MiB. So many may be on
        /// their way at once: what a path takes in a round trip wants as much. Over datagrams,
        /// whose senders nothing slows down, no more than 112 KiB.
        long_window, with_long_window: usize, |v| *v == 0, "must be at least 1";

        /// For how long a request is remembered of which nothing comes, and an answer that nobody
        /// fetches; 60 s.
        long_silence, with_long_silence: Duration, Duration::is_zero, "must not be zero";
    }
}

/// # Subscriptions
///
/// Enforced by [`Subscriptions`](crate::Subscriptions), of which a node has one.
impl Limits {
    limits! {
        /// Subscriptions of one connection, or of one address; 1,024. One more is an error
        /// to the application that asks for it.
        subscriptions, with_subscriptions: usize, |v| *v == 0, "must be at least 1";

        /// Bytes of one key; 4 KiB. A longer one is an error to the application that
        /// asks for it. A uri may be longer, but then nobody can be subscribed to it.
        subscription_key, with_subscription_key: usize, |v| *v == 0, "must be at least 1";

        /// Bytes of all keys that one connection, or one address, is subscribed to, each
        /// as long as it is; 1 MiB. One more is an error to the application that asks
        /// for it.
        subscriber_key_bytes, with_subscriber_key_bytes: usize, |v| *v == 0,
            "must be at least 1";

        /// Keys that somebody is subscribed to; 65,536. One more is an error to
        /// the application that asks for it.
        subscription_keys, with_subscription_keys: usize, |v| *v == 0, "must be at least 1";

        /// Bytes of all keys together, each counted once however many are subscribed to
        /// it; 16 MiB. A new key past it is an error to the application that asks for it;
        /// to those that there are others may subscribe.
        subscription_key_bytes, with_subscription_key_bytes: usize, |v| *v == 0,
            "must be at least 1";

        /// Bytes that all subscriptions take, by
        /// [`Subscriptions::bytes`](crate::Subscriptions::bytes): the keys, and the tables
        /// of keys and subscribers; 32 MiB. A subscription past it is an error to the
        /// application that asks for it.
        subscription_bytes, with_subscription_bytes: usize, |v| *v < 132_096,
            "must hold at least one key of the largest size";

        /// Connections, or addresses, that are subscribed to something; 65,536.
        /// One more is an error to the application that asks for it.
        ///
        /// Over datagrams an address that was forged can be subscribed: it is kept until it
        /// unsubscribes, or leaves as a peer or is removed, or its [lease](crate::Lease) runs
        /// out, and each publication is
        /// sent to it, within [`unvalidated_burst`](Self::unvalidated_burst). Where this limit,
        /// that of [keys](Self::subscription_keys) or one of their bytes is reached, and the
        /// unverified addresses of one [network](crate::Network) take more than an eighth of
        /// [`subscription_bytes`](Self::subscription_bytes), the oldest of them gives way to
        /// a newcomer from elsewhere, with all its subscriptions. To one that something
        /// vouches for, as an auth plugin or a cookie, the newest unverified one does in any
        /// case.
        subscribers, with_subscribers: usize, |v| *v == 0, "must be at least 1";

        /// Addresses of one [network](crate::Network), which is an IPv4 address or a /64
        /// of IPv6, that are subscribed over datagrams; no limit. One more is an error to
        /// the application that asks for it. Many may share an address. Over streams
        /// [`connections_per_address`](Self::connections_per_address) is the limit.
        subscribers_per_address, with_subscribers_per_address: Option<usize>,
            |v| *v == Some(0), "must be at least 1";

        /// The longest time for which a subscription over datagrams is granted that asks for a
        /// [lease](crate::Lease); an hour. One that asks for more is granted this. One that asks
        /// for none, as netaio's do, lasts until it is ended.
        subscription_lease, with_subscription_lease: Duration, |v| v.as_secs() == 0,
            "must be at least a second";
    }
}

/// # Peers
///
/// Enforced by [`PeerTable`](crate::PeerTable) and [`Discovery`](crate::Discovery), of
/// which a node has one.
impl Limits {
    limits! {
        /// Peers that are known, and changes of them that nobody has
        /// [taken](crate::Node::poll_event); 4,096. One more peer is refused, unless one
        /// gives way that nothing vouches for:
        ///
        /// - to one whose introduction passed an auth plugin, or that the application
        ///   adds, the one of those that was silent for the longest time;
        /// - to any other, the one that was silent for the longest time in the
        ///   [network](crate::Network) that has the most of those, if these are more than
        ///   an eighth of all that may be, and more than the newcomer's network has. So
        ///   nobody fills the table from one address, and introductions from many forged
        ///   addresses displace nobody.
        ///
        /// A peer whose introduction passed an auth plugin gives way to nobody while it is
        /// alive.
        peers, with_peers: usize, |v| *v == 0, "must be at least 1";

        /// Peers from one [network](crate::Network), which is an IPv4 address or a /64 of
        /// IPv6, as they were first heard; no limit. One more is refused. Many may share an
        /// address.
        peers_per_address, with_peers_per_address: Option<usize>, |v| *v == Some(0),
            "must be at least 1";

        /// Addresses that one peer is heard from; 4. One more is refused.
        peer_addresses, with_peer_addresses: usize, |v| *v == 0, "must be at least 1";

        /// Bytes of a peer's data, and of its id; 8 KiB. A peer with more is
        /// refused.
        peer_data, with_peer_data: usize, |v| *v == 0, "must be at least 1";
    }
}

/// # Addresses that may be forged
///
/// Enforced by a [`DatagramLink`](crate::DatagramLink). Anybody can write any sender into a
/// datagram, or send a recorded one again, with its MAC, from there. Whoever repeats a
/// [cookie](crate::LinkConfig::cookies) has shown that it receives at its address, and has no
/// budget for a minute. The first three are those of the [`ReplyBudget`](crate::ReplyBudget).
impl Limits {
    limits! {
        /// Answers a second that a node over datagrams makes by itself to one IP
        /// address (or IPv6 network of 64 bits) that has not shown that it receives: errors,
        /// the default handler's and `PEER_DISCOVERED`, to messages with a MAC too, and
        /// never a handler's own; 10, and as many at once. One more is not sent, and
        /// counted.
        unverified_replies_per_ip, with_unverified_replies_per_ip: usize, |_| false,
            "any number works";

        /// Such answers a second to all addresses together; 1,000, and as many at
        /// once. One more is not sent, and counted.
        unverified_replies, with_unverified_replies: usize, |_| false, "any number works";

        /// Bytes of such answers for each byte that came from the same address;
        /// 3. What would be more is not sent, and counted.
        amplification, with_amplification: usize, |_| false, "any number works";

        /// Addresses whose share of such answers is remembered, for 10 seconds; and, each
        /// counted for itself, addresses with a share of `unvalidated_burst`, those that
        /// have repeated a cookie, and nodes whose cookie is to be repeated; 8,192. One more
        /// gets no answer, nor a handler, but may be asked for a cookie; of the last two the
        /// oldest is forgotten.
        unverified_senders, with_unverified_senders: usize, |v| *v == 0, "must be at least 1";

        /// Bytes that are sent at once to one IP address (or IPv6 network of 64 bits) that
        /// has not shown that it receives, as what handlers answer and as notifications,
        /// whoever vouches for what came from there; 4 MiB. Past it no handler is called for
        /// what comes from there. Its sender gets an `ERROR` of a few bytes with a cookie, and
        /// a node of this implementation asks again by itself. Notifications are not sent,
        /// and counted.
        ///
        /// What the application [sends](crate::DatagramLink::send) or
        /// [asks](crate::DatagramLink::request) by itself is not counted, nor is what goes to
        /// a multicast group.
        unvalidated_burst, with_unvalidated_burst: usize, |_| false, "any number works";

        /// Bytes a second that such an address has from then on; 1 MiB.
        unvalidated_rate, with_unvalidated_rate: usize, |_| false, "any number works";

        /// Bytes a second that all such addresses have together, and as many at once;
        /// 64 MiB.
        unvalidated_total, with_unvalidated_total: usize, |_| false, "any number works";
    }
}

/// # All connections of a node
///
/// Enforced by a [`Hub`](crate::Hub), a [`DatagramHub`](crate::DatagramHub) and the
/// drivers. Where links are driven apart, their [`Node`](crate::Node) counts connections,
/// and the links count with it what they hold together; those that drive them give each
/// link its turn.
impl Limits {
    limits! {
        /// Connections of one server; 10,000. For one more, the oldest closes from which no
        /// valid message has come, with [`CloseReason::Displaced`](crate::CloseReason):
        /// none that passed the outer layer, or where that is empty, none at all. Where
        /// there is no such connection, one more is an error of
        /// [`Hub::accept`](crate::Hub::accept); the drivers close it at once.
        ///
        /// Those that close for others count until they are closed; while there are 64 of
        /// them, one more is an error too.
        connections, with_connections: usize, |v| *v == 0, "must be at least 1";

        /// Connections from one [network](crate::Network), which is an IPv4 address or a
        /// /64 of IPv6; no limit. One more is an error, as with
        /// [`connections`](Self::connections). Many may share an address.
        connections_per_address, with_connections_per_address: Option<usize>,
            |v| *v == Some(0), "must be at least 1";

        /// Handlers that run at the same time in one server; 1,024. Past the
        /// limit connections are not read from.
        handlers, with_handlers: usize, |v| *v == 0, "must be at least 1";

        /// Handlers that run on although their askers have closed their connections or lost
        /// them, in one server, besides [`handlers`](Self::handlers); `None`, the default, is
        /// as many as those. One more is
        /// [cancelled](crate::CancelReason::NoRoom). Where the asker has only ended its sending
        /// side, it first keeps its place among the others, for
        /// [`shutdown_grace`](Self::shutdown_grace). What they were called with counts in
        /// [`inbound_total`](Self::inbound_total) until they end.
        abandoned_handlers, with_abandoned_handlers: Option<usize>, |_| false,
            "any number works";

        /// Handlers that run at the same time on one connection; 1, so that its
        /// answers keep the order of its requests. More run only for requests
        /// that carry a [correlation id](crate::Correlation), whose answers may
        /// come in any order. Past the limit the connection is not read from.
        handlers_per_connection, with_handlers_per_connection: usize, |v| *v == 0,
            "must be at least 1";

        /// Frames of one connection that are handled before others have their
        /// turn; 64.
        frames_per_turn, with_frames_per_turn: usize, |v| *v == 0, "must be at least 1";

        /// Memory of what was received and is not yet handled, in bytes, of all connections
        /// of one server or client together, contents that are
        /// [longer than a frame](Self::long_total) included; 64 MiB.
        ///
        /// Past half of it, connections whose remotes do not read their answers, and so
        /// keep their own requests waiting, are closed; then those with a frame that is
        /// not complete, the oldest first, of remotes that never sent a valid message.
        /// Past three quarters of it, of all remotes. What cannot be had back so, whole
        /// messages whose handlers run or that wait for theirs, fills the rest: then
        /// connections that hold more than an equal share are not read from, strangers
        /// past three quarters, others past seven eighths, so that there is always room
        /// for small messages; past all of it none is read from. Their frame timeouts go
        /// on. It is at least 132,096, as [`outbound_queue`](Self::outbound_queue) is.
        inbound_total, with_inbound_total: usize, |v| *v < 132_096,
            "must hold at least one frame of the largest size";

        /// Memory of what waits to be written to all connections of one server or client
        /// together, in bytes; 256 MiB. Past three quarters of it the connections are closed
        /// for which the most bytes wait: the rest is for what goes meanwhile. Frames that
        /// connections [share](crate::SharedFrame) count once. It is at least 132,096, as
        /// [`outbound_queue`](Self::outbound_queue) is.
        ///
        /// Over datagrams it is the most bytes that publications may still have to send:
        /// length times receivers, with some 50 bytes more for each receiver. One more is
        /// refused, as is a single one that is longer than that.
        outbound_total, with_outbound_total: usize, |v| *v < 132_096,
            "must hold at least one frame of the largest size";

        /// The time that a connection's end waits for running handlers, and then again
        /// for unwritten answers; 10 s. What is not done by then is given up. Once all is
        /// written the remote's own end is waited for: 1 s or this, whichever is shorter,
        /// and no longer than what is left of the time for writing.
        ///
        /// The grace that is given to [`Link::drain`](crate::Link::drain) is another: it
        /// is for what was received and for the handlers. Where they need longer the link
        /// is cut off. Where they are done in time, writing follows with the time that is
        /// set here, so that both together may take the sum.
        shutdown_grace, with_shutdown_grace: Duration, |_| false, "any duration works";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_at_once() {
        let limits = Limits::default();
        assert!(limits.clone().with_body(1).is_err());
        assert!(limits.clone().with_frames_per_turn(0).is_err());
        assert!(
            limits
                .clone()
                .with_idle_timeout(Some(Duration::ZERO))
                .is_err()
        );
        assert!(limits.clone().with_outbound_queue(1000).is_err());
        let error = limits.with_pending_requests(0).unwrap_err();
        assert_eq!(
            alloc::format!("{error}"),
            "limit pending_requests: must be at least 1"
        );
    }
}
