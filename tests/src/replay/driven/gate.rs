//! Gates that handlers wait at.

use async_channel::{Receiver, Sender, bounded};

/// A gate that is shut until it is opened, for good.
#[derive(Clone)]
pub(super) struct Gate {
    sender: Sender<()>,
    receiver: Receiver<()>,
}

impl Default for Gate {
    fn default() -> Self {
        let (sender, receiver) = bounded(1);
        Self { sender, receiver }
    }
}

impl Gate {
    pub(super) fn open(&self) {
        self.sender.close();
    }

    pub(super) async fn pass(&self) {
        // Nothing is ever sent: it ends when it is opened.
        let _ = self.receiver.recv().await;
    }
}
