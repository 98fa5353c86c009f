//! What a message costs where there is much of something, beside where there are ten: routes,
//! subscriptions, peers, connections. Either side is set up once; they take turns, and the same number
//! of messages goes to each, spread over all that there is in an order that no cache knows.
//!
//! Where there are few, the caches of the processor have all of it; where there are many they cannot,
//! and so no cost stays quite the same. The goal is half as much again at most.
//!
//!     cargo bench -p netaio-tests --bench growth [-- ROUNDS [SUBJECT...]]

#[path = "../fanout/machine.rs"]
mod machine;

mod connections;
mod order;
mod peers;
mod routes;
mod subscriptions;

use std::error::Error;

use netaio_tests::contest::{apart, pin};
use netaio_tests::figures::Spread;

/// Either side of a comparison: what a message costs, in nanoseconds.
type Side<'a> = Box<dyn FnMut() -> Result<f64, Box<dyn Error>> + 'a>;

const FEW: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if connections::is_load(&arguments) {
        return connections::load(&arguments);
    }
    let rounds = arguments.iter().find_map(|it| it.parse().ok()).unwrap_or(7);
    let wanted = |name: &str| {
        let is_name = |it: &&String| !it.starts_with('-') && it.parse::<u64>().is_err();
        let mut names = arguments.iter().filter(is_name).peekable();
        names.peek().is_none() || names.any(|it| it == name)
    };
    pin(apart()[0]);
    println!("{rounds} rounds, nanoseconds of a processor for a message, medians (least..most)");
    if wanted("routes") {
        compare(
            "100,000 routes",
            rounds,
            routes::side(FEW)?,
            routes::side(100_000)?,
        )?;
    }
    if wanted("subscriptions") {
        let (few, many) = (subscriptions::side(FEW)?, subscriptions::side(1_000_000)?);
        compare("1,000,000 subscriptions", rounds, few, many)?;
    }
    if wanted("peers") {
        compare(
            "1,000,000 peers",
            rounds,
            peers::side(FEW)?,
            peers::side(1_000_000)?,
        )?;
    }
    if wanted("connections") {
        connections::compare(rounds)?;
    }
    Ok(())
}

/// Lets both sides take turns, and tells of them.
fn compare(
    what: &str,
    rounds: usize,
    mut few: Side<'_>,
    mut many: Side<'_>,
) -> Result<(), Box<dyn Error>> {
    // The first turn is for the caches.
    few()?;
    many()?;
    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        of_few.push(few()?);
        of_many.push(many()?);
    }
    print(what, &of_few, &of_many);
    Ok(())
}

fn print(what: &str, of_few: &[f64], of_many: &[f64]) {
    let [few, many] = [of_few, of_many].map(|all| Spread::of(all.iter().copied()));
    let ratios = of_few.iter().zip(of_many).map(|(few, many)| many / few);
    println!(
        "{what:>28}: {many:.0} beside {few:.0} with {FEW}: {:.2} times as much",
        Spread::of(ratios)
    );
}
