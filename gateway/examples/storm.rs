//! What the clients of a gateway do to the others once it is gone: a simulation of their reconnecting, by
//! which `docs/scale.md` has chosen jitter and limits. Time is virtual; the delays are drawn by the same
//! code that clients use.
//!
//! ```sh
//! cargo run --release -p netaio-gateway --example storm -- [CLIENTS] [GATEWAYS] [ACCEPTED_PER_SECOND]
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::error::Error;
use std::time::Duration;

use chacha20::ChaCha12Rng;
use netaio_driver::core::rand_core::{Rng, SeedableRng};
use netaio_driver::core::{Backoff, BackoffConfig, Now};

/// The time that a client waits for one attempt.
const PATIENCE: Duration = Duration::from_secs(10);
/// Attempts that wait to be accepted: the system's queue of a listening socket. Others are dropped
/// without a word.
const BACKLOG: u64 = 4_096;

/// What has come of one way to reconnect.
struct Outcome {
    /// When half, 99 of 100 and all are back.
    back: [Duration; 3],
    /// The most attempts in one second, at one gateway.
    peak: u64,
    /// Attempts that came to nothing, for each client.
    failed: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let mut next = |usual| numbers.next().unwrap_or(Ok(usual));
    let (clients, gateways, rate) = (next(100_000)?, next(10)?.max(2), next(5_000)?.max(1));
    println!(
        "{clients} clients of one of {gateways} gateways; each of the others accepts {rate}/s, {BACKLOG} wait"
    );
    println!("first   most    jitter |  50 %     99 %     all      | peak/s   failed per client");
    let second = Duration::from_secs(1);
    for (first, most, jitter) in [
        (second, second, false),
        (second, 30 * second, false),
        (second / 10, 5 * second, true),
        (second, 5 * second, true),
        (second, 30 * second, true),
        (5 * second, 30 * second, true),
        (second, 120 * second, true),
    ] {
        let config = BackoffConfig::new(first)
            .with_factor(2)
            .with_maximum(most)
            .with_jitter(jitter);
        let Outcome { back, peak, failed } = simulate(config, clients, gateways, rate)?;
        let [half, most_of_all, all] = back.map(|time| format!("{:.1} s", time.as_secs_f64()));
        println!(
            "{:<7} {:<7} {:<6} | {half:<8} {most_of_all:<8} {all:<8} | {peak:<8} {failed:.2}",
            format!("{first:?}"),
            format!("{most:?}"),
            if jitter { "full" } else { "none" },
        );
    }
    Ok(())
}

/// What happens next: when, to which client, and whether its attempt begins or has failed.
type Event = Reverse<(Duration, u64, bool)>;

fn simulate(
    config: BackoffConfig,
    clients: u64,
    gateways: u64,
    rate: u64,
) -> Result<Outcome, Box<dyn Error>> {
    let mut rng = ChaCha12Rng::from_seed([7; 32]);
    let others = gateways.saturating_sub(1);
    let service = Duration::from_secs(1) / u32::try_from(rate)?;
    // When each of the others has accepted all that wait there.
    let mut free = vec![Duration::ZERO; usize::try_from(others)?];
    let mut asked = vec![(Duration::ZERO, 0_u64); free.len()];
    let mut backoffs = vec![Backoff::new(config); usize::try_from(clients)?];
    let mut events: BinaryHeap<Event> = BinaryHeap::new();
    for (client, backoff) in (0..).zip(&mut backoffs) {
        // All hear of it within a quarter of a second.
        let heard = Duration::from_micros(rng.next_u64() % 250_000);
        backoff.lost(Now::new(heard, 0), &mut rng);
        let at = backoff.next(Now::new(heard, 0)).unwrap_or(heard);
        events.push(Reverse((at, client, true)));
    }
    let mut back = Vec::with_capacity(backoffs.len());
    let (mut peak, mut failed) = (0, 0_u64);
    while let Some(Reverse((now, client, begins))) = events.pop() {
        let backoff = &mut backoffs[usize::try_from(client)?];
        if !begins {
            backoff.failure(Now::new(now, 0), &mut rng);
            let at = backoff.next(Now::new(now, 0)).unwrap_or(now);
            events.push(Reverse((at, client, true)));
            continue;
        }
        let gateway = usize::try_from(rng.next_u64() % others)?;
        let (since, attempts) = &mut asked[gateway];
        if now.saturating_sub(*since) >= Duration::from_secs(1) {
            (*since, *attempts) = (now, 0);
        }
        *attempts += 1;
        peak = peak.max(*attempts);
        let waiting = free[gateway].saturating_sub(now);
        let is_full = waiting >= service * u32::try_from(BACKLOG)?;
        let accepted = free[gateway].max(now) + service;
        if !is_full {
            // It is accepted in its turn, though the client may have gone by then.
            free[gateway] = accepted;
        }
        if is_full || accepted - now > PATIENCE {
            failed += 1;
            events.push(Reverse((now + PATIENCE, client, false)));
        } else {
            back.push(accepted);
        }
    }
    back.sort_unstable();
    let at = |part: usize| {
        back.get((back.len() * part / 100).saturating_sub(1))
            .copied()
    };
    let back = [at(50), at(99), back.last().copied()].map(Option::unwrap_or_default);
    Ok(Outcome {
        back,
        peak,
        failed: failed as f64 / clients as f64,
    })
}
