//! Clients that come, ask and go, and others that stay and ask much at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use netaio_tokio::{Client, Response};
use tokio::task::JoinSet;

use crate::Error;
use crate::dice::Dice;
use crate::world::{World, pace};

/// Comes and goes, in every way in which one can.
pub(crate) async fn come_and_go(world: Arc<World>, seed: u64) -> Result<(), Error> {
    let (mut dice, mut pace) = (Dice::new(seed), pace(10));
    while !world.is_over() {
        pace.tick().await;
        let client = world.connected().await?;
        for _ in 0..dice.number(1..12) {
            echo(&world, &client, &mut dice).await?;
        }
        if dice.chance(20) {
            cancel(&client, &mut dice).await;
            world.tally.faults.cancelled.one();
            // The answer to that is not taken for the answer to this.
            echo(&world, &client, &mut dice).await?;
        }
        match dice.number(0..3) {
            0 => client.close().await,
            1 => drop(client),
            _ => {
                let mut asked = JoinSet::new();
                for _ in 0..dice.number(1..20) {
                    let request = client.request("echo").content(dice.bytes(500));
                    asked.spawn(async { request.await.is_ok() });
                }
                tokio::task::yield_now().await;
                drop(client);
                world.tally.faults.dropped.one();
                // Each ends, one way or the other.
                while let Some(answered) = asked.join_next().await {
                    if answered? {
                        world.tally.work.answered.one();
                    }
                }
            }
        }
    }
    Ok(())
}

/// Stays, and asks 16 things at once.
pub(crate) async fn stay(world: Arc<World>, seed: u64) -> Result<(), Error> {
    let (mut dice, mut pace) = (Dice::new(seed), pace(30));
    let client = world.connected().await?;
    while !world.is_over() {
        pace.tick().await;
        let mut asked = JoinSet::new();
        for number in 0..16 {
            let len = dice.length(0..300);
            let content = dice.bytes(len);
            // Those with an id are answered in any order.
            let request = client.request("echo").content(content.clone());
            let request = request.correlate(number % 2 == 0);
            asked.spawn(async move { (content, request.await) });
        }
        while let Some(answered) = asked.join_next().await {
            let (content, answer) = answered?;
            check(&world, &content, answer?);
        }
    }
    client.close().await;
    Ok(())
}

/// Waits with up to 150 connections, which are at times more and at times fewer.
pub(crate) async fn wait(world: Arc<World>, seed: u64) -> Result<(), Error> {
    let (mut dice, mut pace) = (Dice::new(seed), pace(10));
    let mut waiting = VecDeque::new();
    while !world.is_over() {
        let wanted = dice.length(0..150);
        // About a quarter of a minute with each number.
        for _ in 0..150 {
            pace.tick().await;
            if waiting.len() < wanted {
                let client = world.connected().await?;
                echo(&world, &client, &mut dice).await?;
                waiting.push_back(client);
            } else if let Some(client) = waiting.pop_front() {
                // It is still there, however long it has waited.
                echo(&world, &client, &mut dice).await?;
                if waiting.len() < wanted {
                    waiting.push_back(client);
                }
            }
            if world.is_over() {
                break;
            }
        }
    }
    Ok(())
}

async fn echo(world: &World, client: &Client, dice: &mut Dice) -> Result<(), Error> {
    let len = dice.length(0..2000);
    let content = dice.bytes(len);
    let answer = client.request("echo").content(content.clone()).await?;
    check(world, &content, answer);
    Ok(())
}

fn check(world: &World, content: &[u8], answer: Response) {
    world.tally.work.answered.one();
    match answer.into_result() {
        Ok(message) if message.content == content => {}
        Ok(_) => world.tally.broken("an echo is that of another request"),
        Err(error) => world.tally.broken(format_args!("an echo is {error}")),
    }
}

/// Asks, and loses interest, before or after the request has left.
async fn cancel(client: &Client, dice: &mut Dice) {
    let request = client.request("echo").content(dice.bytes(100));
    // Which of the two comes first is up to the machine.
    tokio::select! {
        _ = request => {}
        () = tokio::time::sleep(dice.millis(0..2)) => {}
    }
}
