//! The options that the builders of servers, clients and nodes have in common, as their methods.

/// The options of servers, clients and UDP nodes.
macro_rules! common_options {
    () => {
        crate::registrations::handler_options!(setup.routes);
        crate::router::nesting_options!(setup.routes);

        /// Puts [`Middleware`](crate::Middleware) around all handlers, whenever they are
        /// registered, and around what answers messages without one.
        pub fn wrap(mut self, middleware: impl crate::Middleware) -> Self {
            let middleware = crate::handler::AnyMiddleware::new(middleware);
            self.setup.middleware.push(middleware);
            self
        }

        /// Authenticates every message with this plugin: the outer layer's.
        pub fn auth(mut self, plugin: impl AuthPlugin + 'static) -> Self {
            self.setup.set_outer(|layer| layer.with_auth(plugin));
            self
        }

        /// Encrypts every message with this plugin: the outer layer's.
        pub fn cipher(mut self, plugin: impl CipherPlugin + 'static) -> Self {
            self.setup.set_outer(|layer| layer.with_cipher(plugin));
            self
        }

        /// Sets the whole outer layer.
        pub fn outer(mut self, layer: Layer) -> Self {
            self.setup.set_outer(|_| layer);
            self
        }

        /// Sets the bounds on what remotes control.
        pub fn limits(mut self, limits: Limits) -> Self {
            self.setup.wire.limits = limits;
            self
        }

        /// Sets the time between two log lines of one kind that a remote can cause; 10 s
        /// unless set, and with zero all are written. One more is counted, and the next one
        /// that is written says how many were not.
        pub fn log_interval(mut self, interval: std::time::Duration) -> Self {
            self.setup.log_interval = interval;
            self
        }

        /// Sets the bounds of each stream of events: how many wait for one listener, and how
        /// many bytes of memory they keep where a remote decides how many they are, as it
        /// does of the data of peers; 4,096 and 4 MiB unless set. For more the oldest are
        /// dropped; the last one is kept, however long.
        pub fn event_queue(mut self, events: usize, bytes: usize) -> Self {
            self.setup.event_bounds = crate::bounded_queue::Bounds {
                items: events,
                bytes,
            };
            self
        }

        /// Measures how long handlers take, with what stands around them, and requests until they
        /// are answered, for [`Metrics`](crate::Metrics): two readings of the clock more for each.
        /// Not done unless called.
        pub fn measure_times(mut self) -> Self {
            self.setup.measured = true;
            self
        }

        /// Sets the message types that are known, custom ones included.
        pub fn types(mut self, types: MessageTypes) -> Self {
            self.setup.wire.types = types;
            self
        }

        /// Replaces the format of frames.
        pub fn codec(mut self, codec: Codec) -> Self {
            self.setup.wire.codec = codec;
            self
        }

        /// Lets every request carry a correlation id, or be an error: unless called, one
        /// carries none where there is no room, as where a plugin writes the field. With an
        /// id its answer may come in any order, and ends no other request when it is late. A
        /// plain netaio peer ignores the id, and answers in order.
        /// [`RequestBuilder::correlate`](crate::RequestBuilder::correlate) sets it for
        /// one request.
        pub fn correlate(mut self) -> Self {
            let correlation = std::mem::take(&mut self.setup.config.correlation);
            self.setup.config.correlation = correlation.with_requests(true);
            self
        }

        /// Sets which auth field carries correlation ids, whether requests carry one, and
        /// whether replies repeat it; they do unless set.
        pub fn correlation(mut self, correlation: netaio_core::Correlation) -> Self {
            self.setup.config.correlation = correlation;
            self
        }

        /// Replaces the keys that handlers are found by.
        pub fn keys(mut self, extract: KeyExtractor) -> Self {
            self.setup.keys = Some(extract);
            self
        }

        /// Takes requests that are longer than a frame, and answers them so, where a
        /// [`LongRequest`](crate::LongRequest) asks: the handlers are the same, unless they have
        /// an inner layer. [`Limits::long_content`](netaio_core::Limits::long_content) and those that
        /// follow it bound what is held. Off unless called.
        pub fn long_requests(mut self) -> Self {
            self.setup.long_requests = true;
            self
        }

        /// Sets how long handlers may run, and whether they do when their asker is gone; to
        /// their end, as netaio's, unless set. One that is cancelled is dropped where it
        /// waits, and where it took too long its asker gets an `ERROR`.
        pub fn call_options(mut self, options: netaio_core::CallOptions) -> Self {
            self.setup.config.calls = options;
            self
        }

        /// Shares a value with the handlers that take a
        /// [`State`](crate::State) of its type.
        pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
            self.setup.states.insert(value);
            self
        }

        /// Sets the clock, for simulations and replays; the system's unless set. The
        /// runtime's timers have to follow it.
        pub fn clock(mut self, clock: impl crate::clock::Clock) -> Self {
            self.setup.sources.time = crate::clock::Time::of(clock);
            self
        }

        /// Draws every nonce from this seed, so that a run can be repeated to the
        /// byte. For tests and replays only: to those who know the seed, or have seen
        /// an earlier run, ciphers protect nothing. Unless set, the operating system seeds
        /// a generator for each connection.
        ///
        /// The generators are ChaCha with 12 rounds. A connection draws from the
        /// stream of its number, counted from 0 as connections are made, and a
        /// UDP node from stream 0. Stream `u64::MAX` is for messages that are sealed
        /// once for many, stream `u64::MAX - 1` for the jitter of reconnecting, stream
        /// `u64::MAX - 2` for the node's own random numbers.
        pub fn predictable_nonces(mut self, seed: [u8; 32]) -> Self {
            self.setup.sources.seeds = crate::random::Seeds::known(seed);
            self
        }
    };
}

