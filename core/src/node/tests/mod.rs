//! What the links of a node share.

mod budgets;
mod crowd;
mod peers;
mod routing;

use alloc::vec::Vec;

use super::Node;
use crate::calls::Call;
use crate::config::LinkConfig;
use crate::error::CloseReason;
use crate::limits::Limits;
use crate::link::{Link, LinkEvent};
use crate::message::{Message, types};
use crate::now::Now;
use crate::options::{RequestOptions, SendOptions};
use crate::plugin::{HmacAuth, Layer, Sha256StreamCipher};
use crate::shared::Unrouted;
use crate::testing::*;

/// What a link says until it has nothing to do.
fn poll(link: &mut Link, node: &mut Node<u8>, now: Now) -> Vec<LinkEvent<u8>> {
    let mut events = Vec::new();
    loop {
        events.extend(core::iter::from_fn(|| link.poll(now, node)));
        if !link.wants_poll() {
            return events;
        }
    }
}

/// The calls among what a link says.
fn calls(link: &mut Link, node: &mut Node<u8>) -> Vec<Call> {
    let events = poll(link, node, NOON).into_iter();
    let calls = events.filter_map(|event| match event {
        LinkEvent::Call { call, .. } => Some(call),
        _ => None,
    });
    calls.collect()
}

/// The reason for which a link was closed, by the last thing that it said.
fn close_reason(events: &[LinkEvent<u8>]) -> Option<&CloseReason> {
    match events.last() {
        Some(LinkEvent::Closed(reason)) => Some(reason),
        _ => None,
    }
}

/// What a link writes, all of it at once.
fn written(link: &mut Link) -> Vec<u8> {
    let (mut all, mut out) = (Vec::new(), Vec::new());
    while link.poll_outbound(&mut out) {
        all.extend_from_slice(&out);
    }
    all
}
