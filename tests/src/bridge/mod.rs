//! The bridge under test: in the test's own process, as processes, or as several instances behind a load balancer.

mod alarm_receiver;
pub mod call_centre;
pub mod day_truth;
pub mod fleet;
pub mod gaps;
mod in_process;
mod oauth;
mod process;
mod settings;
mod webhook;

pub use alarm_receiver::AlarmReceiver;
pub use in_process::{Builder, PATIENCE, TestApp, WEBHOOK_TOKEN};
pub use oauth::ENCRYPTION_KEY;
pub use process::listening;
pub use webhook::{Answer, call, sample};
