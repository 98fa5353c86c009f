//! Writers of records, which judge the store: what was acknowledged must be
//! there and right.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use netaio_tokio::config::RequestBuilder;
use netaio_tokio::error::RequestError;
use netaio_tokio::types::{CREATE_URI, DELETE_URI, NOT_FOUND, OK, RESPOND_URI, UPDATE_URI};
use netaio_tokio::{AutoReconnect, Client, Message, MessageType, UdpNode};
use tokio::time::Interval;

use crate::Error;
use crate::dice::Dice;
use crate::world::{World, pace};

/// How a writer reaches the server.
enum Way {
    /// By a connection that nothing is done to.
    Direct(Client),
    /// By connections that are cut, and made anew.
    Cut(Client),
    /// By datagrams.
    Datagrams(UdpNode, SocketAddr),
}

/// A writer of records, whose uris are its own.
pub(crate) struct Writer {
    world: Arc<World>,
    way: Way,
    name: u64,
    /// Whether its requests carry ids.
    correlate: bool,
    next: u64,
    pace: Interval,
    dice: Dice,
}

/// A record that was written, or may have been. Its first version is its
/// creation, the second one an update.
struct Record {
    number: u64,
    /// The version that was acknowledged last, if any was.
    acknowledged: Option<u8>,
    /// The version that was tried last.
    tried: u8,
}

impl Writer {
    /// One with a connection that nothing is done to.
    pub(crate) async fn direct(world: &Arc<World>, name: u64) -> Result<Self, Error> {
        let way = Way::Direct(world.connected().await?);
        Ok(Self::new(world, way, name))
    }

    /// One with a connection that is cut again and again.
    pub(crate) async fn cut(world: &Arc<World>, name: u64) -> Result<Self, Error> {
        let counted = world.clone();
        let again = AutoReconnect::new()
            .max_retries(u32::MAX)
            .delay(Duration::from_millis(10))
            .on_reconnect(move |_, _| {
                counted.tally.work.connected.one();
                counted.tally.work.reconnected.one();
                async {}
            });
        let client = world.client().auto_reconnect(again).build()?;
        client.connect(world.proxy).await?;
        world.tally.work.connected.one();
        Ok(Self::new(world, Way::Cut(client), name))
    }

    /// One without a connection.
    pub(crate) async fn datagrams(world: &Arc<World>, name: u64) -> Result<Self, Error> {
        let node = UdpNode::builder().outer(world.outer.clone()).no_group();
        let node = node.bind("127.0.0.1:0").await?;
        let mut writer = Self::new(world, Way::Datagrams(node, world.udp), name);
        // An answer that comes late must not end another request.
        writer.correlate = true;
        Ok(writer)
    }

    fn new(world: &Arc<World>, way: Way, name: u64) -> Self {
        Self {
            world: world.clone(),
            way,
            name,
            correlate: name % 2 == 1,
            next: 0,
            pace: pace(200),
            dice: Dice::new(name),
        }
    }

