//! One pass over a stream with every thread busy: reading ahead, working, writing in order.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use readlens_fault::Result;

/// Takes `items` from a thread of their own, does `work` on rayon's global pool, on `at_once` items
/// (1 or more) at a time, and gives the results to `take`, on the calling thread, in the order of
/// the items: what comes out does not depend on the number of threads.
///
/// Besides the items in work, one is read ahead and one result is being taken, so memory is bounded
/// however long the stream. Call it from outside the pool, which could otherwise wait for itself.
///
/// # Errors
/// The first fault in the order of the items, whether of `items`, `work` or `take`; items behind
/// it are dropped.
pub fn in_order<I: Send, O: Send>(
    at_once: usize,
    items: impl Iterator<Item = Result<I>> + Send,
    work: impl Fn(I) -> Result<O> + Sync,
    take: impl FnMut(O) -> Result<()>,
) -> Result<()> {
    let (work, has_ended) = (&work, &AtomicBool::new(false));
    thread::scope(|scope| {
        // An item's work is given out once its result is waited for or has a place in the channel.
        let (queue, results) = sync_channel(at_once.saturating_sub(1));
        let reading = scope.spawn(move || {
            rayon::in_place_scope(|pool| {
                for item in items {
                    let (done, result) = sync_channel(1);
                    if queue.send(result).is_err() {
                        break;
                    }
                    // Results that nobody waits for any more are dropped.
                    let is_fault = item.is_err();
                    pool.spawn(move |_| {
                        if !has_ended.load(Ordering::Relaxed) {
                            let _ = done.send(item.and_then(work));
                        }
                    });
                    if is_fault {
                        break;
                    }
                }
            });
        });
        let outcome = take_all(results, take);
        has_ended.store(true, Ordering::Relaxed);
        if let Err(panic) = reading.join() {
            resume_unwind(panic);
        }
        outcome
    })
}

/// Ends early without a fault only where a result is missing: then `work` has panicked, and the
/// thread that gave it out passes the panic on.
fn take_all<O>(
    results: Receiver<Receiver<Result<O>>>,
    mut take: impl FnMut(O) -> Result<()>,
) -> Result<()> {
    for result in results {
        let Ok(result) = result.recv() else { break };
        take(result?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use readlens_fault::Fault;

    use super::*;

    fn fault(text: impl std::fmt::Display) -> Fault {
        Fault::usage(text.to_string())
    }

    /// Later items are done sooner.
    fn slowly(i: u64) -> u64 {
        thread::sleep(Duration::from_millis(10 - i % 10));
        i * i
    }

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let mut taken = Vec::new();
        let note = |i| {
            taken.push(i);
            Ok(())
        };
        in_order(3, (0..50).map(Ok), |i| Ok(slowly(i)), note).unwrap();
        assert_eq!(taken, (0..50).map(|i| i * i).collect::<Vec<_>>());
    }

    #[test]
    fn no_items_are_no_work() {
        in_order(3, std::iter::empty::<Result<u64>>(), Ok, |_| Err(fault("taken"))).unwrap();
    }

    #[test]
    fn the_fault_of_the_earliest_item_wins() {
        // Item 20 cannot be read, item 13 cannot be worked on, and what came of 7 not be taken.
        for (first, refuses_result) in [("work 13", false), ("take 7", true)] {
            let items = (0..50).map(|i| if i == 20 { Err(fault("item 20")) } else { Ok(i) });
            let work = |i| if i == 13 { Err(fault("work 13")) } else { Ok((i, slowly(i))) };
            let mut taken = 0;
            let take = |(i, _)| {
                taken += 1;
                if i == 7 && refuses_result { Err(fault("take 7")) } else { Ok(()) }
            };
            let outcome = in_order(3, items, work, take).unwrap_err();
            assert!(outcome.to_string().contains(first), "{outcome}");
            assert_eq!(taken, if refuses_result { 8 } else { 13 });
        }
        let items = (0..50).map(|i| if i == 3 { Err(fault("item 3")) } else { Ok(i) });
        let outcome = in_order(3, items, |i| Ok(slowly(i)), |_| Ok(())).unwrap_err();
        assert!(outcome.to_string().contains("item 3"), "{outcome}");
    }

    #[test]
    fn few_items_are_read_ahead() {
        let (read, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let items = (0..200_u64).map(|i| {
            read.fetch_add(1, Ordering::SeqCst);
            Ok(i)
        });
        let take = |_| {
            let ahead = read.load(Ordering::SeqCst) - taken.fetch_add(1, Ordering::SeqCst);
            // What is taken, what is in work and what is read ahead.
            assert!(ahead <= 1 + 3 + 1, "{ahead}");
            thread::sleep(Duration::from_millis(1));
            Ok(())
        };
        in_order(3, items, Ok, take).unwrap();
        assert_eq!(taken.into_inner(), 200);
    }

    #[test]
    fn an_endless_stream_ends_with_a_fault() {
        let outcome =
            in_order(
                3,
                (0..).map(Ok),
                Ok,
                |i: u64| if i < 99 { Ok(()) } else { Err(fault("enough")) },
            );
        assert!(outcome.unwrap_err().to_string().contains("enough"));
    }

    #[test]
    #[should_panic(expected = "broken work")]
    fn a_panic_is_passed_on() {
        let work = |i: u64| if i == 5 { panic!("broken work") } else { Ok(i) };
        let _ = in_order(3, (0..50).map(Ok), work, |_| Ok(()));
    }
}
