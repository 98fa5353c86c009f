//! Subscriptions beside a plain model of them, and what they cost.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use super::*;
use crate::place::{LinkId, Place};

fn list(subscriptions: &Subscriptions<u32>, key: &str) -> Vec<u32> {
    let subscribers = subscriptions.subscribers(key);
    assert_eq!(subscribers.len(), subscriptions.count(key));
    subscribers.collect()
}

/// That nothing is left of what was there.
fn assert_empty(subscriptions: &Subscriptions<u32>) {
    assert!(subscriptions.is_empty() && subscriptions.subscribers.is_empty());
    assert_eq!((subscriptions.len(), subscriptions.bytes()), (0, 0));
}

#[test]
fn subscriptions_are_idempotent_both_ways() {
    let limits = Limits::default();
    let mut subscriptions = Subscriptions::new();
    assert_eq!(subscriptions.subscribe("k", 1, &limits), Ok(true));
    assert_eq!(subscriptions.subscribe("k", 1, &limits), Ok(false));
    assert_eq!(list(&subscriptions, "k"), [1]);
    assert!(!subscriptions.is_empty());
    assert!(subscriptions.unsubscribe("k", 1) && !subscriptions.unsubscribe("k", 1));
    assert!(!subscriptions.unsubscribe("never", 1));
    assert_empty(&subscriptions);
}

#[test]
fn one_that_leaves_leaves_nothing_behind() {
    let limits = Limits::default();
    let mut subscriptions = Subscriptions::new();
    for key in ["a", "b", "c"] {
        for subscriber in [1, 2] {
            subscriptions.subscribe(key, subscriber, &limits).unwrap();
        }
    }
    subscriptions.unsubscribe("b", 2);
    assert_eq!((subscriptions.remove(1), subscriptions.remove(1)), (3, 0));
    assert_eq!(subscriptions.len(), 2);
    assert_eq!(list(&subscriptions, "b"), []);
    assert_eq!(subscriptions.remove(2), 2);
    assert_empty(&subscriptions);
}

#[test]
fn all_limits_hold() {
    let limits = Limits::default()
        .with_subscriptions(2)
        .and_then(|limits| limits.with_subscription_keys(3))
        .and_then(|limits| limits.with_subscribers(2))
        .unwrap();
    let mut subscriptions = Subscriptions::new();
    for (key, subscriber) in [("a", 1), ("b", 1), ("c", 2)] {
        subscriptions.subscribe(key, subscriber, &limits).unwrap();
    }
    let too_many = Err(SubscribeError::TooMany { max: 2 });
    assert_eq!(subscriptions.subscribe("c", 1, &limits), too_many);
    assert_eq!(subscriptions.subscribe("a", 1, &limits), Ok(false));
    let too_many_keys = Err(SubscribeError::TooManyKeys { max: 3 });
    assert_eq!(subscriptions.subscribe("d", 2, &limits), too_many_keys);
    assert_eq!(subscriptions.subscribe("a", 2, &limits), Ok(true));
    let too_many_subscribers = Err(SubscribeError::TooManySubscribers { max: 2 });
    assert_eq!(
        subscriptions.subscribe("a", 3, &limits),
        too_many_subscribers
    );
    subscriptions.remove(1);
    assert_eq!(subscriptions.subscribe("a", 3, &limits), Ok(true));
}

#[test]
fn the_lengths_of_keys_are_limited() {
    let limits = Limits::default()
        .with_subscription_key(1000)
        .and_then(|limits| limits.with_subscriber_key_bytes(2500))
        .and_then(|limits| limits.with_subscription_key_bytes(3000))
        .unwrap();
    let mut subscriptions = Subscriptions::new();
    let key = |number: u8| [number; 1000];
    let too_long = SubscribeError::KeyTooLong {
        len: 1001,
        max: 1000,
    };
    let subscribed = subscriptions.subscribe([0; 1001], 1, &limits);
    assert_eq!(subscribed, Err(too_long));
    for number in 0..2 {
        assert_eq!(subscriptions.subscribe(key(number), 1, &limits), Ok(true));
    }
    let own = Err(SubscribeError::TooManyOwnBytes { max: 2500 });
    assert_eq!(subscriptions.subscribe(key(2), 1, &limits), own);
    assert_eq!(subscriptions.subscribe(key(2), 2, &limits), Ok(true));
    let all = Err(SubscribeError::TooManyKeyBytes { max: 3000 });
    assert_eq!(subscriptions.subscribe(key(3), 3, &limits), all);
    // To what is there another may subscribe, and who is subscribed may ask again.
    assert_eq!(subscriptions.subscribe(key(0), 3, &limits), Ok(true));
    assert_eq!(subscriptions.subscribe(key(0), 3, &limits), Ok(false));
    assert!(subscriptions.unsubscribe(key(1), 1));
    assert_eq!(subscriptions.subscribe(key(3), 1, &limits), Ok(true));
    assert_exact(&subscriptions);
}

