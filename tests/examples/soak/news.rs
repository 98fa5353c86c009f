//! A publisher, and subscribers that must get all in order.

use std::sync::Arc;
use std::time::Duration;

use netaio_tokio::events::Messages;
use netaio_tokio::types::PUBLISH_URI;
use netaio_tokio::{AutoReconnect, Client, Message};

use crate::Error;
use crate::dice::Dice;
use crate::world::{World, pace};

const NEWS: &str = "news";

/// How long subscribers wait for what is on its way.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the last notification has behind its number.
const LAST: &[u8] = b"last";

/// Publishes numbers, to at least so many.
pub(crate) async fn publish(world: Arc<World>, subscribers: usize) -> Result<(), Error> {
    let (mut dice, mut pace) = (Dice::new(0), pace(50));
    let client = world.connected().await?;
    for number in 0u64.. {
        pace.tick().await;
        let over = world.is_over();
        let mut content = number.to_be_bytes().to_vec();
        match over {
            true => content.extend(LAST),
            false => {
                let len = dice.length(LAST.len() + 1..500);
                content.extend(dice.bytes(len));
            }
        }
        let publish = Message::new(PUBLISH_URI, NEWS, content);
        let answer = client.request_message(publish).await?.into_result()?;
        world.tally.work.answered.one();
        world.tally.work.published.one();
        let told: usize = std::str::from_utf8(&answer.content)?.parse()?;
        if told < subscribers {
            let lost = format!("{told} are subscribed to the news, not {subscribers}");
            world.tally.broken(lost);
        }
        if over {
            break;
        }
    }
    client.close().await;
    Ok(())
}

/// A subscriber, which is subscribed when this returns.
pub(crate) async fn subscribe(world: &Arc<World>) -> Result<(Client, Messages), Error> {
    let client = world.connected().await?;
    let messages = client.messages();
    client.subscribe(NEWS).request().await?.into_result()?;
    Ok((client, messages))
}

/// Takes all notifications to the last: each must be the next.
pub(crate) async fn take_all(
    world: Arc<World>,
    (client, mut messages): (Client, Messages),
) -> Result<(), Error> {
    for expected in 0u64.. {
        let next = tokio::time::timeout(PATIENCE, messages.next()).await;
        let Ok(Some(news)) = next else {
            world
                .tally
                .broken(format_args!("number {expected} of the news never came"));
            break;
        };
        let (number, last) = number(&news.message)?;
        if number != expected {
            let jump = format!("the news are at {number}, not {expected}");
            world.tally.broken(jump);
            break;
        }
        world.tally.work.notified.one();
        if last {
            break;
        }
    }
    client.close().await;
    Ok(())
}

/// Subscribes over connections that are cut, and subscribes again: what it gets
/// is in order, with gaps.
pub(crate) async fn take_some(world: Arc<World>) -> Result<(), Error> {
    let counted = world.clone();
    let again = AutoReconnect::new()
        .max_retries(u32::MAX)
        .delay(Duration::from_millis(10))
        .on_reconnect(move |_, again| {
            counted.tally.work.connected.one();
            counted.tally.work.reconnected.one();
            async move {
                // Where this one is cut too there is another.
                let _ = again.connection.subscribe(NEWS).request().await;
            }
        });
    let client = world.client().auto_reconnect(again).build()?;
    let mut messages = client.messages();
    let connection = client.connect(world.proxy).await?;
    world.tally.work.connected.one();
    let _ = connection.subscribe(NEWS).request().await;
    let mut after = None;
    while !world.is_over() {
        let next = tokio::time::timeout(Duration::from_secs(1), messages.next()).await;
        let Ok(Some(news)) = next else {
            continue;
        };
        let (number, _) = number(&news.message)?;
        if after.is_some_and(|after| number <= after) {
            let back = format!("the news went back from {after:?} to {number}");
            world.tally.broken(back);
        }
        world.tally.work.notified.one();
        after = Some(number);
    }
    client.close().await;
    Ok(())
}

fn number(news: &Message) -> Result<(u64, bool), Error> {
    let (number, rest) = news
        .content
        .split_first_chunk()
        .ok_or("news without a number")?;
    Ok((u64::from_be_bytes(*number), rest == LAST))
}
