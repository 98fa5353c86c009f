//! Commands and frames that wait for the task of a connection.

use std::collections::VecDeque;

use netaio_core::{Droppable, LossyQueue, MailboxAccount, Pressure, SlowConsumerPolicy};

use super::command::Command;
use super::run::{Run, Stretch};

/// What waits, and how much of it.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) commands: LossyQueue<Command>,
    /// Short frames behind the commands: one buffer takes less memory and time than a
    /// command for each.
    pub(super) short: Vec<u8>,
    /// How many there are.
    short_count: u64,
    /// Frames of a run behind those.
    pub(super) stretch: Option<Stretch>,
    /// The memory of the commands that the task has taken last.
    pub(super) taken: usize,
    /// The memory that was published last, and the bytes of what may be dropped.
    published: usize,
    published_news: usize,
    /// Sends among them.
    pub(super) sends: usize,
    /// Requests among them.
    pub(super) requests: usize,
    /// The memory that those hold, in bytes.
    pub(super) request_bytes: usize,
}

impl Waiting {
    /// What memory has to differ by to be published, in bytes.
    const GRAIN: usize = 2 * 1024;
    /// The same of what may be dropped.
    const NEWS_GRAIN: usize = 16 * 1024;

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.short.is_empty() && self.stretch.is_none()
    }

    /// The bytes of what may be dropped.
    pub(super) fn news(&self) -> usize {
        let stretch = self.stretch.as_ref().map_or(0, Stretch::len);
        let short = self.short.len().saturating_add(stretch);
        self.commands.bytes().saturating_add(short)
    }

    /// Appends a short frame.
    pub(super) fn append(&mut self, frame: &[u8]) {
        self.settle();
        self.make_room(frame.len());
        self.short.extend_from_slice(frame);
        self.short_count = self.short_count.saturating_add(1);
    }

    /// Appends frames of a run.
    pub(super) fn join(&mut self, frames: &Stretch) {
        let joined = self.stretch.as_mut().is_some_and(|own| own.join(frames));
        if !joined {
            self.settle();
            self.stretch = Some(frames.again());
        }
    }

    /// Takes the frames of a run out of it.
    fn settle(&mut self) {
        let Some(frames) = self.stretch.take() else {
            return;
        };
        if let Some(frame) = frames.shared() {
            self.close_short();
            self.commands
                .push_back(Command::frames(frame, frames.count()));
        } else {
            self.make_room(frames.len());
            frames.copy_into(&mut self.short);
            self.short_count = self.short_count.saturating_add(frames.count());
        }
    }

    /// Sees that the buffer of short frames has room for more.
    fn make_room(&mut self, more: usize) {
        if self.short.len().saturating_add(more) > Run::LEN {
            self.close_short();
        }
    }

    /// Makes a command of the short frames.
    fn close_short(&mut self) {
        if !self.short.is_empty() {
            let frames = std::mem::take(&mut self.short);
            let count = std::mem::take(&mut self.short_count);
            self.commands.push_back(Command::Frames { frames, count });
        }
    }

    /// Makes commands of all frames.
    pub(super) fn close_run(&mut self) {
        self.settle();
        self.close_short();
    }

    /// Moves all commands.
    pub(super) fn move_all(&mut self, into: &mut VecDeque<Command>) {
        self.close_run();
        self.taken = self.commands.held();
        (self.sends, self.requests, self.request_bytes) = (0, 0, 0);
        self.commands.move_into(into);
    }

    /// Moves commands until those that may be dropped are as many bytes as there is room
    /// for, or more by one; says whether some are left.
    pub(super) fn move_some(&mut self, into: &mut VecDeque<Command>, room: usize) -> bool {
        if self.news() <= room {
            self.move_all(into);
            return false;
        }
        self.close_run();
        let (before, mut moved) = (self.commands.held(), 0_usize);
        while let Some(next) = self.commands.iter().next() {
            if let Some(len) = next.droppable() {
                if moved >= room {
                    break;
                }
                moved = moved.saturating_add(len);
            }
            match next {
                Command::Send { .. } => self.sends = self.sends.saturating_sub(1),
                Command::Request(request) => {
                    self.requests = self.requests.saturating_sub(1);
                    self.request_bytes = self.request_bytes.saturating_sub(request.bytes());
                }
                _ => {}
            }
            into.extend(self.commands.pop_front());
        }
        self.taken = before.saturating_sub(self.commands.held());
        !self.commands.is_empty()
    }

    /// Publishes what is held, and returns what that means for others. The bytes of a run are
    /// not the queue's: they count once for all, or wait to be copied.
    pub(super) fn publish(&mut self, account: &MailboxAccount) -> Pressure {
        let held = self.commands.held().saturating_add(self.short.capacity());
        let (held, news) = (held.saturating_add(self.taken), self.news());
        let is_near = |now: usize, before: usize, grain: usize| {
            now.abs_diff(before) < grain && (now > 0 || before == 0)
        };
        if is_near(held, self.published, Self::GRAIN)
            && is_near(news, self.published_news, Self::NEWS_GRAIN)
        {
            return Pressure::default();
        }
        (self.published, self.published_news) = (held, news);
        account.hold(held, news)
    }

    /// Lets go of what may be dropped.
    pub(super) fn drop_news(&mut self) {
        let policy = SlowConsumerPolicy::DropOldest;
        self.commands.drop_until(policy, |_| false);
        self.commands.take_dropped();
        self.short = Vec::new();
        self.short_count = 0;
        self.stretch = None;
    }
}
