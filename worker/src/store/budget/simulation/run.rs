//! Messages that ask, send and are answered, one event after the other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use pipedrive::Limits;
use pipedrive::ports::{Receipt, Spend};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::verdict::Verdict;
use super::super::{
    LONGEST_DELAY, LONGEST_QUEUED, LONGEST_WAIT, TokenBucket, TokenBucketSettings, scripts,
    until_asked_again,
};
use super::pipedrive::{Count, Reading, Time};
use super::redis::SimulatedRedis;
use crate::store::Store;

/// Messages of one worker in progress at once: the default.
const CONCURRENCY: usize = 16;
/// Where simulated time begins: after any window.
const BEGIN: Time = 1_000_000_000_000;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    /// Requests and searches in 2 seconds.
    pub(super) limits: [u32; 2],
    pub(super) workers: usize,
    /// The reading that the headers show, and by which requests are refused.
    pub(super) shown: Reading,
    /// The way to Pipedrive, before a request is counted.
    pub(super) way: Duration,
    /// What an answer takes after that.
    pub(super) service: Duration,
    /// From when on another integration takes half of the requests.
    pub(super) others_from: Option<Duration>,
    pub(super) lasts: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Ask(usize),
    Send(usize),
    Count(usize),
    Answer(usize),
    Other,
}

/// One message after the other, each with one request.
#[derive(Clone, Copy, Debug)]
struct Message {
    is_search: bool,
    began: Time,
    /// The time of the script that granted it, its wait included.
    moment: Time,
    sent: Time,
    planned: Option<Receipt>,
    receipt: Option<Receipt>,
    /// What the answer's headers say: the limit, and what is left; and whether it was refused.
    answer: ((u32, u32), bool),
}

/// A simulation under way, or at its end.
pub(super) struct Run {
    scene: Scene,
    buckets: Vec<TokenBucket>,
    redis: SimulatedRedis,
    random: StdRng,
    events: BinaryHeap<Reverse<(Time, u64, Event)>>,
    number: u64,
    messages: Vec<Message>,
    /// By each reading: requests, and searches.
    counts: [[Count; 2]; 3],
    /// Requests that each reading would have refused.
    pub(super) refused: [u32; 3],
    /// When requests were counted, and which were searches.
    counted: Vec<(Time, bool)>,
    refusals: Vec<Time>,
    real_begin: Instant,
}

impl Run {
    pub(super) fn new(scene: Scene) -> Self {
        let token = (
            "BRIDGE__PIPEDRIVE__API_TOKEN".to_owned(),
            "unused".to_owned(),
        );
        let settings = shared::config::load_from(None, [token]).expect("usable settings");
        let store = Store::new(settings.redis.clone()).expect("usable settings");
        let bucket = || {
            let settings = TokenBucketSettings {
                requests: scene.limits[0],
                searches: scene.limits[1],
                ..TokenBucketSettings::of(&settings.pipedrive)
            };
            TokenBucket::new(store.clone(), settings)
        };
        let buckets = (0..scene.workers).map(|_| bucket()).collect();
        let readings = [
            Reading::AnyWindow,
            Reading::FixedWindows(900),
            Reading::Bucket,
        ];
        let readings = readings.map(|reading| match (reading, scene.shown) {
            (Reading::FixedWindows(_), Reading::FixedWindows(phase)) => {
                Reading::FixedWindows(phase)
            }
            (other, _) => other,
        });
        let counts = readings.map(|reading| scene.limits.map(|limit| Count::new(reading, limit)));
        let mut run = Self {
            scene,
            buckets,
            redis: SimulatedRedis::new(),
            random: StdRng::seed_from_u64(7),
            events: BinaryHeap::new(),
            number: 0,
            messages: Vec::new(),
            counts,
            refused: [0; 3],
            counted: Vec::new(),
            refusals: Vec::new(),
            real_begin: Instant::now(),
        };
        run.begin();
        run
    }

    /// Half of the messages search, the others do not.
    fn begin(&mut self) {
        for n in 0..self.scene.workers * CONCURRENCY {
            self.messages.push(Message {
                is_search: n % 2 == 0,
                began: BEGIN,
                moment: 0,
                sent: 0,
                planned: None,
                receipt: None,
                answer: ((0, 0), false),
            });
            let at = BEGIN + self.some(0, 20_000);
            self.at(at, Event::Ask(n));
        }
        if let Some(from) = self.scene.others_from {
            self.at(BEGIN + micros(from), Event::Other);
        }
    }

    fn at(&mut self, time: Time, event: Event) {
        self.number += 1;
        self.events.push(Reverse((time, self.number, event)));
    }

    fn some(&mut self, least: Time, most: Time) -> Time {
        self.random.random_range(least..=most)
    }

