//! The same work on many things by several threads, in order.

use std::{num::NonZeroUsize, thread};

/// Below this, starting threads costs more than it saves.
const ITEMS_MIN: usize = 64;

/// As many threads as the machine has processors for us.
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// What `work` makes of each item, in the order of the items, by up to so many threads.
pub fn map<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let enough = items.len() >= ITEMS_MIN;
    map_each(if enough { threads } else { 1 }, items, work)
}

/// As [`map`], for items that are each worth a thread.
pub fn map_each<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let share = items.len().div_ceil(threads.max(1)).max(1);
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let parts: Vec<_> = items
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<R>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| match part.join() {
                Ok(made) => made,
                // Whoever panicked here would have without threads.
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept_whatever_the_number_of_threads() {
        for count in [0, 1, ITEMS_MIN, 1000] {
            let items: Vec<usize> = (0..count).collect();
            let expected: Vec<usize> = items.iter().map(|it| it * 2).collect();
            for threads in [0, 1, 2, 3, 16] {
                assert_eq!(map(threads, &items, |it| it * 2), expected);
            }
        }
    }
}
