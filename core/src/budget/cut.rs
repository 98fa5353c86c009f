//! Which links are closed where all of them hold too much.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::account::{Account, Cut};
use super::{Budget, Pressure};
use crate::limits::Limits;
use crate::place::LinkId;
use crate::sync::Ordering;

/// A link that may be closed.
struct Candidate<'a> {
    /// Who has more goes first.
    rank: (usize, LinkId),
    /// Bytes that are free once it is closed.
    bytes: usize,
    link: LinkId,
    account: &'a Account,
}

impl Budget {
    /// Marks the links that are to be closed, so that no more is held than may be.
    ///
    /// Where too much is received, those whose remotes read no answers and so keep their own
    /// requests waiting, for nothing else makes them let go; then those whose frames are not
    /// complete, the oldest first: of strangers, and past three quarters of what may be held
    /// of anybody. Where too much waits to be written, those with the most of it, and never
    /// those with less than half of what a link has on the average.
    pub(crate) fn cut<'a>(
        &self,
        pressure: Pressure,
        links: impl Iterator<Item = (LinkId, &'a Arc<Account>)> + Clone,
    ) -> Vec<LinkId> {
        let mut marked = Vec::new();
        let links = links.filter(|(_, account)| account.cut().is_none());
        if pressure.inbound {
            self.cut_inbound(links.clone(), &mut marked);
        }
        if pressure.outbound {
            self.cut_outbound(links, &mut marked);
        }
        marked
    }

    fn cut_inbound<'a>(
        &self,
        links: impl Iterator<Item = (LinkId, &'a Arc<Account>)> + Clone,
        marked: &mut Vec<LinkId>,
    ) {
        let all = links.clone().map(|(_, account)| account.held().inbound);
        let all = all.fold(0_usize, usize::saturating_add);
        let candidates = |rank: &dyn Fn(&Account) -> Option<usize>| {
            let candidates = links.clone().filter_map(|(link, account)| {
                Some(Candidate {
                    rank: (rank(account)?, link),
                    bytes: account.held().inbound,
                    link,
                    account,
                })
            });
            candidates.collect::<Vec<_>>()
        };
        let slow = candidates(&|account| {
            let held = account.held();
            let may_go = held.inbound > 0 && held.queued >= Limits::HIGH_WATER;
            may_go.then_some(held.inbound)
        });
        let mut all = mark(all, self.inbound.alarm, slow, Cut::Slow, marked);
        let unfinished = |verified: bool| {
            candidates(&|account| {
                let may_go = account.is_verified() == verified && account.cut().is_none();
                let number = account.unfinished().filter(|_| may_go)?;
                Some(usize::MAX.wrapping_sub(number))
            })
        };
        // Some more than have to, or the next frame of many would have all compared again.
        let slack = self.inbound.max / 32;
        for (level, verified) in [(self.inbound.alarm, false), (self.inbound.high(), true)] {
            if all > level {
                let few = level.saturating_sub(slack);
                all = mark(all, few, unfinished(verified), Cut::NoRoom, marked);
            }
        }
    }

    fn cut_outbound<'a>(
        &self,
        links: impl Iterator<Item = (LinkId, &'a Arc<Account>)>,
        marked: &mut Vec<LinkId>,
    ) {
        let mut all = self.shared.load(Ordering::SeqCst);
        let largest = links.map(|(link, account)| {
            let bytes = account.outbound().max(account.queued());
            all = all.saturating_add(account.outbound());
            Candidate {
                rank: (bytes, link),
                bytes,
                link,
                account,
            }
        });
        let mut largest = largest.collect::<Vec<_>>();
        // Who holds little is not slow, and would free next to nothing: those who hold at least
        // half of the mean hold half of everything.
        let sum = largest.iter().map(|candidate| candidate.bytes);
        let sum = sum.fold(0_usize, usize::saturating_add);
        let little = sum
            .checked_div(largest.len().saturating_mul(2))
            .unwrap_or(0);
        largest.retain(|candidate| candidate.bytes > 0 && candidate.bytes >= little);
        // Several may hold the same frames, which are not free when one of them is closed:
        // each time that was not enough, four times as much is to go.
        let cuts = self.cuts.fetch_add(1, Ordering::Relaxed);
        let cuts = u32::try_from(cuts).unwrap_or(u32::MAX);
        let excess = all.saturating_sub(self.outbound.alarm);
        let factor = 4_usize.saturating_pow(cuts);
        mark(excess.saturating_mul(factor), 0, largest, Cut::Slow, marked);
    }
}

/// Marks links, those with the highest rank first, until no more than `max` bytes are held
/// by all that are not marked; returns how many those are.
fn mark(
    mut all: usize,
    max: usize,
    mut candidates: Vec<Candidate<'_>>,
    cut: Cut,
    marked: &mut Vec<LinkId>,
) -> usize {
    candidates.sort_unstable_by_key(|candidate| candidate.rank);
    while all > max
        && let Some(Candidate {
            bytes,
            link,
            account,
            ..
        }) = candidates.pop()
    {
        all = all.saturating_sub(bytes);
        account.set_cut(cut);
        marked.push(link);
    }
    all
}