    pub(super) fn ended(mut self) -> Self {
        let end = BEGIN + micros(self.scene.lasts);
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            if now >= end {
                break;
            }
            match event {
                Event::Ask(n) => self.ask(n, now),
                Event::Send(n) => {
                    self.messages[n].sent = now;
                    let way = micros(self.scene.way);
                    let way = self.some(way, way + way / 4);
                    self.at(now + way, Event::Count(n));
                }
                Event::Count(n) => self.count(n, now),
                Event::Answer(n) => self.answer(n, now),
                Event::Other => self.other(now),
            }
        }
        self
    }

    fn bucket(&self, n: usize) -> TokenBucket {
        self.buckets[n % self.buckets.len()].clone()
    }

    fn ask(&mut self, n: usize, now: Time) {
        let asked = now;
        let at_redis = now + self.some(200, 1_500);
        let back = at_redis + self.some(200, 1_500);
        let message = self.messages[n];
        let spend = Spend {
            operation: "simulate",
            tokens: 1,
            is_search: message.is_search,
            is_write: false,
        };
        let waited = Duration::from_micros(now - message.began);
        let mut rest = LONGEST_WAIT.saturating_sub(waited);
        if message.planned.is_some() {
            rest = rest.max(LONGEST_DELAY);
        }
        let bucket = self.bucket(n);
        let call = bucket.take_call(spend, message.planned, rest, 0);
        let answer: Vec<String> = self.redis.run(at_redis, scripts::TAKE, &call);
        let number = |index: usize| answer[index].parse().expect("a number");
        let answer = (answer[0].clone(), number(1), number(2), 0, 0);
        let verdict = Verdict::parse(spend, 0, Duration::ZERO, answer);
        let late = self.some(0, 2_000);
        let message = &mut self.messages[n];
        match verdict.expect("a known word") {
            Verdict::Granted(receipt, wait) => {
                if let Some(wait) = until_asked_again(wait) {
                    message.planned = Some(receipt);
                    self.at(back + micros(wait) + late, Event::Ask(n));
                } else {
                    // Sent as late as a timer is.
                    message.moment = asked + micros(wait);
                    message.receipt = Some(receipt);
                    self.at(back + micros(wait) + late, Event::Send(n));
                }
            }
            Verdict::Wait(wait) => {
                message.began = back + micros(wait.min(LONGEST_QUEUED));
                message.planned = None;
                let again = message.began;
                self.at(again, Event::Ask(n));
            }
            other => panic!("no day ends here: {other:?}"),
        }
    }

    /// Pipedrive counts a request, by every reading.
    fn count(&mut self, n: usize, now: Time) {
        let is_search = self.messages[n].is_search;
        let mut is_shown_refused = false;
        let mut shown = (0, 0);
        for (index, counts) in self.counts.iter_mut().enumerate() {
            let windows = if is_search { 2 } else { 1 };
            let fits = counts[..windows].iter_mut().all(|count| count.fits(now));
            let is_shown = counts[0].is_by(self.scene.shown);
            if fits {
                counts[..windows]
                    .iter_mut()
                    .for_each(|count| count.add(now));
            } else {
                self.refused[index] += 1;
            }
            if is_shown {
                is_shown_refused = !fits;
                let states = counts[..windows].iter_mut();
                let states = states.map(|count| (count.limit(), count.left(now)));
                shown = states.min_by_key(|(_, left)| *left).expect("a window");
            }
        }
        if is_shown_refused {
            self.refusals.push(now);
        } else {
            self.counted.push((now, is_search));
        }
        self.messages[n].answer = (shown, is_shown_refused);
        let service = micros(self.scene.service);
        let back = self.some(service, service + service / 4);
        self.at(now + back, Event::Answer(n));
    }

    fn answer(&mut self, n: usize, now: Time) {
        let message = self.messages[n];
        let (requests, was_refused) = message.answer;
        let receipt = Receipt {
            delay: Duration::from_micros(message.sent - message.moment),
            took: Duration::from_micros(now - message.sent),
            was_refused,
            ..message.receipt.expect("it was granted")
        };
        let limits = Limits {
            requests: Some(requests),
            ..Limits::default()
        };
        let at_redis = now + self.some(200, 1_500);
        let real = self.real_begin + Duration::from_micros(now - BEGIN);
        let bucket = self.bucket(n);
        let call = bucket.learn_call(Some(receipt), limits, real);
        let _: String = self.redis.run(at_redis, scripts::LEARN, &call);
        if was_refused {
            let call = bucket.pause_call(receipt.spend, Duration::from_secs(2));
            let _: String = self.redis.run(at_redis, scripts::PAUSE, &call);
        }
        let next = at_redis + self.some(1_000, 10_000);
        let message = &mut self.messages[n];
        message.planned = None;
        message.began = next;
        self.at(next, Event::Ask(n));
    }

    /// Another integration takes one request, evenly over time.
    fn other(&mut self, now: Time) {
        for counts in &mut self.counts {
            counts[0].add(now);
        }
        let half = Time::from(self.scene.limits[0] / 2);
        self.at(now + 2_000_000 / half, Event::Other);
    }

    /// Which part of the allowance was used, of requests and of searches: their rate after the first window, which is free.
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    pub(super) fn parts_used(&self) -> [f64; 2] {
        let all = |_: &&(Time, bool)| true;
        let searches = |counted: &&(Time, bool)| counted.1;
        let part = |times: Vec<Time>, limit: u32| {
            let windows = (times[times.len() - 1] - times[0]) as f64 / 2_000_000.0;
            (times.len() as f64 - f64::from(limit)) / (windows * f64::from(limit))
        };
        let times = |is_of_it: fn(&&(Time, bool)) -> bool| {
            let counted = self.counted.iter().filter(is_of_it);
            counted.map(|(at, _)| *at).collect()
        };
        let [requests, limit_of_searches] = self.scene.limits;
        [
            part(times(all), requests),
            part(times(searches), limit_of_searches),
        ]
    }

    /// Requests that were refused later than this.
    pub(super) fn refusals_after(&self, begin: Duration) -> usize {
        let begin = BEGIN + micros(begin);
        self.refusals.iter().filter(|at| **at > begin).count()
    }

    /// Which part of half of the requests was used from `begin` on.
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    pub(super) fn part_of_half_used(&self, begin: Duration) -> f64 {
        let windows = self.scene.lasts.saturating_sub(begin).as_secs_f64() / 2.0;
        let begin = BEGIN + micros(begin);
        let used = self.counted.iter().filter(|(at, _)| *at > begin).count();
        used as f64 / (windows * f64::from(self.scene.limits[0]) / 2.0)
    }
}

fn micros(duration: Duration) -> Time {
    Time::try_from(duration.as_micros()).unwrap_or(Time::MAX)
}
