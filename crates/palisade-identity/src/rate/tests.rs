use std::sync::Barrier;

use proptest::prelude::*;

use super::*;

fn limiter(per_second: u32, burst: u32) -> RateLimiter {
    RateLimiter::new(Rate::new(per_second, burst).unwrap())
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn wait(wait: Duration) -> Result<(), RateLimited> {
    Err(RateLimited::Wait { wait })
}

#[test]
fn the_burst_is_there_at_once_and_then_the_rate() {
    let limiter = limiter(10, 3);
    let start = millis(5000);
    for _request in 0..3 {
        assert_eq!(limiter.take(1, start), Ok(()));
    }
    assert_eq!(limiter.take(1, start), wait(millis(100)));
    assert_eq!(limiter.take(1, start + millis(99)), wait(millis(1)));
    assert_eq!(limiter.take(1, start + millis(100)), Ok(()));
    assert_eq!(limiter.take(1, start + millis(100)), wait(millis(100)));
    // What was not used comes back, up to the burst and no further.
    let later = start + millis(60_000);
    for _request in 0..3 {
        assert_eq!(limiter.take(1, later), Ok(()));
    }
    assert_eq!(limiter.take(1, later), wait(millis(100)));
}

#[test]
fn who_waits_as_told_is_allowed_and_a_nanosecond_earlier_is_not() {
    let limiter = limiter(7, 2);
    assert_eq!(limiter.take(2, millis(3)), Ok(()));
    let Err(RateLimited::Wait { wait }) = limiter.take(1, millis(3)) else { panic!() };
    assert!(limiter.take(1, millis(3) + wait - Duration::from_nanos(1)).is_err());
    assert_eq!(limiter.take(1, millis(3) + wait), Ok(()));
}

#[test]
fn a_rate_that_does_not_divide_a_second_is_rounded_against_the_caller() {
    let limiter = limiter(3, 1);
    let nanos = Duration::from_nanos;
    assert_eq!(limiter.take(1, nanos(0)), Ok(()));
    assert_eq!(limiter.take(1, nanos(333_333_333)), wait(nanos(1)));
    assert_eq!(limiter.take(1, nanos(333_333_334)), Ok(()));
}

#[test]
fn several_requests_are_taken_together_or_not_at_all() {
    let limiter = limiter(10, 5);
    assert_eq!(limiter.take(3, millis(0)), Ok(()));
    assert_eq!(limiter.take(3, millis(0)), wait(millis(100)));
    assert_eq!(limiter.take(2, millis(0)), Ok(()));
    assert_eq!(limiter.take(6, millis(900_000)), Err(RateLimited::Never));
    assert_eq!(limiter.take(5, millis(900_000)), Ok(()));
    assert_eq!(limiter.take(0, millis(900_000)), Ok(()));
}

#[test]
fn a_time_that_goes_back_gives_nothing_back() {
    let limiter = limiter(10, 1);
    assert_eq!(limiter.take(1, millis(1000)), Ok(()));
    assert_eq!(limiter.take(1, millis(0)), wait(millis(1100)));
    assert_eq!(limiter.take(1, millis(1099)), wait(millis(1)));
    assert_eq!(limiter.take(1, millis(1100)), Ok(()));
}

#[test]
fn at_the_end_of_time_nothing_is_refilled() {
    let limiter = limiter(1, 2);
    assert!(limiter.take(1, Duration::MAX).is_err());
    assert!(limiter.take(1, Duration::from_nanos(u64::MAX)).is_err());
}

#[test]
fn a_rate_lies_between_one_and_its_limits() {
    assert!(Rate::new(1, 1).is_ok());
    let most = Rate::new(RATE_PER_SECOND_MAX, RATE_BURST_MAX).unwrap();
    assert_eq!((most.per_second(), most.burst()), (RATE_PER_SECOND_MAX, RATE_BURST_MAX));
    assert_eq!(Rate::new(0, 1), Err(RateError::PerSecond { per_second: 0 }));
    assert_eq!(Rate::new(1, 0), Err(RateError::Burst { burst: 0 }));
    let per_second = RATE_PER_SECOND_MAX + 1;
    assert_eq!(Rate::new(per_second, 1), Err(RateError::PerSecond { per_second }));
    let burst = RATE_BURST_MAX + 1;
    assert_eq!(Rate::new(1, burst), Err(RateError::Burst { burst }));
    assert_eq!(Rate::default(), Rate::DEFAULT);
    assert_eq!(Rate::new(1000, 1000), Ok(Rate::DEFAULT));
    assert_eq!(RateLimiter::new(most).rate(), most);
}

#[test]
fn the_slowest_rate_with_the_largest_burst_does_not_overflow() {
    let limiter = limiter(1, RATE_BURST_MAX);
    assert_eq!(limiter.take(RATE_BURST_MAX, Duration::ZERO), Ok(()));
    assert_eq!(limiter.take(1, Duration::ZERO), wait(Duration::from_secs(1)));
    assert_eq!(limiter.take(u32::MAX, Duration::ZERO), Err(RateLimited::Never));
}

#[test]
fn threads_together_get_exactly_the_burst() {
    const THREADS: u32 = 4;
    const ATTEMPTS: u32 = 250_000;
    // Now and then the threads run one after another; then a round shows nothing.
    for round in 0..20 {
        let burst = RATE_BURST_MAX / 2;
        let limiter = limiter(1, burst);
        let start = Barrier::new(THREADS as usize);
        let take = || {
            start.wait();
            // All at one instant: nothing is refilled meanwhile.
            let taken = (0..ATTEMPTS).filter(|_attempt| limiter.take(1, millis(7)).is_ok());
            u32::try_from(taken.count()).unwrap()
        };
        let allowed: u32 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_thread| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, burst, "in round {round}");
    }
}

proptest! {
    /// Every window between two allowed requests, with times that also go back a little.
    #[test]
    fn no_window_has_more_than_the_burst_and_the_rate(
        per_second in 1..2000_u32,
        burst in 1..20_u32,
        steps in prop::collection::vec((0..3_000_000_u64, 0..500_000_u64, 1..4_u32), 1..200),
    ) {
        let limiter = limiter(per_second, burst);
        let mut time = 1_000_000_u64;
        let mut allowed = Vec::new();
        for (forward, back, requests) in steps {
            time += forward;
            let told = time - back;
            if limiter.take(requests, Duration::from_nanos(told)).is_ok() {
                allowed.push((told, requests));
            }
        }
        for (index, (first, _)) in allowed.iter().enumerate() {
            let (mut earliest, mut latest, mut sum) = (*first, *first, 0_u64);
            for (told, requests) in &allowed[index..] {
                (earliest, latest) = (earliest.min(*told), latest.max(*told));
                sum += u64::from(*requests);
                let refilled = (latest - earliest) * u64::from(per_second) / 1_000_000_000;
                prop_assert!(sum <= u64::from(burst) + refilled, "{sum} in {}", latest - earliest);
            }
        }
    }

    /// Not only never more, but as much as there is: who asks steadily at the rate is served.
    #[test]
    fn a_steady_caller_within_its_rate_is_never_refused(
        per_second in 1..=RATE_PER_SECOND_MAX,
        burst in 1..100_u32,
        slack in prop::collection::vec(0..1_000_000_u64, 1..100),
    ) {
        let limiter = limiter(per_second, burst);
        let interval = 1_000_000_000_u64.div_ceil(u64::from(per_second));
        let mut time = 0;
        for more in slack {
            prop_assert_eq!(limiter.take(1, Duration::from_nanos(time)), Ok(()));
            time += interval + more;
        }
    }
}
