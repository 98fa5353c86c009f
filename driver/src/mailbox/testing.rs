//! Whose mailbox it is.

use chacha20::ChaCha12Rng;
use netaio_core::{Limits, Link, LinkConfig, Node, Now};
use rand_core::SeedableRng;

pub(super) fn node(limits: &Limits) -> Node<()> {
    Node::for_streams(LinkConfig::new().with_limits(limits.clone()))
}

pub(super) fn link(node: &mut Node<()>) -> Link {
    let rng = Box::new(ChaCha12Rng::from_seed([0; 32]));
    node.accept(Now::default(), None, rng).unwrap()
}