/// The options of servers and clients.
macro_rules! connection_options {
    () => {
        /// The number of handlers that run concurrently on one connection; 1 unless
        /// set. Only those of messages with a correlation id do: their senders take
        /// answers in any order (see `correlate`).
        ///
        /// A message without an id, as a plain netaio peer sends them, is handled after
        /// all before it and before all behind it, so that the order of answers is
        /// kept. [`Limits::handlers`] bounds the handlers of all connections together.
        ///
        /// A handler that asks its own asker, whose handler asks back over the same connection, waits
        /// for itself where one alone may run, until a timeout.
        pub fn concurrent_handlers(mut self, max: usize) -> Self {
            self.setup.concurrent_handlers = Some(max);
            self
        }

        /// When a TCP connection is given up whose remote is silent, since the path there is
        /// dead; `None` leaves that to the system, which may never notice.
        /// [`Keepalive::new`](crate::Keepalive::new), 55 s, unless set.
        ///
        /// It is set on every connection that is made or accepted, and on streams that are
        /// handed over where they are the runtime's own TCP sockets. What is inside of
        /// another stream, TLS say, the application sets before it hands that over:
        /// `transport::keep_alive` of the runtime's crate.
        pub fn keepalive(mut self, keepalive: impl Into<Option<crate::Keepalive>>) -> Self {
            self.setup.keepalive = keepalive.into();
            self
        }
    };
}

/// The options of servers and UDP nodes.
macro_rules! answering_options {
    () => {
        /// Answers messages that have no handler; unless set, netaio's answer is
        /// a `NOT_FOUND` that names no uri.
        pub fn default_handler<M: 'static>(mut self, handler: impl Handler<M>) -> Self {
            self.setup.unrouted = Unrouted::Handler(AnyHandler::new(handler));
            self
        }

        /// Sets what answers a message that fails an auth check; unless set, the
        /// plugin's own error message does.
        pub fn auth_error(mut self, reply: AuthErrorReply) -> Self {
            self.setup.config.auth_error = reply;
            self
        }

        /// Sets what makes the error message for a text: netaio's `make_error_msg`.
        pub fn error_message(mut self, make: fn(&str) -> Message) -> Self {
            self.setup.config.make_error = make;
            self
        }
    };
}

/// The options of peers.
macro_rules! peer_options {
    () => {
        /// Sets the local peer: netaio's `local_peer`.
        pub fn local_peer(mut self, peer: Peer) -> Self {
            self.setup.local_peer = Some(peer);
            self
        }

        /// Replaces how peers and their data are packed.
        pub fn peer_plugin(mut self, plugin: impl PeerPlugin + 'static) -> Self {
            self.setup.peer_plugin = Arc::new(plugin);
            self
        }

        /// Manages peers from the start; see `manage_peers` of what is built.
        /// Several app ids may be managed at once.
        pub fn manage_peers(mut self, config: ManagementConfig) -> Self {
            self.setup.management.push(config);
            self
        }
    };
}

pub(crate) use {answering_options, common_options, connection_options, peer_options};
