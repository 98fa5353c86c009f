//! Whether a recorded history of one resource can have happened one operation after the other.

use std::collections::HashSet;
use std::time::Instant;

/// What was asked for. Contents are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Create(u32),
    Update(u32),
    Delete,
    Read,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Done,
    Exists,
    NotFound,
    Content(u32),
    /// Nothing, or that nobody knows: it may have been done, at any time after it was asked for, or
    /// not at all.
    Unknown,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) asked: Asked,
    pub(crate) answered: Answered,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

/// The most operations of a history.
pub(crate) const MOST: usize = 128;

/// Whether there is an order of the operations in which each has the answer that it had, and which
/// keeps two in their order where one had ended before the other began.
pub(crate) fn is_linearizable(history: &[Operation]) -> bool {
    assert!(history.len() <= MOST);
    // Contents that nobody has read are one to all answers.
    let read = |number| {
        let is_read = |operation: &Operation| operation.answered == Answered::Content(number);
        history.iter().any(is_read)
    };
    let seen_as = |number| match read(number) {
        true => number,
        false => u32::MAX,
    };
    let mut seen = HashSet::new();
    // What is done so far, as bits, and the content then.
    let mut open = vec![(0_u128, None)];
    while let Some((done, content)) = open.pop() {
        if !seen.insert((done, content)) {
            continue;
        }
        let left = || (0..history.len()).filter(move |index| done & (1 << index) == 0);
        let has_answer = |index: &usize| history[*index].answered != Answered::Unknown;
        let Some(first_end) = left()
            .filter(has_answer)
            .map(|index| history[index].to)
            .min()
        else {
            return true;
        };
        let mut open_ends = HashSet::new();
        let (answered, unknown): (Vec<_>, Vec<_>) = left()
            .filter(|index| history[*index].from <= first_end)
            .partition(has_answer);
        // Of those that may be done at any time from now on, one of a kind stands for all. They are
        // tried last.
        let unknown = unknown.into_iter().filter(|index| {
            open_ends.insert(match history[*index].asked {
                Asked::Create(number) => (0, seen_as(number)),
                Asked::Update(number) => (1, seen_as(number)),
                Asked::Delete => (2, 0),
                Asked::Read => (3, 0),
            })
        });
        for index in unknown.chain(answered) {
            if let Some(after) = apply(&history[index], content) {
                open.push((done | 1 << index, after.map(seen_as)));
            }
        }
    }
    false
}

/// The content after an operation, if it can have had its answer.
fn apply(operation: &Operation, content: Option<u32>) -> Option<Option<u32>> {
    use Answered::{Content, Done, Exists, NotFound, Unknown};
    use Asked::{Create, Delete, Read, Update};
    match (operation.asked, operation.answered, content) {
        (Create(new), Done | Unknown, None) => Some(Some(new)),
        (Create(_), Exists, Some(_)) => Some(content),
        (Update(new), Done | Unknown, Some(_)) => Some(Some(new)),
        (Delete, Done | Unknown, Some(_)) => Some(None),
        (Update(_) | Delete | Read, NotFound, None) => Some(None),
        (Read, Content(read), Some(now)) if read == now => Some(content),
        _ => None,
    }
}

/// A history in which times are numbers.
fn history(operations: &[(Asked, Answered, u64, u64)]) -> Vec<Operation> {
    let zero = Instant::now();
    let at = |seconds| zero + std::time::Duration::from_secs(seconds);
    operations
        .iter()
        .map(|&(asked, answered, from, to)| Operation {
            asked,
            answered,
            from: at(from),
            to: at(to),
        })
        .collect()
}

/// The checker finds what it is for, and nothing else.
pub(crate) fn check_the_checker() {
    use Answered::{Content, Done, Exists, NotFound, Unknown};
    use Asked::{Create, Read, Update};
    for (operations, expected) in [
        (
            &[(Create(1), Done, 0, 1), (Read, Content(1), 2, 3)][..],
            true,
        ),
        (&[(Create(1), Done, 0, 1), (Create(2), Done, 0, 1)], false),
        (&[(Create(1), Done, 0, 1), (Create(2), Exists, 0, 1)], true),
        (&[(Create(1), Done, 0, 1), (Read, NotFound, 2, 3)], false),
        (&[(Create(1), Done, 0, 2), (Read, NotFound, 1, 3)], true),
        (
            &[(Create(1), Unknown, 0, 1), (Read, Content(1), 8, 9)],
            true,
        ),
        (&[(Create(1), Unknown, 0, 1), (Read, NotFound, 8, 9)], true),
        (
            &[
                (Create(1), Done, 0, 1),
                (Update(2), Unknown, 2, 3),
                (Read, Content(2), 4, 5),
                (Read, Content(1), 6, 7),
            ],
            false,
        ),
    ] {
        let history = history(operations);
        assert_eq!(is_linearizable(&history), expected, "{operations:?}");
    }
}
