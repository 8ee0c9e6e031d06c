//! What a process used, from `/proc`; see proc(5).

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Length of a tick in `/proc/PID/stat`: the kernel shows a hundredth of a second to every program.
const TICK: Duration = Duration::from_millis(10);

/// What a process used since its start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Processor time, its own and the kernel's for it.
    pub cpu: Duration,
    /// How often its threads gave the processor away, of their own accord or not.
    pub switches: u64,
    /// Memory at present.
    pub rss_bytes: u64,
}

impl Usage {
    /// Processor seconds since an earlier reading.
    pub fn cpu_since(&self, before: &Self) -> f64 {
        self.cpu.saturating_sub(before.cpu).as_secs_f64()
    }

    /// Reads it.
    pub fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process ended")?;
        // `pid (name) state …`: the name may contain anything.
        let (_, fields) = stat.rsplit_once(") ").context("/proc/PID/stat")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        // Ended, and not yet waited for.
        ensure!(fields.first() != Some(&"Z"), "the process ended");
        let ticks = |index: usize| fields.get(index)?.parse::<u32>().ok();
        let ticks = ticks(11).zip(ticks(12)).context("/proc/PID/stat")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(Self {
            cpu: TICK * (ticks.0 + ticks.1),
            switches: switches(pid)?,
            rss_bytes: field(&status, "VmRSS:") * 1024,
        })
    }
}

/// Context switches of all threads.
fn switches(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end at any moment.
        let status = fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        sum += field(&status, "voluntary_ctxt_switches:");
        sum += field(&status, "nonvoluntary_ctxt_switches:");
    }
    Ok(sum)
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_has_switched() {
        std::thread::sleep(Duration::from_millis(1));

        let usage = Usage::of(std::process::id()).unwrap();

        assert!(usage.rss_bytes > 100_000, "{usage:?}");
        assert!(usage.switches > 0, "{usage:?}");
    }
}
