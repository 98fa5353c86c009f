//! Lists of connections that messages for many go to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use netaio_core::{Delivery, Fate, Pressure, SendError};

use crate::connection::Connection;
use crate::logging::limited;
use crate::mailbox::{Pushed, Run, Stretch, Urgent};
use crate::options::Omitted;
use crate::sync::{Mutex, lock};

/// Connections that get the same messages. It is kept as long as they are the same.
#[derive(Default)]
pub(crate) struct Receivers {
    connections: Vec<Connection>,
    /// The set of plugins that the first of them omits; if there is none, the default.
    omitted: Omitted,
    /// Other sets that some omit, each once.
    others: Vec<Omitted>,
    /// The short frames that they get, for as many as are worth it.
    run: Mutex<Option<Arc<Run>>>,
    /// When the last message was queued all had room for one more.
    has_room: AtomicBool,
}

impl Receivers {
    /// The fewest receivers that are worth a list that is kept, and short frames that are not
    /// copied for one by one.
    pub(crate) const MANY: usize = 4;

    pub(crate) fn new(connections: Vec<Connection>) -> Self {
        let first = connections.first();
        let omitted = first.map_or(Omitted::default(), |first| first.shared.omitted);
        let mut others = Vec::new();
        for connection in &connections {
            let its = connection.shared.omitted;
            if its != omitted && !others.contains(&its) {
                others.push(its);
            }
        }
        Self {
            connections,
            omitted,
            others,
            ..Self::default()
        }
    }

    pub(crate) fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// The sets of plugins that they omit, at least one.
    pub(crate) fn omitted(&self) -> impl Iterator<Item = Omitted> {
        std::iter::once(self.omitted).chain(self.others.iter().copied())
    }

    /// Whether none of them needs to be looked at before the next message: all had room behind
    /// the last.
    pub(crate) fn has_room(&self) -> bool {
        self.has_room.load(Ordering::Acquire)
    }

    /// Whether short frames for them are gathered, which are the same for all.
    pub(crate) fn are_many(&self) -> bool {
        let first = self.connections.first();
        self.connections.len() >= Self::MANY
            && self.others.is_empty()
            && first.is_some_and(|first| !first.shared.mailbox.drops())
    }

    /// Appends a short frame to those for all of them; says what that means for all
    /// connections.
    pub(crate) fn gather(&self, frame: &[u8]) -> (Option<Stretch>, Pressure) {
        let mut last = lock(&self.run);
        let run = last.get_or_insert_default();
        if let Some(frames) = run.append(frame) {
            return (Some(frames), Pressure::default());
        }
        let full = std::mem::take(run);
        let frames = run.append(frame);
        drop(last);
        let first = self.connections.first();
        let pressure = first.map(|first| first.shared.mailbox.close_run(&full));
        (frames, pressure.unwrap_or_default())
    }

    /// Queues a message for each of them.
    pub(crate) fn push(
        &self,
        push: impl Fn(&Connection) -> Result<Pushed, SendError>,
        mut press: impl FnMut(Pressure),
    ) -> Delivery {
        let (mut delivery, mut has_room) = (Delivery::default(), true);
        for connection in &self.connections {
            match push(connection) {
                Ok(pushed) => {
                    delivery.count(1, pushed.fate);
                    has_room &= !pushed.is_awaited;
                    if !pushed.pressure.is_none() {
                        press(pushed.pressure);
                    }
                }
                Err(error) => {
                    delivery.count(1, Fate::Cut);
                    if matches!(error, SendError::QueueFull { .. }) {
                        let (logs, remote) = (connection.logs(), connection.remote());
                        limited!(logs, WARN, "cut off as a slow consumer", @remote);
                        connection.shared.mailbox.urge(Urgent::Cut);
                    }
                }
            }
        }
        self.has_room.store(has_room, Ordering::Release);
        delivery
    }
}

/// The lists that were asked for last.
#[derive(Default)]
pub(crate) struct Lists {
    /// All connections.
    all: Option<Arc<Receivers>>,
    /// The subscribers of a key, by a number that names them; the last that was asked for at
    /// the end.
    subscribed: Vec<(u64, Arc<Receivers>)>,
}

impl Lists {
    /// Lists of subscribers that are kept.
    const MAX: usize = 8;

    /// All connections, if they are listed.
    pub(crate) fn all(&self) -> Option<Arc<Receivers>> {
        self.all.clone()
    }

    pub(crate) fn set_all(&mut self, all: Arc<Receivers>) {
        self.all = Some(all);
    }

    /// The subscribers that have this number, if they are listed.
    pub(crate) fn subscribed(&mut self, stamp: u64) -> Option<Arc<Receivers>> {
        let found = self.subscribed.iter().rposition(|(of, _)| *of == stamp)?;
        let last = self.subscribed.len().saturating_sub(1);
        if found < last {
            self.subscribed.swap(found, last);
        }
        self.subscribed.last().map(|(_, list)| list.clone())
    }

    /// Keeps a list, and returns the one that makes room for it.
    pub(crate) fn keep(
        &mut self,
        stamp: u64,
        list: Arc<Receivers>,
    ) -> Option<(u64, Arc<Receivers>)> {
        let full = self.subscribed.len() >= Self::MAX;
        let first = full.then(|| self.subscribed.remove(0));
        self.subscribed.push((stamp, list));
        first
    }

    /// Forgets the list of all connections, as there is one more.
    pub(crate) fn take_all(&mut self) -> Option<Arc<Receivers>> {
        self.all.take()
    }

    /// Forgets all lists: no list keeps a connection that has ended.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}
