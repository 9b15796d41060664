use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::{Batch, Committed, WriteFailure};
use crate::shard::Shards;
use crate::testing::{block_on, wait_until};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task that waits, as an executor has it.
struct Task {
    future: Option<Committed>,
    wakes: Arc<Count>,
    /// It was polled and told to wait.
    waits: bool,
    done: bool,
}

impl Task {
    fn of(batch: &Arc<Batch>) -> Self {
        let future = Some(Committed::of(Arc::clone(batch)));
        Self { future, wakes: Arc::default(), waits: false, done: false }
    }

    fn poll(&mut self) {
        let Some(future) = &mut self.future else { return };
        // Each time with a waker of its own, as tasks that move have.
        let waker = Waker::from(Arc::clone(&self.wakes));
        match Pin::new(future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(_) => {
                self.future = None;
                self.done = true;
            }
            Poll::Pending => self.waits = true,
        }
    }
}

/// Everything that three tasks and the writer can do in seven steps, in every order.
#[test]
fn nobody_is_stranded_in_any_order() {
    let mut orders = 0;
    for order in 0..7_u32.pow(6) {
        let steps: Vec<_> = (0..6).map(|place| order / 7_u32.pow(place) % 7).collect();
        // The batch completes once; where it does not, it does in the end.
        if steps.iter().filter(|step| **step == 6).count() > 1 {
            continue;
        }
        orders += 1;
        let batch = Arc::new(Batch::default());
        let mut tasks: Vec<_> = (0..3).map(|_| Task::of(&batch)).collect();
        let mut completed = false;
        for step in steps.iter().copied().chain([6]) {
            let task = usize::try_from(step).unwrap() % 3;
            match step {
                0..3 => tasks[task].poll(),
                3..6 => tasks[task].future = None,
                _ if completed => {}
                _ => {
                    let woken = || {
                        tasks.iter().map(|task| task.wakes.0.load(Ordering::SeqCst)).sum::<usize>()
                    };
                    assert_eq!(woken(), 0, "woken before: {steps:?}");
                    batch.complete(Ok(()));
                    completed = true;
                    assert!(woken() <= 1, "the writer wakes one: {steps:?}");
                }
            }
        }
        // The executor polls who was woken until nobody is any more.
        while let Some(task) = tasks
            .iter_mut()
            .find(|task| task.future.is_some() && task.wakes.0.swap(0, Ordering::SeqCst) > 0)
        {
            task.poll();
        }
        for task in tasks {
            assert!(task.future.is_none() || !task.waits, "stranded: {steps:?}");
        }
    }
    assert!(orders > 50_000);
}

/// The last to hold a task may be the waker that the batch has.
#[test]
fn a_waker_may_hold_somebody_who_waits_for_the_same_batch() {
    struct Holding(
        #[expect(dead_code, reason = "held until it is dropped")] Mutex<Option<Committed>>,
    );
    impl Wake for Holding {
        fn wake(self: Arc<Self>) {}
    }
    let thread = std::thread::spawn(|| {
        let batch = Arc::new(Batch::default());
        let waker = |batch: &Arc<Batch>| {
            let mut other = Committed::of(Arc::clone(batch));
            let polled = Pin::new(&mut other).poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
            Waker::from(Arc::new(Holding(Mutex::new(Some(other)))))
        };
        let mut future = Committed::of(Arc::clone(&batch));
        for _ in 0..3 {
            let waker = waker(&batch);
            assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        drop(future);
        let mut future = Committed::of(Arc::clone(&batch));
        let waker = waker(&batch);
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        batch.complete(Ok(()));
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())).is_ready());
    });
    wait_until("no lock is held", || thread.is_finished());
    thread.join().unwrap();
}

#[test]
fn all_are_told_the_same() {
    let batch = Arc::new(Batch::default());
    let failure = WriteFailure::from(&std::io::Error::from_raw_os_error(28));
    batch.complete(Err(failure));
    // What was said first holds.
    batch.complete(Ok(()));
    for _ in 0..2 {
        let error = block_on(Committed::of(Arc::clone(&batch))).unwrap_err();
        assert_eq!(error.0.kind(), std::io::ErrorKind::StorageFull);
        assert!(error.0.to_string().contains("No space left"));
    }
}

#[test]
fn threads_that_wait_and_threads_that_give_up() {
    for round in 0..300 {
        let batch = Arc::new(Batch::default());
        std::thread::scope(|scope| {
            for waiter in 0..6 {
                let batch = Arc::clone(&batch);
                scope.spawn(move || {
                    let mut future = Committed::of(batch);
                    if (waiter + round) % 3 == 0 {
                        let mut context = Context::from_waker(Waker::noop());
                        let _gives_up = Pin::new(&mut future).poll(&mut context);
                    } else {
                        block_on(future).unwrap();
                    }
                });
            }
            scope.spawn(|| batch.complete(Ok(())));
        });
    }
}

#[test]
fn a_thread_that_dies_while_it_encodes_leaves_the_shard_whole() {
    let shards = Arc::new(Shards::new());
    let dying = Arc::clone(&shards);
    let died = std::thread::spawn(move || {
        dying.push(|frames| frames.extend(b"first")).unwrap();
        let pushed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            dying.push(|frames| {
                frames.extend(b"half");
                panic!("a bug in encoding");
            })
        }));
        assert!(pushed.is_err());
        dying.push(|frames| frames.extend(b"second")).unwrap();
    });
    died.join().unwrap();
    let mut taken = Vec::new();
    shards.take(Default::default, |shard| taken.push(shard));
    let reserved = crate::frame::RESERVED_BYTES;
    let ends: Vec<_> = taken.iter().flat_map(|shard| shard.ends.clone()).collect();
    assert_eq!(ends, [reserved + 5, 2 * reserved + 11]);
    assert!(taken[0].frames.ends_with(b"second"));
}

#[test]
fn a_shard_that_is_dropped_leaves_nobody_waiting() {
    let shards = Shards::new();
    let (batch, _) = shards.push(|frames| frames.extend(b"x")).unwrap();
    shards.take(Default::default, drop);
    assert!(block_on(Committed::of(batch)).is_err());
}
