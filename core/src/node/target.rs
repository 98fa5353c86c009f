//! What the keys of a node lead to.

/// What a key leads to.
#[derive(Clone, Debug)]
pub(super) enum Target<H> {
    Handler(H),
    /// The node's own management of peers.
    Peers,
}

impl<H> Target<H> {
    pub(super) fn into_handler(self) -> Option<H> {
        match self {
            Self::Handler(handler) => Some(handler),
            Self::Peers => None,
        }
    }
}