    /// Writes batch after batch, reads each back and deletes it. The first one
    /// stays until the end.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        let first = self.write(100).await?;
        // What was never acknowledged may come into being late.
        let mut late = Vec::new();
        while !self.world.is_over() {
            let count = self.dice.number(20..400);
            let batch = self.write(count).await?;
            self.read(&batch).await?;
            self.delete(&late).await?;
            self.delete(&batch).await?;
            late = batch;
            late.retain(|record| record.acknowledged.is_none());
        }
        self.read(&first).await?;
        self.delete(&first).await?;
        self.delete(&late).await?;
        match self.way {
            Way::Direct(client) | Way::Cut(client) => client.close().await,
            Way::Datagrams(node, _) => node.stop().await,
        }
        Ok(())
    }

    async fn write(&mut self, count: u64) -> Result<Vec<Record>, Error> {
        let mut batch = Vec::new();
        for _ in 0..count {
            if self.world.is_over() && !batch.is_empty() {
                break;
            }
            let mut record = Record {
                number: self.next,
                acknowledged: None,
                tried: 1,
            };
            self.next += 1;
            let create = Message::create(self.uri(&record), self.content(&record, 1));
            if self.change(create, "cannot overwrite").await? {
                record.acknowledged = Some(1);
                if self.dice.chance(20) {
                    record.tried = 2;
                    let update = Message::update(self.uri(&record), self.content(&record, 2));
                    if self.change(update, "").await? {
                        record.acknowledged = Some(2);
                    }
                }
            }
            batch.push(record);
        }
        Ok(batch)
    }

    /// Asks for a change, and says whether it was acknowledged. One that was not
    /// answered is asked for again or not; asked again, the answer may be that it
    /// is done already.
    async fn change(&mut self, message: Message, done: &str) -> Result<bool, Error> {
        let answer = match self.ask(message.clone()).await? {
            Some(answer) => answer,
            None if self.dice.chance(50) => {
                let again = self.answer(message).await?;
                match again.message_type == OK || again.content == done {
                    true => Message::new(OK, "", ""),
                    false => again,
                }
            }
            None => {
                self.world.tally.work.unanswered.one();
                return Ok(false);
            }
        };
        match answer.message_type {
            OK => self.world.tally.work.acknowledged.one(),
            _ => self.broken(format_args!("a change was answered with {answer:?}")),
        }
        Ok(answer.message_type == OK)
    }

    async fn read(&mut self, batch: &[Record]) -> Result<(), Error> {
        for record in batch {
            let uri = self.uri(record);
            let answer = self.answer(Message::request(uri.clone())).await?;
            let versions = record.acknowledged.unwrap_or(1)..=record.tried;
            let right = |version| answer.content == self.content(record, version);
            match answer.message_type {
                RESPOND_URI if versions.into_iter().any(right) => {
                    if record.acknowledged.is_some() {
                        self.world.tally.work.verified.one();
                    }
                }
                NOT_FOUND if record.acknowledged.is_none() => {}
                NOT_FOUND => self.broken(format_args!("{uri} was acknowledged and is lost")),
                other => {
                    let acknowledged = record.acknowledged;
                    self.broken(format_args!(
                        "{uri}, of which {acknowledged:?} was acknowledged, is a wrong {other}"
                    ));
                }
            }
        }
        Ok(())
    }

    async fn delete(&mut self, batch: &[Record]) -> Result<(), Error> {
        for record in batch {
            let uri = self.uri(record);
            let answer = self.answer(Message::delete(uri.clone())).await?;
            match answer.message_type {
                OK => self.world.tally.work.deleted.one(),
                // It was never there, or was deleted by a request that got no answer.
                NOT_FOUND => {}
                other => self.broken(format_args!("{uri} is not deleted: {other}")),
            }
            if self.dice.chance(10) && record.acknowledged.is_some() {
                let gone = self.answer(Message::request(uri.clone())).await?;
                if gone.message_type != NOT_FOUND {
                    self.broken(format_args!("{uri} was deleted and is there"));
                }
            }
        }
        Ok(())
    }

    /// Asks until there is an answer.
    async fn answer(&mut self, message: Message) -> Result<Message, Error> {
        for _ in 0..10_000 {
            if let Some(answer) = self.ask(message.clone()).await? {
                return Ok(answer);
            }
        }
        Err(format!("writer {} gets no answer any more", self.name).into())
    }

    /// Asks once. Only where nothing is done to the way must there be an answer.
    async fn ask(&mut self, message: Message) -> Result<Option<Message>, Error> {
        self.pace.tick().await;
        let (inner, patience) = (is_change(message.message_type), self.patience());
        let mut request = match &self.way {
            Way::Direct(client) | Way::Cut(client) => client.request_message(message),
            Way::Datagrams(node, to) => node.request_message(*to, message),
        };
        if inner {
            request = request.inner(self.world.admin.clone());
        }
        let request: RequestBuilder = request.correlate(self.correlate).timeout(patience);
        match (request.await, &self.way) {
            (Ok(answer), _) => {
                self.world.tally.work.answered.one();
                Ok(Some(answer.into_message()))
            }
            (Err(RequestError::NotConnected), Way::Cut(_)) => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok(None)
            }
            (Err(RequestError::Closed(_) | RequestError::Send(_)), Way::Cut(_))
            | (Err(RequestError::TimedOut(_)), Way::Datagrams(..)) => Ok(None),
            (Err(error), _) => Err(error.into()),
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(match self.way {
            Way::Datagrams(..) => 2,
            Way::Direct(_) | Way::Cut(_) => 60,
        })
    }

    fn uri(&self, record: &Record) -> String {
        format!("{}/{}", self.name, record.number)
    }

    /// What a version of a record is: long now and then.
    fn content(&self, record: &Record, version: u8) -> Vec<u8> {
        let seed = [self.name << 48, u64::from(version) << 40, record.number];
        let mut dice = Dice::new(seed.iter().sum());
        let len = match dice.chance(2) {
            true => dice.length(600..16_000),
            false => dice.length(0..600),
        };
        dice.bytes(len)
    }

    fn broken(&self, what: std::fmt::Arguments<'_>) {
        let name = self.name;
        self.world
            .tally
            .broken(format_args!("writer {name}: {what}"));
    }
}

/// Whether it is for those who know the second secret.
fn is_change(message_type: MessageType) -> bool {
    matches!(message_type, CREATE_URI | UPDATE_URI | DELETE_URI)
}
