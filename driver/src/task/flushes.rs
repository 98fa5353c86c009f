//! Those who wait until what is queued is written.

use futures_channel::oneshot;

/// Who waits, and how many bytes are to be written before. As a rule nobody does.
#[derive(Default)]
pub(super) struct Flushes(Option<Box<Waiting>>);

#[derive(Default)]
struct Waiting(Vec<(usize, oneshot::Sender<()>)>);

impl Flushes {
    pub(super) fn push(&mut self, bytes: usize, done: oneshot::Sender<()>) {
        self.0.get_or_insert_default().0.push((bytes, done));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// So many bytes were written.
    pub(super) fn written(&mut self, count: usize) {
        if let Some(waiting) = &mut self.0 {
            for (bytes, _) in &mut waiting.0 {
                *bytes = bytes.saturating_sub(count);
            }
        }
    }

    /// Tells those whose bytes are written; all, where nothing is `queued`: what may be dropped
    /// may have been.
    pub(super) fn settle(&mut self, queued: usize) {
        let Some(waiting) = &mut self.0 else {
            return;
        };
        waiting.0.retain_mut(|(bytes, done)| {
            if *bytes > 0 && queued > 0 {
                return !done.is_canceled();
            }
            let (nobody, _) = oneshot::channel();
            // Whoever waits may have been dropped.
            let _ = std::mem::replace(done, nobody).send(());
            false
        });
        if waiting.0.is_empty() {
            self.0 = None;
        }
    }
}
