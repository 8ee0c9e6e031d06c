//! How the sandbox misbehaves during a campaign: now and then in every way it can, by a chance that the seed makes.

use std::time::Duration;

use crate::sandbox::pipedrive::{Control, Fault, FaultRule};

/// The slowest answer; together with the longest late effect well under a request's timeout and `settle_time`.
const SLOW: Duration = Duration::from_millis(800);
/// The latest effect after its connection was cut.
const LATEST: Duration = Duration::from_millis(1_200);

/// Where an app refreshes its tokens.
pub(super) const TOKENS: &str = "/oauth/token";

/// Puts the misbehaviour in force.
pub(super) fn begin(pipedrive: &Control, seed: u64) {
    let mut seeds = seed.wrapping_mul(1_000)..;
    let mut by_chance = |method: &str, path: &str, chance: f64, fault: Fault| {
        let seed = seeds.next().unwrap_or(seed);
        pipedrive.add_fault(FaultRule::always(method, path, fault).by_chance(chance, seed));
    };
    let writes = [
        ("POST", "/api/v2/activities"),
        ("POST", "/api/v2/persons"),
        ("PATCH", "/api/v2/activities/*"),
    ];
    for (method, path) in writes {
        for (chance, fault) in [
            (0.020, Fault::CutAfterEffect),
            (0.010, Fault::CutBeforeEffect),
            (0.010, Fault::server_error_before_effect(503)),
            (0.010, Fault::server_error_after_effect(500)),
            (0.010, Fault::TruncateAnswer),
            (0.010, Fault::unreadable_answer()),
            (0.005, Fault::unsuccessful_answer(true)),
            (0.005, Fault::apply_late(LATEST / 4)),
            (0.010, Fault::apply_late(LATEST)),
            (0.010, Fault::latency_before(SLOW)),
            (0.020, Fault::latency_after(SLOW)),
        ] {
            by_chance(method, path, chance, fault);
        }
    }
    // Dead letters: what Pipedrive forbids is not tried again.
    by_chance("POST", "/api/v2/activities", 0.002, Fault::forbidden());
    for (chance, fault) in [
        (0.005, Fault::CutBeforeEffect),
        (0.005, Fault::TruncateAnswer),
        (0.005, Fault::server_error_before_effect(502)),
        (0.005, Fault::unreadable_answer()),
        (0.020, Fault::latency_before(SLOW)),
        // Everybody pauses for two seconds.
        (0.000_3, Fault::burst_limit()),
    ] {
        by_chance("GET", "/api/v2/**", chance, fault);
    }
    for (chance, fault) in [
        (0.10, Fault::CutAfterEffect),
        (0.05, Fault::CutBeforeEffect),
        (0.10, Fault::server_error_before_effect(503)),
        (0.05, Fault::server_error_after_effect(500)),
        (0.05, Fault::TruncateAnswer),
        (0.10, Fault::latency_after(SLOW)),
    ] {
        by_chance("POST", TOKENS, chance, fault);
    }
}
