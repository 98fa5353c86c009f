mod disk;

use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};

use smol::future;

use super::*;
use disk::Disk;

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// A store on a disk, and what it tells of.
fn start(disk: &Disk, limits: StoreLimits) -> (FileStore, Receiver<Changed>) {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    // Nobody may listen.
    let on_change = move |changed| drop(tell.lock().unwrap().send(changed));
    let disk = disk.clone();
    let open = Box::new(move || disk.open());
    let store = smol::block_on(FileStore::start(open, limits, on_change));
    (store.unwrap().unwrap(), told)
}

#[test]
fn changes_are_answered_told_in_their_order_and_there_again() {
    let disk = Disk::default();
    let (store, told) = start(&disk, StoreLimits::default());
    smol::block_on(async {
        let (empty, any) = (bytes(""), Bytes::from_static(b"\0\xff"));
        assert_eq!(store.read(&empty).await, Err(StoreError::NotFound));
        let missing = Err(StoreError::NotFound);
        assert_eq!(store.update(empty.clone(), any.clone()).await, missing);
        assert_eq!(store.delete(empty.clone()).await, missing);
        assert_eq!(store.create(empty.clone(), any.clone()).await, Ok(()));
        let exists = Err(StoreError::Exists);
        assert_eq!(store.create(empty.clone(), empty.clone()).await, exists);
        assert_eq!(store.create(any.clone(), bytes("1")).await, Ok(()));
        assert_eq!(store.update(any.clone(), bytes("23")).await, Ok(()));
        assert_eq!(store.read(&any).await, Ok(bytes("23")));
        assert_eq!(store.delete(empty.clone()).await, Ok(()));
        store.close().await;
        let changes: Vec<_> = told.try_iter().collect();
        let expected = [
            Changed::new(empty.clone(), any.clone(), Change::Created),
            Changed::new(any.clone(), bytes("1"), Change::Created),
            Changed::new(any.clone(), bytes("23"), Change::Updated),
            Changed::new(empty.clone(), empty.clone(), Change::Deleted),
        ];
        assert_eq!(changes, expected);
        assert_eq!(store.read(&any).await, Err(StoreError::Unavailable));
        let (again, _told) = start(&disk, StoreLimits::default());
        assert_eq!(again.read(&any).await, Ok(bytes("23")));
        assert_eq!(again.read(&empty).await, missing.map(|()| bytes("")));
        assert_eq!(again.update(any.clone(), bytes("4")).await, Ok(()));
        let counted = again.counts();
        assert_eq!((counted.resources, counted.bytes), (1, 256 + 3));
        again.close().await;
    });
}

#[test]
fn limits_count_what_was_there_before() {
    let disk = Disk::default();
    let limits = StoreLimits {
        resources: 2,
        bytes: 1000,
        content: 400,
    };
    let content = |len| Bytes::from(vec![b'x'; len]);
    for round in 0..2 {
        let (store, _told) = start(&disk, limits);
        smol::block_on(async {
            if round == 0 {
                assert_eq!(store.create(bytes("a"), content(400)).await, Ok(()));
                assert_eq!(store.create(bytes("b"), content(86)).await, Ok(()));
            }
            let too_long = StoreError::TooLong { len: 401, max: 400 };
            assert_eq!(store.update(bytes("a"), content(401)).await, Err(too_long));
            let full = Err(StoreError::Full(1000));
            assert_eq!(store.update(bytes("b"), content(87)).await, full);
            let many = Err(StoreError::TooMany(2));
            assert_eq!(store.create(bytes("c"), content(0)).await, many);
            store.close().await;
        });
    }
}

/// What is answered is on the disk, and what waits meanwhile shares the next write.
#[test]
fn one_synchronization_serves_all_that_wait() {
    let disk = Disk::default();
    let (store, told) = start(&disk, StoreLimits::default());
    let gate = disk.hold();
    smol::block_on(async {
        let create = |number: usize| store.create(number.to_string().into(), bytes("x"));
        let mut first = Box::pin(create(0));
        // Its write is held before it is on the disk.
        let held = async { gate.reached().await };
        future::or(async { drop(first.as_mut().await) }, held).await;
        let before = disk.synchronizations();
        let mut waiting: Vec<_> = (1..200).map(|number| Box::pin(create(number))).collect();
        for change in &mut waiting {
            assert_eq!(future::poll_once(change.as_mut()).await, None);
        }
        assert_eq!(future::poll_once(first.as_mut()).await, None);
        assert!(told.try_recv().is_err(), "nobody hears of what may be lost");
        gate.release();
        assert_eq!(first.await, Ok(()));
        for change in waiting {
            assert_eq!(change.await, Ok(()));
        }
        assert!(disk.synchronizations() - before <= 4, "{before}");
        store.close().await;
    });
    let counted = store.counts();
    assert_eq!((counted.changes, counted.commits), (200, 2));
    assert_eq!(told.iter().count(), 200);
}

#[test]
fn a_full_disk_is_said_to_be_and_what_was_kept_is_read() {
    let disk = Disk::default();
    let (store, told) = start(&disk, StoreLimits::default());
    smol::block_on(async {
        assert_eq!(store.create(bytes("a"), bytes("1")).await, Ok(()));
        disk.set_full(true);
        let full = Err(StoreError::DiskFull);
        assert_eq!(store.create(bytes("b"), bytes("2")).await, full);
        assert_eq!(store.update(bytes("a"), bytes("2")).await, full);
        assert_eq!(store.read(b"a").await, Ok(bytes("1")));
        assert_eq!(store.read(b"b").await, Err(StoreError::NotFound));
        disk.set_full(false);
        // It is tried again before long.
        while store.create(bytes("b"), bytes("2")).await == full {
            smol::Timer::after(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(store.read(b"b").await, Ok(bytes("2")));
        store.close().await;
    });
    assert_eq!(told.iter().count(), 2);
    assert!(store.counts().failures >= 2);
}

#[test]
fn what_is_there_though_its_write_failed_is_told_of_but_not_acknowledged() {
    let disk = Disk::default();
    let (store, told) = start(&disk, StoreLimits::default());
    smol::block_on(async {
        disk.fail_next_synchronization();
        let unknown = Err(StoreError::Unavailable);
        assert_eq!(store.create(bytes("a"), bytes("1")).await, unknown);
        assert_eq!(store.read(b"a").await, Ok(bytes("1")));
        store.close().await;
    });
    assert_eq!(told.iter().count(), 1);
}
