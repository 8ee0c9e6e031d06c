//! Rate limit for failed authentications of one source: ten are answered at once, then one a second.
//!
//! Only failures wait, and nothing else waits for them. The limit does not protect the secrets, which are too long to be
//! guessed at any rate; it keeps a sender with an old secret, or an attacker, from becoming a load.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZero;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Failures that are answered at once; then one a second.
const BURST: u32 = 10;
const PER_SECOND: u32 = 1;
/// Below the usual timeout of clients, which repeat a request without an answer.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Failures that may wait at once; each holds a connection.
const MAX_WAITING: usize = 256;
/// Sources that are counted separately. All others share one count.
const MAX_SOURCES: usize = 4096;

/// A source of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    V4(Ipv4Addr),
    /// An IPv6 /64, the smallest block that a site is assigned.
    V6([u16; 4]),
    Crowd,
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// The delay of an answer to a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The failure is answered at once.
    AtOnce,
    /// The answer has waited.
    AfterAWait,
    /// Too many answers wait already: this one is refused.
    Never,
}

/// The rate limiter over the sources of recent failures.
pub struct Failures<C: Clock = DefaultClock> {
    limiter: RateLimiter<Source, HashMapStateStore<Source>, C, NoOpMiddleware<C::Instant>>,
    waiting: Semaphore,
}

impl Default for Failures {
    fn default() -> Self {
        Self::with_clock(DefaultClock::default())
    }
}

impl<C: Clock> Failures<C> {
    fn with_clock(clock: C) -> Self {
        let number = |n| NonZero::new(n).unwrap_or(NonZero::<u32>::MIN);
        let quota = Quota::per_second(number(PER_SECOND)).allow_burst(number(BURST));
        Self {
            limiter: RateLimiter::hashmap_with_clock(quota, clock),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }

    /// Waits until a failure from `address` may be answered, at most a few seconds.
    pub async fn slow_down(&self, address: IpAddr) -> Answered {
        let Some(mut turn) = self.turn(address) else {
            return Answered::AtOnce;
        };
        let Ok(_place) = self.waiting.try_acquire() else {
            return Answered::Never;
        };
        let deadline = Instant::now() + MAX_WAIT;
        // Waiting answers of one source have no order: whichever wakes first takes the slot.
        loop {
            let wake = Instant::now() + turn;
            tokio::time::sleep_until(wake.min(deadline)).await;
            match self.turn(address) {
                Some(next) if wake < deadline => turn = next,
                _ => return Answered::AfterAWait,
            }
        }
    }

    /// The time until the next slot of `address`; `None` when a slot was free, and is now used.
    fn turn(&self, address: IpAddr) -> Option<Duration> {
        if self.limiter.len() >= MAX_SOURCES {
            self.limiter.retain_recent();
        }
        let source = if self.limiter.len() < MAX_SOURCES {
            address.into()
        } else {
            Source::Crowd
        };
        let not_until = self.limiter.check_key(&source).err()?;
        Some(not_until.wait_time_from(self.limiter.clock().now()))
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn failures() -> (Failures<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Failures::with_clock(clock.clone()), clock)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn spend(failures: &Failures<FakeRelativeClock>, address: IpAddr) {
        for nth in 1..=BURST {
            assert_eq!(failures.turn(address), None, "failure {nth}");
        }
    }

    #[test]
    fn after_ten_failures_a_source_has_one_a_second() {
        let (failures, clock) = failures();
        let address = ip("203.0.113.9");

        spend(&failures, address);

        assert_eq!(failures.turn(address), Some(Duration::from_secs(1)));
        clock.advance(Duration::from_millis(400));
        assert_eq!(failures.turn(address), Some(Duration::from_millis(600)));
        clock.advance(Duration::from_millis(600));
        assert_eq!(failures.turn(address), None);
        assert_eq!(failures.turn(address), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_an_ipv6_network() {
        let (failures, _) = failures();
        spend(&failures, ip("203.0.113.9"));
        spend(&failures, ip("2001:db8:0:1::9"));

        assert!(failures.turn(ip("203.0.113.9")).is_some());
        assert!(failures.turn(ip("2001:db8:0:1:ffff::1")).is_some());
        assert!(failures.turn(ip("203.0.113.10")).is_none());
        assert!(failures.turn(ip("2001:db8:0:2::9")).is_none());
    }

    #[test]
    fn memory_is_bounded_and_a_flood_is_one_source() {
        let (failures, clock) = failures();
        let nth = |n: u32| IpAddr::V4(Ipv4Addr::from(0x0A00_0000 + n));
        let count = u32::try_from(MAX_SOURCES).unwrap();
        for n in 0..count * 2 {
            failures.turn(nth(n));
        }

        assert!(failures.limiter.len() <= MAX_SOURCES + 1);
        assert!(failures.turn(nth(count * 2)).is_some(), "one of the crowd");
        clock.advance(Duration::from_secs(60));
        assert_eq!(failures.turn(nth(count * 2)), None);
        assert_eq!(failures.limiter.len(), 1, "the others are forgotten");
    }

    #[tokio::test]
    async fn when_too_many_wait_no_more_do() {
        let (failures, _) = failures();
        let address = ip("203.0.113.9");
        spend(&failures, address);
        let all = u32::try_from(MAX_WAITING).unwrap();
        let _places = failures.waiting.try_acquire_many(all).unwrap();

        assert_eq!(failures.slow_down(address).await, Answered::Never);
        assert_eq!(
            failures.slow_down(ip("203.0.113.10")).await,
            Answered::AtOnce
        );
    }
}
