//! Ten minutes of a backlog in simulated time: the scripts run in an interpreter of Lua, with what they use of Redis.
//!
//! Pipedrive does not document what its 2 seconds are, so every reading is counted: any 2 seconds, fixed windows, a bucket.

mod pipedrive;
mod redis;
mod run;

use std::time::Duration;

use self::pipedrive::Reading;
use self::run::{Run, Scene};

const TEN_MINUTES: Duration = Duration::from_secs(600);
/// What follows is as it was by then: the longest scene runs for ten minutes, the others are to end soon.
const TWO_MINUTES: Duration = Duration::from_secs(120);

fn scene(limits: [u32; 2], workers: usize, shown: Reading) -> Scene {
    Scene {
        limits,
        workers,
        shown,
        way: Duration::from_millis(2),
        service: Duration::from_millis(2),
        others_from: None,
        lasts: TEN_MINUTES,
    }
}

fn assert_is_used(scene: Scene) {
    let ended = Run::new(scene).ended();

    let [requests, searches] = ended.parts_used();
    println!("{scene:?}: {requests:.4} of requests, {searches:.4} of searches");
    assert_eq!(ended.refused, [0; 3], "{scene:?}: refused by each reading");
    assert!(requests >= 0.98, "{requests:.4} of requests: {scene:?}");
    assert!(searches >= 0.98, "{searches:.4} of searches: {scene:?}");
}

#[test]
fn a_backlog_uses_98_percent_of_the_least_plans_allowance_and_exceeds_it_by_no_reading() {
    assert_is_used(scene([20, 10], 4, Reading::AnyWindow));
    for (workers, shown) in [(1, Reading::Bucket), (2, Reading::FixedWindows(700))] {
        assert_is_used(Scene {
            lasts: TWO_MINUTES,
            ..scene([20, 10], workers, shown)
        });
    }
}

#[test]
fn a_backlog_uses_98_percent_of_an_apps_allowance_and_exceeds_it_by_no_reading() {
    let shown = [
        (1, Reading::FixedWindows(1_300)),
        (2, Reading::Bucket),
        (4, Reading::AnyWindow),
    ];
    for (workers, shown) in shown {
        assert_is_used(Scene {
            lasts: TWO_MINUTES / 2,
            ..scene([80, 10], workers, shown)
        });
    }
}

/// As far away as Pipedrive is: what an answer takes is not lost.
#[test]
fn the_way_to_pipedrive_costs_nothing_of_the_allowance() {
    for (way, service) in [(60, 2), (2, 80)] {
        assert_is_used(Scene {
            way: Duration::from_millis(way),
            service: Duration::from_millis(service),
            lasts: TWO_MINUTES,
            ..scene([20, 10], 2, Reading::AnyWindow)
        });
    }
}

/// Another integration takes half of the requests from the second minute on.
#[test]
fn what_another_integration_takes_is_left_to_it_within_one_window() {
    for (limits, workers) in [([20, 10], 1), ([20, 10], 4), ([80, 10], 2)] {
        let others_from = Duration::from_secs(60);
        let scene = Scene {
            others_from: Some(others_from),
            lasts: Duration::from_secs(180),
            ..scene(limits, workers, Reading::AnyWindow)
        };

        let ended = Run::new(scene).ended();

        let window = Duration::from_secs(2);
        let late = ended.refusals_after(others_from + window);
        let part = ended.part_of_half_used(others_from + 3 * window);
        println!(
            "{scene:?}: {} refused, {late} of them late, {part:.4} of the half used",
            ended.refusals_after(Duration::ZERO)
        );
        assert!(late <= 3, "{late} refused in two minutes: {scene:?}");
        assert!(part >= 0.95, "{part:.4} of the half: {scene:?}");
    }
}
