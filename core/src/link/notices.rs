//! What has happened on a link, until it is polled.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::event::Notice;

/// What has happened besides messages and answers. Little does: as a rule there is no queue.
#[derive(Debug, Default)]
#[expect(
    clippy::box_collection,
    reason = "an empty queue is four times as large as the place of one"
)]
pub(super) struct Notices(Option<Box<VecDeque<Notice>>>);

impl Notices {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn push_back(&mut self, notice: Notice) {
        self.0.get_or_insert_default().push_back(notice);
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<Notice> {
        let notices = self.0.as_mut()?;
        let first = notices.pop_front();
        if notices.is_empty() {
            self.0 = None;
        }
        first
    }
}
