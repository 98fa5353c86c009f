//! Commands of the node, which both hubs pass on.

/// The methods of a hub with a `node` and the time of its last input, `now`.
macro_rules! node_commands {
    () => {
        /// Registers a handler for a key; see [`Node::on`](crate::Node::on). `inner` is the
        /// [`Layer`](crate::Layer) that messages must pass to reach it, or `None`.
        ///
        /// # Errors
        /// As [`Node::on`](crate::Node::on).
        pub fn on(
            &mut self,
            key: impl Into<crate::routes::Key>,
            handler: H,
            inner: impl Into<Option<crate::plugin::Layer>>,
        ) -> Result<Option<H>, crate::routes::RouteError> {
            let inner = inner.into().unwrap_or_default();
            self.node.on(key, handler, inner)
        }

        /// Says what becomes of messages that have no handler, such as a client's
        /// notifications; see [`Node::set_unrouted`](crate::Node::set_unrouted).
        pub fn set_unrouted(&mut self, unrouted: crate::shared::Unrouted<H>) {
            self.node.set_unrouted(unrouted);
        }

        /// Says who this node is, and manages peers from here on.
        ///
        /// Over datagrams it advertises itself to the group, lists those that do, and
        /// drops those that fall silent, with their subscriptions. Over streams, for
        /// which [`ManagementConfig::for_streams`](crate::ManagementConfig::for_streams)
        /// is, those at the other ends of links that are made from here on are told of
        /// it, and are peers as long as they are connected.
        ///
        /// # Errors
        /// As [`Node::manage_peers`](crate::Node::manage_peers); the local peer is as
        /// before then.
        pub fn manage_peers(
            &mut self,
            now: Now,
            local: crate::plugin::Peer,
            config: crate::peers::ManagementConfig,
        ) -> Result<(), crate::node::PeerManagementError> {
            self.now = now;
            self.node.manage_peers_as(now, local, config)
        }

        /// Subscribes and unsubscribes by itself whoever asks for it; see
        /// [`Node::serve_subscriptions`](crate::Node::serve_subscriptions). What they get
        /// is sent by [`publish`](Self::publish); `PUBLISH_URI` of a remote is left to a
        /// handler.
        ///
        /// Over datagrams a sender's address is proved by nothing but an auth plugin:
        /// without one in the outer layer, addresses that were forged can be subscribed,
        /// are kept until they unsubscribe, leave as peers or are removed, and are sent
        /// each publication. Subscribe peers only, in a handler, where there is none.
        ///
        /// # Errors
        /// As [`Node::on`](crate::Node::on).
        pub fn serve_subscriptions(
            &mut self,
            inner: impl Into<Option<crate::plugin::Layer>>,
        ) -> Result<(), crate::error::LayerError> {
            let inner = inner.into().unwrap_or_default();
            self.node.serve_subscriptions(inner)
        }

        /// Subscribes whoever made a call to a key, and returns the answer to reply with:
        /// `CONFIRM_SUBSCRIBE`, or an `ERROR` where a limit is reached or the key is too
        /// long for a confirmation.
        #[must_use = "it is the answer to the call"]
        pub fn subscribe(&mut self, call: &Call, key: &Bytes) -> Message {
            self.node.answer_subscribe(key, call.place())
        }

        /// Takes the subscription of whoever made a call back, and returns the answer to
        /// reply with: `CONFIRM_UNSUBSCRIBE`, whether there was one or not.
        #[must_use = "it is the answer to the call"]
        pub fn unsubscribe(&mut self, call: &Call, key: &Bytes) -> Message {
            self.node.answer_unsubscribe(key, call.place())
        }

        /// Sends `NOTIFY_URI` with a content to the subscribers of a uri; sealed once for
        /// all of them.
        ///
        /// # Errors
        /// As [`notify`](Self::notify).
        pub fn publish(
            &mut self,
            now: Now,
            uri: impl Into<Bytes>,
            content: impl Into<Bytes>,
        ) -> Result<Delivery, SealError> {
            let message = Message::notify(uri, content);
            let key = message.uri.clone();
            self.notify(now, &key, &message, &SendOptions::new())
        }
    };
}

pub(super) use node_commands;