#[test]
fn the_bytes_that_subscriptions_take_are_limited() {
    const MAX: usize = 200_000;
    let limits = Limits::default().with_subscription_bytes(MAX).unwrap();
    let full = Some(SubscribeError::TooManyBytes { max: MAX });
    for keys in [1, 60_000_u32] {
        let mut subscriptions = Subscriptions::new();
        let taken = (0..60_000_u32).find_map(|number| {
            let key = (number % keys).to_be_bytes();
            subscriptions.subscribe(key, number, &limits).err()
        });
        assert_eq!(taken, full);
        assert!((MAX / 3..=MAX).contains(&subscriptions.bytes()));
        assert_exact(&subscriptions);
    }
}

/// A node that nothing vouches for.
fn stranger(host: u16, port: u16) -> (Place, Origin) {
    let [high, low] = host.to_be_bytes();
    let ip = core::net::IpAddr::from([10, 0, high, low]);
    let origin = Origin {
        network: Some(Network::of(ip)),
        verified: false,
    };
    (Place::Datagram((ip, port).into()), origin)
}

#[test]
fn the_oldest_of_an_address_that_fills_the_table_gives_way() {
    let limits = Limits::default().with_subscribers(1000).unwrap();
    let limits = limits.with_subscription_bytes(1 << 20).unwrap();
    let mut subscriptions = Subscriptions::new();
    let mut subscribe = |key: &str, (who, origin)| {
        let subscribed = subscriptions.subscribe_from(key, who, origin, &limits);
        assert_exact(&subscriptions);
        (subscribed, subscriptions.poll_displaced())
    };
    let old = stranger(2, 1);
    assert_eq!(subscribe("news", old), (Ok(true), None));
    for port in 0..999 {
        assert_eq!(subscribe("news", stranger(1, port)), (Ok(true), None));
    }
    let full = Err(SubscribeError::TooManySubscribers { max: 1000 });
    assert_eq!(subscribe("news", stranger(1, 1000)), (full, None));
    // Others come in until the crowd is one no more.
    let mut left = 0;
    while let (Ok(true), displaced) = subscribe("news", stranger(100 + left, 7)) {
        assert_eq!(displaced, Some(stranger(1, left).0));
        left += 1;
    }
    assert!((400..900).contains(&left), "{left}");
    assert_eq!(subscriptions.count("news"), 1000);
    assert!(subscriptions.subscribers("news").any(|who| who == old.0));
}

#[test]
fn who_is_vouched_for_never_gives_way() {
    let limits = Limits::default().with_subscribers(100).unwrap();
    let limits = limits.with_subscription_bytes(132_096).unwrap();
    let mut subscriptions = Subscriptions::new();
    let mut subscribe = |(who, origin): (Place, Origin), verified| {
        let origin = Origin { verified, ..origin };
        subscriptions.subscribe_from("news", who, origin, &limits)
    };
    for port in 0..100 {
        assert_eq!(subscribe(stranger(1, port), false), Ok(true));
        // It proves itself.
        assert_eq!(subscribe(stranger(1, port), true), Ok(false));
    }
    let full = Err(SubscribeError::TooManySubscribers { max: 100 });
    assert_eq!(subscribe(stranger(2, 1), false), full);
    assert_eq!(subscribe(stranger(2, 1), true), full);
    assert!(subscriptions.unverified.is_empty());
}

#[test]
fn forged_addresses_displace_nobody() {
    let limits = Limits::default().with_subscribers(100).unwrap();
    let limits = limits.with_subscription_bytes(132_096).unwrap();
    let mut subscriptions = Subscriptions::new();
    for host in 0..100 {
        let (who, origin) = stranger(host, 1);
        let subscribed = subscriptions.subscribe_from("news", who, origin, &limits);
        assert_eq!(subscribed, Ok(true));
    }
    for host in 100..1000 {
        let (who, origin) = stranger(host, 1);
        let subscribed = subscriptions.subscribe_from("news", who, origin, &limits);
        assert!(subscribed.is_err());
    }
    assert_eq!(subscriptions.poll_displaced(), None);
}

