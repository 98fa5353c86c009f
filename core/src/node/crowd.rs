//! Which links close for others, where there are as many as may be.

use alloc::collections::BTreeMap;
use core::ops::Bound;

use super::member::Member;
use crate::budget::Cut;
use crate::error::TooManyLinks;
use crate::hashes::HashMap;
use crate::limits::Limits;
use crate::network::Network;
use crate::place::{LinkId, Place};

/// Where links come from, and which of them are to close.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// The links of each network, where their number is limited.
    networks: HashMap<Network, usize>,
    /// The links before this one have brought a valid message or are to close: that
    /// stays as it is.
    looked_at: LinkId,
    /// Links that are to close, and are not closed.
    closing: usize,
}

impl Crowd {
    /// The most links that may be to close for others at one time.
    const CLOSING: usize = 64;

    /// Makes room for one more link from an address, and returns the link that is to close
    /// for it, if one is.
    pub(super) fn make_room(
        &mut self,
        links: &BTreeMap<LinkId, Member>,
        network: Option<Network>,
        limits: &Limits,
    ) -> Result<Option<LinkId>, TooManyLinks> {
        if let Some(max) = limits.connections_per_address()
            && let Some(network) = network
            && self
                .networks
                .get(&network)
                .is_some_and(|links| *links >= max)
        {
            return Err(TooManyLinks::OfAddress { max });
        }
        let max = limits.connections();
        if links.len().saturating_sub(self.closing) < max {
            return Ok(None);
        }
        let full = TooManyLinks::InAll { max };
        if self.closing >= Self::CLOSING {
            return Err(full);
        }
        let (link, member) = self.oldest_silent(links).ok_or(full)?;
        member.account.set_cut(Cut::Displaced);
        self.closing = self.closing.saturating_add(1);
        Ok(Some(link))
    }

    /// The oldest link that was accepted and has brought no valid message.
    fn oldest_silent<'a>(
        &mut self,
        links: &'a BTreeMap<LinkId, Member>,
    ) -> Option<(LinkId, &'a Member)> {
        let mut since = links.range((Bound::Included(self.looked_at), Bound::Unbounded));
        let silent = since.find(|(_, member)| {
            let account = &member.account;
            member.accepted && !account.is_verified() && !account.is_displaced()
        });
        self.looked_at = match silent {
            Some((link, _)) => *link,
            None => links
                .last_key_value()
                .map_or(self.looked_at, |(link, _)| *link),
        };
        silent.map(|(link, member)| (*link, member))
    }

    /// Notes that there is one link more.
    pub(super) fn joined(&mut self, place: Place, limits: &Limits) {
        if limits.connections_per_address().is_some()
            && let Some(network) = place.network()
        {
            let links = self.networks.entry(network).or_default();
            *links = links.saturating_add(1);
        }
    }

    /// Notes that a link is closed.
    pub(super) fn left(&mut self, member: &Member) {
        if member.account.is_displaced() {
            self.closing = self.closing.saturating_sub(1);
        }
        if let Some(address) = member.account.remote()
            && let network = Network::of(address.ip())
            && let Some(links) = self.networks.get_mut(&network)
        {
            *links = links.saturating_sub(1);
            if *links == 0 {
                self.networks.remove(&network);
            }
        }
    }
}
