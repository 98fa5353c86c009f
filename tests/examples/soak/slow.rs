//! Subscribers that never read.

use std::sync::Arc;
use std::time::Duration;

use netaio_tokio::Message;
use netaio_tokio::types::{CONFIRM_SUBSCRIBE, PUBLISH_URI};

use crate::Error;
use crate::dice::Dice;
use crate::frames::{Raw, frame};
use crate::world::{World, pace};

const CONTENT: usize = 50_000;

/// More notifications than buffers hold, in the system and in the server.
const MANY: usize = 4000;

/// Subscribes, never reads, and is cut off: again and again.
pub(crate) async fn run(world: Arc<World>, seed: u64) -> Result<(), Error> {
    let (mut dice, mut pace) = (Dice::new(seed), pace(50));
    let publisher = world.connected().await?;
    for number in 0u64.. {
        if world.is_over() {
            break;
        }
        let topic = format!("slow {number}");
        let mut raw = Raw::dial(&world).await?;
        let subscribe = Message::subscribe(topic.clone());
        raw.send(&frame(&world.outer, &subscribe, &mut dice)?)
            .await?;
        let answer = raw.receive().await?;
        if answer.is_none_or(|answer| answer.message_type != CONFIRM_SUBSCRIBE) {
            return Err("the slow subscriber is not subscribed".into());
        }
        let mut cut = false;
        for _ in 0..MANY {
            pace.tick().await;
            let publish = Message::new(PUBLISH_URI, topic.clone(), vec![7; CONTENT]);
            let answer = publisher.request_message(publish).await?.into_result()?;
            world.tally.work.answered.one();
            cut = answer.content == "0";
            if cut || world.is_over() {
                break;
            }
        }
        match cut {
            true => world.tally.faults.slow.one(),
            false if world.is_over() => {}
            false => world
                .tally
                .broken("a subscriber that never reads is not cut off"),
        }
        drop(raw);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    publisher.close().await;
    Ok(())
}
