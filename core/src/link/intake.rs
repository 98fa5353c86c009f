//! What a link that is drained still handles.

/// Which frames were received before the link was drained.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// Bytes that were, and are not handled; `None` before it is drained.
    before: Option<usize>,
}

impl Intake {
    /// Says that the link is drained, with so many bytes that are not handled.
    pub(super) fn end(&mut self, unhandled: usize) {
        self.before.get_or_insert(unhandled);
    }

    /// Notes that a frame is taken, and says whether it was not all there before.
    pub(super) fn is_late(&mut self, bytes: usize) -> bool {
        let Some(before) = &mut self.before else {
            return false;
        };
        let late = bytes > *before;
        *before = match late {
            true => 0,
            false => before.saturating_sub(bytes),
        };
        late
    }

    /// Whether all that comes now is late.
    pub(super) fn is_over(&self) -> bool {
        self.before == Some(0)
    }
}
