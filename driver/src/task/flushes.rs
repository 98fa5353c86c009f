//! Those who wait until what is queued is written.

use futures_channel::oneshot;

/// Who waits, and how many bytes are to be written before.
#[derive(Default)]
pub(super) struct Flushes(Vec<(usize, oneshot::Sender<()>)>);

impl Flushes {
    pub(super) fn push(&mut self, bytes: usize, done: oneshot::Sender<()>) {
        self.0.push((bytes, done));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So many bytes were written.
    pub(super) fn written(&mut self, count: usize) {
        for (bytes, _) in &mut self.0 {
            *bytes = bytes.saturating_sub(count);
        }
    }

    /// Tells those whose bytes are written; all, where nothing is `queued`: what may be dropped
    /// may have been.
    pub(super) fn settle(&mut self, queued: usize) {
        self.0.retain_mut(|(bytes, done)| {
            if *bytes > 0 && queued > 0 {
                return !done.is_canceled();
            }
            let (nobody, _) = oneshot::channel();
            // Whoever waits may have been dropped.
            let _ = std::mem::replace(done, nobody).send(());
            false
        });
    }
}
