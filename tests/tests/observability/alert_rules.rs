//! Alert rules and dashboard name metrics that exist, and the rules ring when they should.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bridge_tests::servers::{Scratch, Tool, has_tools};
use serde_json::{Value, json};

use super::exposition::documented;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The names of metrics in an expression; the parts of a histogram count as the histogram.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let bridge = words.filter(|word| word.starts_with("bridge_"));
    let whole = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        let whole = parts.iter().find_map(|part| name.strip_suffix(part));
        whole.unwrap_or(name).to_owned()
    };
    bridge.map(whole).collect()
}

fn assert_known(names: &BTreeSet<String>) {
    let documented = documented();
    let unknown: Vec<_> = names
        .iter()
        .filter(|name| !documented.contains_key(*name))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    targets
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect()
}

fn dashboard() -> Value {
    let path = root().join("deploy/grafana/dashboards/bridge.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn promtool(arguments: &[&str], file: &Path) {
    let output = Command::new("promtool")
        .args(arguments)
        .arg(file)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn rules_and_dashboard_name_metrics_that_exist() {
    let rules = fs::read_to_string(root().join("deploy/prometheus/alerts.yml")).unwrap();
    assert_known(&names(&rules));
    let shown = names(&expressions(&dashboard()).join("\n"));
    assert!(shown.len() > 20, "{shown:?}");
    assert_known(&shown);
}

#[test]
fn every_alert_has_its_section_in_the_documentation() {
    let rules = fs::read_to_string(root().join("deploy/prometheus/alerts.yml")).unwrap();
    let text = fs::read_to_string(root().join("docs/OPERATIONS.md")).unwrap();
    let alerts: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        assert!(
            text.contains(&format!("### {alert}\n")),
            "{alert} has no section"
        );
        let link = format!("runbook: docs/OPERATIONS.md#{}", alert.to_lowercase());
        assert!(rules.contains(&link), "{link}");
    }
}

#[test]
fn alerts_ring_when_they_should_and_only_then() {
    if has_tools(&[Tool::Promtool]) {
        for file in ["alerts.yml", "ingest.yml", "silent.yml", "no-webhook.yml"] {
            let file = root().join("deploy/prometheus/tests").join(file);
            promtool(&["test", "rules"], &file);
        }
    }
}

#[test]
fn the_dashboard_asks_what_prometheus_understands() {
    if !has_tools(&[Tool::Promtool]) {
        return;
    }
    let rules: Vec<Value> = expressions(&dashboard())
        .iter()
        .enumerate()
        .map(|(n, expression)| {
            let expression = expression.replace("$__rate_interval", "5m");
            json!({"record": format!("panel:{n}"), "expr": expression})
        })
        .collect();
    // JSON is YAML.
    let groups = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    let scratch = Scratch::create().unwrap();
    let file: PathBuf = scratch.path().join("dashboard.yml");
    fs::write(&file, groups.to_string()).unwrap();

    promtool(&["check", "rules"], &file);
}