#[test]
fn an_address_may_have_a_limit_of_its_own() {
    let limits = Limits::default()
        .with_subscribers_per_address(Some(2))
        .unwrap();
    let mut subscriptions = Subscriptions::new();
    let mut subscribe =
        |key: &str, (who, origin)| subscriptions.subscribe_from(key, who, origin, &limits);
    for port in 1..3 {
        assert_eq!(subscribe("a", stranger(1, port)), Ok(true));
    }
    let too_many = Err(SubscribeError::TooManyOfAddress { max: 2 });
    assert_eq!(subscribe("a", stranger(1, 3)), too_many);
    assert_eq!(subscribe("b", stranger(1, 2)), Ok(true));
    assert_eq!(subscribe("a", stranger(2, 3)), Ok(true));
    subscriptions.remove(stranger(1, 1).0);
    let (who, origin) = stranger(1, 3);
    assert_eq!(
        subscriptions.subscribe_from("a", who, origin, &limits),
        Ok(true)
    );
}

#[test]
fn the_default_bytes_have_room_for_all_subscribers_of_a_key() {
    let limits = Limits::default();
    let mut subscriptions = Subscriptions::new();
    for number in 0..limits.subscribers() {
        let who = Place::Link {
            link: LinkId::from_number(number as u64),
            address: None,
        };
        assert_eq!(subscriptions.subscribe("news", who, &limits), Ok(true));
    }
}

#[test]
fn a_key_keeps_no_receive_buffer() {
    let buffer = Arc::new([b'x'; 65_536]);
    let received = Bytes::from_owner(ReceiveBuffer(buffer.clone()));
    let mut subscriptions = Subscriptions::new();
    let key = received.slice(100..110);
    subscriptions.subscribe(key, 1, &Limits::default()).unwrap();
    drop(received);
    assert_eq!(Arc::strong_count(&buffer), 1);
    assert_eq!(list(&subscriptions, "xxxxxxxxxx"), [1]);
    assert!((10..2000).contains(&subscriptions.bytes()));
}

/// Owns the bytes of a received message.
struct ReceiveBuffer(Arc<[u8; 65_536]>);

impl AsRef<[u8]> for ReceiveBuffer {
    fn as_ref(&self) -> &[u8] {
        &*self.0
    }
}

/// That what is counted as it changes is what there is.
fn assert_exact<S: Copy + Eq + Hash>(subscriptions: &Subscriptions<S>) {
    let channels = subscriptions.channels.iter();
    let room = channels.map(Channel::room);
    assert_eq!(subscriptions.channel_room, room.sum::<usize>());
    let keys = subscriptions.keys().map(<[u8]>::len);
    assert_eq!(subscriptions.key_bytes, keys.sum::<usize>());
    let known = subscriptions.subscribers.values();
    let tables = known.clone().map(|known| table_bytes(&known.slots));
    assert_eq!(subscriptions.table_bytes, tables.sum::<usize>());
    for known in known {
        let keys = known
            .slots
            .keys()
            .map(|id| subscriptions.channels.get(*id).unwrap().key());
        assert_eq!(known.key_bytes, keys.map(<[u8]>::len).sum::<usize>());
    }
}

/// Pairs of a key and a subscriber, in the order in which they were made.
#[derive(Default)]
struct Model(Vec<(u8, u32)>);

impl Model {
    fn subscribers(&self, key: u8) -> impl Iterator<Item = u32> {
        let pairs = self.0.iter().filter(move |(other, _)| *other == key);
        pairs.map(|(_, subscriber)| *subscriber)
    }
}

#[test]
fn subscribers_keep_their_order_whoever_leaves() {
    let limits = Limits::default();
    let (mut subscriptions, mut model) = (Subscriptions::new(), Model::default());
    for step in 0..30_000_u32 {
        let dice = step.wrapping_mul(2_654_435_761) >> 7;
        let (key, subscriber) = ((dice % 5) as u8, dice / 5 % 60);
        let pair = (key, subscriber);
        // The table fills, then empties, again and again.
        match (dice / 300 % 20, step / 1000 % 2) {
            (0, _) => {
                let mine = model.0.iter().filter(|(_, other)| *other == subscriber);
                assert_eq!(subscriptions.remove(subscriber), mine.count());
                model.0.retain(|(_, other)| *other != subscriber);
            }
            (choice, phase) if (choice < 14) == (phase == 0) => {
                let change = !model.0.contains(&pair);
                let subscribed = subscriptions.subscribe([key], subscriber, &limits);
                assert_eq!(subscribed, Ok(change));
                model.0.extend(change.then_some(pair));
            }
            _ => {
                let there = model.0.contains(&pair);
                assert_eq!(subscriptions.unsubscribe([key], subscriber), there);
                model.0.retain(|other| *other != pair);
            }
        }
        for key in 0..5 {
            let subscribers = subscriptions.subscribers([key]);
            assert_eq!(subscribers.len(), model.subscribers(key).count());
            assert!(subscribers.eq(model.subscribers(key)));
            if let Some(channel) = subscriptions.channel(&[key]) {
                assert!(!channel.is_sparse() && channel.len() > 0);
            }
        }
        let pairs = subscriptions.subscribers.values();
        assert_eq!(
            pairs.map(|known| known.slots.len()).sum::<usize>(),
            model.0.len()
        );
        assert_exact(&subscriptions);
        let keys = (0..5).filter(|key| model.subscribers(*key).next().is_some());
        assert_eq!(subscriptions.len(), keys.count());
    }
}

