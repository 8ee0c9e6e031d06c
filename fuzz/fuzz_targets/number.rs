//! Any text in place of a telephone number.
#![no_main]

#[path = "../check.rs"]
#[allow(dead_code, reason = "each target runs one of the checks")]
mod check;

use std::hint::black_box;

use shared::domain::phone::{Party, Region, is_same, read_party};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for region in [None, Region::parse("US").ok(), Region::parse("MX").ok()] {
        check::check_number(text, region);
    }
    if let Party::Number(number) = read_party(Some("+12025550143"), None) {
        black_box(is_same(text, &number, Region::parse("US").ok()));
    }
});
