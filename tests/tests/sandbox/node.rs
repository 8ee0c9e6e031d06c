//! Pipedrive's official client, against the sandbox.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bridge_tests::sandbox::pipedrive::{Sandbox, SandboxConfig};
use bridge_tests::servers::skipped;

#[test]
fn the_official_node_client_is_content_with_the_sandbox() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    if let Err(reason) = install(&folder) {
        return skipped("the check with the official Node client", &reason);
    }
    let sandbox = Sandbox::spawn(SandboxConfig::default());

    let output = Command::new("node")
        .arg("check.mjs")
        .current_dir(&folder)
        .env("SANDBOX_URL", sandbox.base_url())
        .env("SANDBOX_API_TOKEN", sandbox.api_token())
        .output()
        .unwrap();

    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(
        (sandbox.persons().len(), sandbox.activities().len()),
        (1, 1)
    );
}

/// Makes sure that the client is there, or says why it cannot be.
fn install(folder: &Path) -> Result<(), String> {
    run(folder, "node", &["--version"])?;
    run(folder, "npm", &["--version"])?;
    let installed: PathBuf = folder.join("node_modules/pipedrive/package.json");
    if installed.exists() {
        return Ok(());
    }
    run(
        folder,
        "npm",
        &["ci", "--no-audit", "--no-fund", "--ignore-scripts"],
    )
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output();
    match output {
        Err(error) => Err(format!("{program} cannot be run: {error}")),
        Ok(output) if !output.status.success() => Err(format!(
            "{program} {} failed: {}",
            arguments.join(" "),
            said(&output)
        )),
        Ok(_) => Ok(()),
    }
}

fn said(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("{out}{err}")
}
