//! What the figures were measured on.

use std::fs;
use std::process::Command;

use crate::peers::node;

/// Names the machine and the versions, one line each.
pub fn describe() -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    vec![
        format!(
            "{cores} cores, {}, {} of memory, Linux {}",
            line_of("/proc/cpuinfo", "model name"),
            line_of("/proc/meminfo", "MemTotal"),
            kernel.trim()
        ),
        format!(
            "RabbitMQ {}, {}, Node {}, {}",
            first_line("rabbitmqctl", &["version"]),
            first_line("redis-server", &["--version"]),
            node::version(),
            first_line("rustc", &["--version"]),
        ),
        format!(
            "Commit {}; load average {load} before the run began",
            first_line("git", &["describe", "--always", "--dirty"])
        ),
    ]
}

fn line_of(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(':'));
    value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    output
        .ok()
        .and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or_else(|| format!("{program} unknown"))
}