#[test]
fn of_many_keys_that_come_and_go_each_has_its_own_subscribers() {
    let limits = Limits::default().with_subscriptions(2000).unwrap();
    let (mut subscriptions, mut model) = (Subscriptions::new(), BTreeMap::new());
    // Some are short, and others long.
    let key = |number: u32| alloc::format!("{number:>0width$}", width = number as usize % 60);
    for step in 0..30_000_u32 {
        let dice = step.wrapping_mul(2_654_435_761) >> 7;
        // Many at first, and then few.
        let number = dice % if step < 20_000 { 1000 } else { 10 };
        let (name, who) = (key(number), dice / 1000 % 3);
        let pair = (name.clone(), who);
        match dice / 3000 % 2 == 0 {
            true => {
                let subscribed = subscriptions.subscribe(&name, who, &limits);
                assert_eq!(subscribed, Ok(model.insert(pair, ()).is_none()));
            }
            false => {
                let there = model.remove(&pair).is_some();
                assert_eq!(subscriptions.unsubscribe(&name, who), there);
            }
        }
        if step == 20_000 {
            for number in 10..1000 {
                for who in 0..3 {
                    let there = model.remove(&(key(number), who)).is_some();
                    assert_eq!(subscriptions.unsubscribe(key(number), who), there);
                }
            }
        }
        if step % 1000 == 0 {
            subscriptions.set_hashes(Hashes::default());
            for number in 0..1000 {
                let name = key(number);
                let subscribers: BTreeSet<_> = subscriptions.subscribers(&name).collect();
                let expected = (0..3).filter(|who| model.contains_key(&(name.clone(), *who)));
                assert_eq!(subscribers, expected.collect());
            }
            assert_exact(&subscriptions);
        }
    }
}

/// Everybody subscribed to all of 20 keys.
fn crowd(subscribers: u32) -> Subscriptions<u32> {
    let mut subscriptions = Subscriptions::new();
    for subscriber in 0..subscribers {
        for key in 0..20_u8 {
            let subscribed = subscriptions.subscribe([key], subscriber, &Limits::default());
            assert_eq!(subscribed, Ok(true));
        }
    }
    subscriptions
}

#[test]
fn to_leave_costs_the_same_among_ten_times_as_many() {
    for subscribers in [200, 2000] {
        let mut subscriptions = crowd(subscribers);
        for subscriber in [subscribers / 2, 0, subscribers - 1] {
            let before = subscriptions.visited;
            assert_eq!(subscriptions.remove(subscriber), 20);
            assert_eq!(subscriptions.visited - before, 20, "{subscribers}");
        }
        // Until the last has left, two slots for each subscription: its own and
        // one that is moved.
        for subscriber in (0..subscribers).rev() {
            subscriptions.remove(subscriber);
        }
        let pairs = 20 * subscribers as usize;
        let visited = subscriptions.visited;
        assert!((pairs..=2 * pairs).contains(&visited), "{visited}");
        assert_empty(&subscriptions);
    }
}

#[test]
fn memory_is_given_back_and_counted() {
    let mut subscriptions = crowd(1000);
    let full = subscriptions.bytes();
    let pairs = 20_000 * (size_of::<(u32, u32)>() + size_of::<Option<u32>>());
    assert!((pairs..4 * pairs).contains(&full), "{full}");
    for subscriber in 1..1000 {
        subscriptions.remove(subscriber);
    }
    assert!(subscriptions.bytes() < full / 100);
    assert!(subscriptions.subscribers.capacity() < 40);
    for key in 1..20_u8 {
        subscriptions.unsubscribe([key], 0);
    }
    assert!(subscriptions.subscribers[&0].slots.capacity() < 20);
    let channel = subscriptions.channel(&[0]).unwrap();
    assert_eq!(channel.subscribers().collect::<Vec<_>>(), [0]);
    assert!(channel.room() <= 4, "{}", channel.room());
}
