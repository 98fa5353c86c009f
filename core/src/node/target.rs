//! What the keys of a node lead to.

/// What a key leads to.
#[derive(Clone, Debug)]
pub(super) enum Target<H> {
    Handler(H),
    /// The node itself: its management of peers, and of subscriptions.
    Node,
}

impl<H> Target<H> {
    pub(super) fn into_handler(self) -> Option<H> {
        match self {
            Self::Handler(handler) => Some(handler),
            Self::Node => None,
        }
    }
}
