//! What a link that is drained still handles.

use alloc::boxed::Box;
use core::time::Duration;

/// Which frames were received before the link was drained. Few links are: they have it on the
/// heap.
#[derive(Debug, Default)]
pub(super) struct Intake(Option<Box<Ended>>);

#[derive(Debug)]
struct Ended {
    /// Bytes that were received before, and are not handled.
    before: usize,
    /// There was nothing left to do, and nothing was received since.
    looked: bool,
    /// When it ends at the latest, once there was nothing left to do.
    until: Option<Duration>,
}

impl Intake {
    /// How long a remote that goes on sending is refused, once there is nothing left to do.
    const REFUSING: Duration = Duration::from_secs(1);

    /// Says that the link is drained, with so many bytes that are not handled.
    pub(super) fn end(&mut self, unhandled: usize) {
        self.0.get_or_insert_with(|| {
            Box::new(Ended {
                before: unhandled,
                looked: false,
                until: None,
            })
        });
    }

    /// Notes that a frame is taken, and says whether it was not all there before.
    pub(super) fn is_late(&mut self, bytes: usize) -> bool {
        let Some(Ended { before, .. }) = self.0.as_deref_mut() else {
            return false;
        };
        let late = bytes > *before;
        *before = match late {
            true => 0,
            false => before.saturating_sub(bytes),
        };
        late
    }

    /// Whether the link is drained.
    pub(super) fn has_ended(&self) -> bool {
        self.0.is_some()
    }

    /// Says that bytes were received.
    pub(super) fn received(&mut self) {
        if let Some(ended) = &mut self.0 {
            ended.looked = false;
        }
    }

    /// Says that there is nothing left to do but to look for what was received meanwhile, and
    /// whether that was said before and nothing was; or a remote that never stops has sent
    /// for long enough.
    pub(super) fn look(&mut self, now: Duration) -> bool {
        let Some(ended) = &mut self.0 else {
            return false;
        };
        let until = now.saturating_add(Self::REFUSING);
        let until = *ended.until.get_or_insert(until);
        core::mem::replace(&mut ended.looked, true) || now >= until
    }

    /// Whether the link ends unless bytes are received.
    pub(super) fn looks(&self) -> bool {
        self.0.as_ref().is_some_and(|ended| ended.looked)
    }
}
